//! Overlays: dialogs and popups over the screen.

use tui_input::Input;

use super::buy_dialog::BuyDialog;
use super::change_dialog::ChangeDialog;
use super::run_dialog::RunDialog;

#[derive(Debug, Clone)]
pub(crate) enum Overlay {
    /// Every command and its keys.
    Help {
        /// The first line shown.
        scroll: usize,
    },
    Palette(Picker),
    /// The message log, newest first.
    Log {
        /// The first line shown.
        scroll: usize,
    },
    /// The basket; its state is in `Basket`.
    Basket,
    Buy(Box<BuyDialog>),
    /// A shopkeeper's change of a book, or a new book.
    Change(Box<ChangeDialog>),
    /// The confirmation before a run of the autopilot starts.
    StartRun(Box<RunDialog>),
    /// The selected book's chart.
    Chart,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Picker {
    pub(crate) input: Input,
    pub(crate) selected: usize,
}
