//! The glyphs of the screen, for terminals with and without Unicode.

use ratatui::symbols::border;

/// The glyphs by meaning; each is one cell wide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glyphs {
    /// Marks the selected row.
    pub(crate) marker: &'static str,
    pub(crate) live: &'static str,
    pub(crate) reconnecting: &'static str,
    pub(crate) offline: &'static str,
    pub(crate) frozen: &'static str,
    pub(crate) ellipsis: &'static str,
    pub(crate) breadcrumb: &'static str,
    /// Separates two texts on a line.
    pub(crate) dot: &'static str,
    pub(crate) times: &'static str,
    /// A rising stock; ascending order.
    pub(crate) up: &'static str,
    /// A falling stock; descending order.
    pub(crate) down: &'static str,
    pub(crate) done: &'static str,
    pub(crate) refused: &'static str,
    /// An outcome that is still unknown.
    pub(crate) unknown: &'static str,
    /// The full part of a gauge.
    pub(crate) full: &'static str,
    /// The empty part of a gauge.
    pub(crate) empty: &'static str,
    /// Fills the place of data that is loading.
    pub(crate) skeleton: &'static str,
    /// Bars of charts, from empty to full in eighths.
    pub(crate) bars: [&'static str; 9],
    pub(crate) spinner: &'static [&'static str],
    pub(crate) border: border::Set<'static>,
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
};
