//! The signs on the screen, for terminals with Unicode and for those without.

use ratatui::symbols::border;

/// The signs by what they say, each one cell wide unless it says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Glyphs {
    /// Before the selected row.
    pub marker: &'static str,
    /// The connection is live.
    pub live: &'static str,
    /// The connection is being made.
    pub reconnecting: &'static str,
    /// There is no connection.
    pub offline: &'static str,
    /// The screen is held still.
    pub frozen: &'static str,
    /// After a text that was cut.
    pub ellipsis: &'static str,
    /// Between the names of a path.
    pub breadcrumb: &'static str,
    /// Between two things on one line.
    pub dot: &'static str,
    /// Between a number and the number it is multiplied by.
    pub times: &'static str,
    /// A stock rose; sorted upwards.
    pub up: &'static str,
    /// A stock fell; sorted downwards.
    pub down: &'static str,
    /// Done.
    pub done: &'static str,
    /// Refused.
    pub refused: &'static str,
    /// Not known yet.
    pub unknown: &'static str,
    /// The full part of a gauge.
    pub full: &'static str,
    /// The empty part of a gauge.
    pub empty: &'static str,
    /// Where something will stand.
    pub skeleton: &'static str,
    /// From nothing to full, for charts.
    pub bars: [&'static str; 9],
    /// Turns while something is on its way.
    pub spinner: &'static [&'static str],
    /// Frames.
    pub border: border::Set<'static>,
    /// A horizontal line.
    pub rule: &'static str,
}

pub(super) const UNICODE: Glyphs = Glyphs {
    marker: "▌",
    live: "●",
    reconnecting: "◐",
    offline: "○",
    frozen: "‖",
    ellipsis: "…",
    breadcrumb: "›",
    dot: "·",
    times: "×",
    up: "▲",
    down: "▼",
    done: "✓",
    refused: "∅",
    unknown: "?",
    full: "━",
    empty: "─",
    skeleton: "░",
    bars: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
    border: border::ROUNDED,
    rule: "─",
};

pub(super) const ASCII: Glyphs = Glyphs {
    marker: ">",
    live: "*",
    reconnecting: "~",
    offline: "o",
    frozen: "=",
    ellipsis: "~",
    breadcrumb: ">",
    dot: "-",
    times: "x",
    up: "^",
    down: "v",
    done: "+",
    refused: "0",
    unknown: "?",
    full: "#",
    empty: "-",
    skeleton: ".",
    bars: [" ", "_", "_", ".", ".", "-", "=", "*", "#"],
    spinner: &["|", "/", "-", "\\"],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
    rule: "-",
};
