//! Colours and glyphs: sixteen colours, no forced background. A word or a glyph always says what a colour says.

mod glyphs;

use ratatui::style::{Color, Modifier, Style};

pub use glyphs::Glyphs;
use glyphs::{ASCII, UNICODE};

/// The name of a colour theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
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
    pub fn choose(flag: Option<Self>, no_color: bool, configured: Option<Self>) -> Self {
        let environment = no_color.then_some(Self::Mono);
        flag.or(environment).or(configured).unwrap_or_default()
    }
}

/// The appearance of the screen.
#[derive(Debug, Clone)]
pub struct Appearance {
    /// The colours.
    pub palette: Palette,
    /// The glyphs.
    pub glyphs: Glyphs,
    /// No spinners and no flashing.
    pub reduced_motion: bool,
}

impl Appearance {
    /// The appearance with this theme, with ASCII glyphs if `ascii` is set.
    pub fn new(theme: Theme, ascii: bool, reduced_motion: bool) -> Self {
        Self {
            palette: Palette::of(theme),
            glyphs: if ascii { ASCII } else { UNICODE },
            reduced_motion,
        }
    }
}

/// The styles by meaning.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    /// Text.
    pub text: Style,
    /// Secondary text.
    pub dim: Style,
    /// Names of panes, and the most important values.
    pub strong: Style,
    /// The active tab and the focused pane.
    pub accent: Style,
    /// The selected row, beside its marker.
    pub selected: Style,
    /// A key that can be pressed.
    pub key: Style,
    /// Success.
    pub good: Style,
    /// A warning.
    pub warn: Style,
    /// An error.
    pub bad: Style,
    /// A stock that just rose.
    pub rising: Style,
    /// A stock that just fell.
    pub falling: Style,
    /// Frames without focus.
    pub border: Style,
    /// Bars and lines of charts.
    pub chart: Style,
}

impl Palette {
    fn of(theme: Theme) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let colours = |accent, good, warn, bad, dim: Style| Self {
            text: plain,
            dim,
            strong: bold,
            accent: bold.fg(accent),
            selected: bold,
            key: plain.fg(accent),
            good: plain.fg(good),
            warn: plain.fg(warn),
            bad: plain.fg(bad),
            rising: bold.fg(good),
            falling: bold.fg(warn),
            border: dim,
            chart: plain.fg(accent),
        };
        match theme {
            Theme::Dark => {
                let dim = plain.fg(Color::DarkGray);
                colours(Color::Cyan, Color::Green, Color::Yellow, Color::Red, dim)
            }
            Theme::Light => {
                let dim = plain.fg(Color::DarkGray);
                colours(Color::Blue, Color::Green, Color::Magenta, Color::Red, dim)
            }
            Theme::HighContrast => Self {
                selected: bold.add_modifier(Modifier::UNDERLINED),
                key: bold.fg(Color::LightCyan),
                ..colours(
                    Color::LightCyan,
                    Color::LightGreen,
                    Color::LightYellow,
                    Color::LightRed,
                    plain,
                )
            },
            Theme::Mono => {
                let dim = plain.add_modifier(Modifier::DIM);
                Self {
                    text: plain,
                    dim,
                    strong: bold,
                    accent: bold.add_modifier(Modifier::UNDERLINED),
                    selected: bold,
                    key: bold,
                    good: plain,
                    warn: bold,
                    bad: bold,
                    rising: bold,
                    falling: bold,
                    border: dim,
                    chart: plain,
                }
            }
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
                glyphs.rule,
            ];
            for sign in single.iter().chain(&glyphs.bars).chain(glyphs.spinner) {
                assert_eq!(crate::format::width(sign), 1, "{sign:?}");
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
