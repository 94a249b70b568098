//! The glyphs of the screen, for terminals with and without Unicode.

use ratatui::symbols::border;

/// The glyphs by meaning; each is one cell wide.
#[derive(Debug, Clone, Copy)]
pub struct Glyphs {
    /// Marks the selected row.
    pub marker: &'static str,
    /// The connection is live.
    pub live: &'static str,
    /// The connection is being opened.
    pub reconnecting: &'static str,
    /// There is no connection.
    pub offline: &'static str,
    /// The screen is frozen.
    pub frozen: &'static str,
    /// Ends a truncated text.
    pub ellipsis: &'static str,
    /// Separates breadcrumbs.
    pub breadcrumb: &'static str,
    /// Separates two texts on a line.
    pub dot: &'static str,
    /// Multiplication.
    pub times: &'static str,
    /// A rising stock; ascending order.
    pub up: &'static str,
    /// A falling stock; descending order.
    pub down: &'static str,
    /// Done.
    pub done: &'static str,
    /// Refused.
    pub refused: &'static str,
    /// An outcome that is still unknown.
    pub unknown: &'static str,
    /// The full part of a gauge.
    pub full: &'static str,
    /// The empty part of a gauge.
    pub empty: &'static str,
    /// Fills the place of data that is loading.
    pub skeleton: &'static str,
    /// Bars of charts, from empty to full in eighths.
    pub bars: [&'static str; 9],
    /// The frames of the spinner.
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
