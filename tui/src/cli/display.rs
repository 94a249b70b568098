//! The options of the screen.

#[cfg(feature = "sshd")]
use std::collections::HashMap;

use clap::{Args, ValueEnum};

use crate::config::Config;
use crate::keymap::Keymap;
use crate::theme::Theme;

/// The options of the screen on the command line. Commands without a screen do not have them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Screen")]
pub(crate) struct DisplayArgs {
    /// When to use colours [default: auto]
    #[arg(long, value_enum, value_name = "WHEN")]
    color: Option<ColorChoice>,
    /// Draw with ASCII characters only
    #[arg(long)]
    ascii: bool,
    /// No animation: no spinners, no flashing
    #[arg(long)]
    reduced_motion: bool,
    /// Do not capture the mouse
    #[arg(long)]
    no_mouse: bool,
    /// Colour theme
    #[arg(long, value_enum, value_name = "NAME")]
    theme: Option<Theme>,
}

/// The settings of the screen. Flags override the environment, which overrides the configuration file.
#[derive(Debug, Clone)]
pub(crate) struct Display {
    pub(crate) theme: Theme,
    pub(crate) ascii: bool,
    pub(crate) reduced_motion: bool,
    pub(crate) mouse: bool,
    pub(crate) keymap: Keymap,
}

impl Display {
    /// The settings. Options `after` the subcommand override options `before` it.
    pub(super) fn new(
        before: &DisplayArgs,
        after: Option<&DisplayArgs>,
        config: &Config,
        environment: &Environment,
    ) -> Self {
        let none = DisplayArgs::default();
        let after = after.unwrap_or(&none);
        let wanted = after.theme.or(before.theme);
        let theme = match after.color.or(before.color).unwrap_or(ColorChoice::Auto) {
            ColorChoice::Never => Theme::Mono,
            ColorChoice::Always => Theme::choose(wanted, false, config.theme),
            ColorChoice::Auto => Theme::choose(wanted, environment.value("NO_COLOR").is_some(), config.theme),
        };
        Self {
            theme,
            ascii: before.ascii || after.ascii || config.ascii || !environment.locale_is_utf8(),
            reduced_motion: before.reduced_motion || after.reduced_motion || config.reduced_motion,
            mouse: !before.no_mouse && !after.no_mouse && config.mouse != Some(false),
            keymap: config.keys.clone(),
        }
    }
}

/// The variables that describe the user's terminal.
pub(crate) enum Environment {
    /// The variables of this process.
    Process,
    /// The variables that an SSH client sent.
    #[cfg(feature = "sshd")]
    Sent(HashMap<&'static str, String>),
}

impl Environment {
    /// Names of the variables; an SSH client may set no others.
    #[cfg(feature = "sshd")]
    pub(crate) const NAMES: [&str; 5] = ["NO_COLOR", "TERM", "LC_ALL", "LC_CTYPE", "LANG"];

    /// The value of a variable that is set and not empty.
    fn value(&self, name: &str) -> Option<String> {
        let value = match self {
            Self::Process => std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
            #[cfg(feature = "sshd")]
            Self::Sent(values) => values.get(name).cloned(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// Whether the terminal can show a screen.
    pub(crate) fn terminal_can_draw(&self) -> bool {
        self.value("TERM").is_none_or(|term| term != "dumb")
    }

    /// Whether the locale is UTF-8 or not set.
    fn locale_is_utf8(&self) -> bool {
        // POSIX: the first of these variables that is set decides.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| self.value(name));
        locale.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
    }
}

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColorChoice {
    /// Use colours unless `NO_COLOR` is set
    Auto,
    /// Always use colours
    Always,
    /// Never use colours
    Never,
}
