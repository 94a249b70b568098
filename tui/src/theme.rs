//! Colors and glyphs: sixteen colors, no forced background. A word or a glyph always repeats the meaning of a color.

mod glyphs;

use ratatui::style::Style;

pub(crate) use glyphs::Glyphs;
use glyphs::{ASCII, UNICODE};

/// The name of a color theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Theme {
    /// For a dark background; readable on a light one
    #[default]
    Dark,
    /// For a light background
    Light,
    /// Few colours, all bright, nothing dimmed
    HighContrast,
    /// No colours: bold, underlined and dim only
    Mono,
}

impl Theme {
    /// The theme of the flag, else the mono theme if `NO_COLOR` is set and not empty (no-color.org), else the configured one.
    pub(crate) fn choose(flag: Option<Self>, no_color: bool, configured: Option<Self>) -> Self {
        let environment = no_color.then_some(Self::Mono);
        flag.or(environment).or(configured).unwrap_or_default()
    }
}

/// The appearance of the screen.
#[derive(Debug, Clone)]
pub(crate) struct Appearance {
    pub(crate) palette: Palette,
    pub(crate) glyphs: Glyphs,
    /// No spinners and no flashing.
    pub(crate) reduced_motion: bool,
}

impl Appearance {
    /// The appearance with this theme, with ASCII glyphs if `ascii` is set.
    pub(crate) fn new(theme: Theme, ascii: bool, reduced_motion: bool) -> Self {
        Self {
            palette: Palette::of(theme),
            glyphs: if ascii { ASCII } else { UNICODE },
            reduced_motion,
        }
    }
}

/// The styles by meaning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    pub(crate) text: Style,
    /// Secondary text, and frames without focus.
    pub(crate) dim: Style,
    /// Names of panes, and the most important values.
    pub(crate) strong: Style,
    /// The active tab and the focused pane.
    pub(crate) accent: Style,
    /// The selected row, beside its marker.
    pub(crate) selected: Style,
    /// The letters that match a search; without their own color.
    pub(crate) matched: Style,
    /// A key that can be pressed.
    pub(crate) key: Style,
    pub(crate) good: Style,
    pub(crate) warn: Style,
    pub(crate) bad: Style,
    /// A stock that just rose.
    pub(crate) rising: Style,
    /// A stock that just fell.
    pub(crate) falling: Style,
    /// Bars and lines of charts.
    pub(crate) chart: Style,
}

impl Palette {
    fn of(theme: Theme) -> Self {
        let plain = Style::new();
        // Color 8 is not used: many schemes set it to the background color.
        // Bold text is never also dim: terminals show only one of both.
        let (bold, dim, light_cyan) = (plain.bold().not_dim(), plain.dim(), plain.light_cyan());
        match theme {
            Theme::Dark => Self::new(plain.cyan(), plain.green(), plain.yellow(), plain.red(), dim),
            Theme::Light => Self::new(plain.blue(), plain.green(), plain.magenta(), plain.red(), dim),
            Theme::HighContrast => Self {
                selected: bold.underlined(),
                matched: bold.underlined().light_yellow(),
                key: light_cyan.bold(),
                ..Self::new(
                    light_cyan,
                    plain.light_green(),
                    plain.light_yellow(),
                    plain.light_red(),
                    plain,
                )
            },
            Theme::Mono => Self {
                accent: bold.underlined(),
                key: bold,
                ..Self::new(plain, plain, bold, bold, dim)
            },
        }
    }

    fn new(accent: Style, good: Style, warn: Style, bad: Style, dim: Style) -> Self {
        let bold = Style::new().bold().not_dim();
        Self {
            text: Style::new(),
            dim,
            strong: bold,
            accent: accent.patch(bold),
            selected: bold,
            matched: bold.underlined(),
            key: accent,
            good,
            warn,
            bad,
            rising: good.patch(bold),
            falling: warn.patch(bold),
            chart: accent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_selects_the_mono_theme_unless_a_flag_names_another() {
        assert_eq!(Theme::choose(None, true, Some(Theme::Light)), Theme::Mono);
        assert_eq!(Theme::choose(Some(Theme::Light), true, None), Theme::Light);
        assert_eq!(Theme::choose(None, false, Some(Theme::Light)), Theme::Light);
        assert_eq!(Theme::choose(None, false, None), Theme::Dark);
    }

    #[test]
    fn every_glyph_takes_one_cell() {
        for glyphs in [UNICODE, ASCII] {
            let single = [
                glyphs.marker,
                glyphs.live,
                glyphs.reconnecting,
                glyphs.offline,
                glyphs.frozen,
                glyphs.ellipsis,
                glyphs.breadcrumb,
                glyphs.dot,
                glyphs.times,
                glyphs.up,
                glyphs.down,
                glyphs.done,
                glyphs.refused,
                glyphs.unknown,
                glyphs.full,
                glyphs.empty,
                glyphs.skeleton,
            ];
            for sign in single.iter().chain(&glyphs.bars).chain(glyphs.spinner) {
                assert_eq!(crate::format::width(sign), 1, "{sign:?}");
            }
        }
    }

    #[test]
    fn no_theme_writes_in_a_colour_that_schemes_give_to_the_background() {
        for theme in [Theme::Dark, Theme::Light, Theme::HighContrast, Theme::Mono] {
            let shown = format!("{:?}", Palette::of(theme)).to_lowercase();
            for colour in ["gray", "black", "white"] {
                assert!(!shown.contains(colour), "{theme:?}: {colour}");
            }
        }
    }

    #[test]
    fn the_mono_theme_has_no_colours() {
        let palette = Palette::of(Theme::Mono);
        for style in [
            palette.text,
            palette.dim,
            palette.accent,
            palette.good,
            palette.warn,
            palette.bad,
            palette.chart,
        ] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
