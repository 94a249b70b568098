//! The options of the screen.

use clap::{Args, ValueEnum};

use crate::keymap::Keymap;
use crate::theme::Theme;

/// The options of the screen.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Screen")]
pub(crate) struct DisplayArgs {
    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
    /// No animation: no spinners, no flashing
    #[arg(long, global = true)]
    pub(crate) reduced_motion: bool,
    /// Do not capture the mouse
    #[arg(long, global = true)]
    pub(crate) no_mouse: bool,
    /// Colour theme
    #[arg(long, global = true, value_enum, value_name = "NAME")]
    pub(crate) theme: Option<Theme>,
    /// The configuration file's theme, used if neither `--theme` nor `NO_COLOR` is given.
    #[arg(skip)]
    pub(super) configured_theme: Option<Theme>,
    /// The key bindings.
    #[arg(skip)]
    pub(crate) keymap: Keymap,
}

impl DisplayArgs {
    /// The theme from the flags, the environment and the configuration file, in this order.
    pub(crate) fn theme(&self) -> Theme {
        let no_color = match self.color {
            ColorChoice::Auto => std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            ColorChoice::Always => false,
            ColorChoice::Never => return Theme::Mono,
        };
        Theme::choose(self.theme, no_color, self.configured_theme)
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// Unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
