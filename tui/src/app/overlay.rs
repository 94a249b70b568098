//! What lies over the screen.

use tui_input::Input;

use super::dialog::BuyDialog;

/// One overlay.
#[derive(Debug, Clone)]
pub enum Overlay {
    /// Every command and its keys.
    Help {
        /// The first line shown.
        scroll: usize,
    },
    /// Commands by name.
    Palette(Picker),
    /// The message log, newest first.
    Log {
        /// The first line shown.
        scroll: usize,
    },
    /// The buying dialog.
    Buy(Box<BuyDialog>),
    /// The selected book's chart.
    Chart,
}

/// The palette's text and selection.
#[derive(Debug, Clone, Default)]
pub struct Picker {
    /// The text typed so far.
    pub input: Input,
    /// The selected row.
    pub selected: usize,
}
