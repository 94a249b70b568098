//! Colours and signs. Sixteen colours, no forced background; what a colour says is always said by a word or a shape too.

mod glyphs;

use std::fmt;
use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};

pub use glyphs::Glyphs;
use glyphs::{ASCII, UNICODE};

/// Which colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// For a dark background; readable on a light one.
    #[default]
    Dark,
    /// For a light background.
    Light,
    /// Few colours, all bright, nothing dimmed.
    HighContrast,
    /// No colours: bold, underlined and dim only.
    Mono,
}

impl Theme {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::HighContrast, Self::Mono];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::HighContrast => "high-contrast",
            Self::Mono => "mono",
        }
    }

    /// The theme that was asked for; without one the mono theme where `NO_COLOR` is set and not empty (no-color.org),
    /// and otherwise the usual one.
    pub fn choose(asked: Option<Self>, no_color: bool, usual: Option<Self>) -> Self {
        let unasked = if no_color { Some(Self::Mono) } else { usual };
        asked.or(unasked).unwrap_or_default()
    }
}

impl fmt::Display for Theme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Theme {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|theme| theme.as_str() == word)
            .ok_or_else(|| format!("{word:?} is no theme; expected dark, light, high-contrast or mono"))
    }
}

/// How everything on the screen looks.
#[derive(Debug, Clone)]
pub struct Appearance {
    /// The colours.
    pub palette: Palette,
    /// The signs.
    pub glyphs: Glyphs,
    /// Whether nothing may blink or turn.
    pub reduced_motion: bool,
}

impl Appearance {
    /// In that theme, with plain ASCII signs where the terminal has no others.
    pub fn new(theme: Theme, ascii: bool, reduced_motion: bool) -> Self {
        Self {
            palette: Palette::of(theme),
            glyphs: if ascii { ASCII } else { UNICODE },
            reduced_motion,
        }
    }
}

/// The colours by what they say.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    /// What is read.
    pub text: Style,
    /// What stands back.
    pub dim: Style,
    /// Names of panes, and what matters most.
    pub strong: Style,
    /// What is active: the screen's tab, the pane with the focus.
    pub accent: Style,
    /// The selected row, beside its marker.
    pub selected: Style,
    /// A key that can be pressed.
    pub key: Style,
    /// Well.
    pub good: Style,
    /// Take care.
    pub warn: Style,
    /// Failed.
    pub bad: Style,
    /// A stock that just rose.
    pub rising: Style,
    /// A stock that just fell.
    pub falling: Style,
    /// Frames of what has no focus.
    pub border: Style,
    /// Charts.
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
    fn no_color_means_the_mono_theme_unless_another_was_asked_for() {
        assert_eq!(Theme::choose(None, true, Some(Theme::Light)), Theme::Mono);
        assert_eq!(Theme::choose(Some(Theme::Light), true, None), Theme::Light);
        assert_eq!(Theme::choose(None, false, Some(Theme::Light)), Theme::Light);
        assert_eq!(Theme::choose(None, false, None), Theme::Dark);
    }

    #[test]
    fn a_theme_is_known_by_its_word() {
        for theme in Theme::ALL {
            assert_eq!(theme.to_string().parse(), Ok(theme));
        }
        assert!("loud".parse::<Theme>().is_err());
    }

    #[test]
    fn every_sign_takes_one_cell() {
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
    fn the_mono_theme_has_no_colour_at_all() {
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
