//! The styles of the autopilot's screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::theme;

/// Styles, and whether only ASCII is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Titles of panes.
    pub title: Style,
    /// Axes and labels.
    pub dim: Style,
    /// Successes, and the stock that is left.
    pub good: Style,
    /// Failures.
    pub bad: Style,
    /// Neutral outcomes.
    pub mild: Style,
    /// The lines of the charts: requests or p50, p95, p99.
    pub lines: [Style; 3],
    /// Plain ASCII only.
    pub ascii: bool,
}

impl Look {
    /// Sixteen colours, readable on light and dark.
    pub const COLOUR: Self = Self {
        title: Style::new().add_modifier(Modifier::BOLD),
        dim: Style::new().fg(Color::DarkGray),
        good: Style::new().fg(Color::Green),
        bad: Style::new().fg(Color::Red),
        mild: Style::new().fg(Color::Yellow),
        lines: [
            Style::new().fg(Color::Cyan),
            Style::new().fg(Color::Yellow),
            Style::new().fg(Color::Magenta),
        ],
        ascii: false,
    };

    /// Takes the colours of a theme.
    pub fn of(look: &theme::Appearance) -> Self {
        let palette = &look.palette;
        Self {
            title: palette.strong,
            dim: palette.dim,
            good: palette.good,
            bad: palette.bad,
            mild: palette.warn,
            lines: [palette.chart, palette.warn, palette.bad],
            ascii: look.glyphs.marker.is_ascii(),
        }
    }

    /// No colours.
    pub const MONO: Self = Self {
        dim: Style::new().add_modifier(Modifier::DIM),
        good: Style::new(),
        bad: Style::new().add_modifier(Modifier::BOLD),
        mild: Style::new(),
        lines: [Style::new(), Style::new(), Style::new().add_modifier(Modifier::BOLD)],
        ..Self::COLOUR
    };
}

impl Default for Look {
    fn default() -> Self {
        Self::COLOUR
    }
}

/// Replaces the widgets' drawing characters by ASCII; titles are unchanged.
pub(super) fn to_ascii(buffer: &mut Buffer, area: Rect) {
    for position in area.positions() {
        let Some(cell) = buffer.cell_mut(position) else {
            continue;
        };
        let plain = match cell.symbol().chars().next() {
            Some('│' | '┃' | '┤' | '├') => "|",
            Some('─' | '━') => "-",
            Some('└' | '┘' | '┌' | '┐' | '┼') => "+",
            Some('█') => "#",
            Some('░') => ".",
            Some('\u{2800}') => " ",
            Some('\u{2801}'..='\u{28ff}') => "*",
            Some('●' | '○' | '‖' | '◐') => "*",
            Some('…') => "~",
            Some('\u{a0}') => " ",
            _ => continue,
        };
        cell.set_symbol(plain);
    }
}
