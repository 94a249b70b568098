//! What a screen adds to the shop: the trait that commands, hints and ticks call for the screen shown.

use std::time::Duration;

use super::layout::ScrolledText;
use super::state::App;
use crate::command::Command;
use crate::effect::Effect;

/// How far a selection moves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Step {
    /// The new index, in a list of `len` entries of which `page` are visible.
    pub(super) fn apply(self, at: usize, page: usize, len: usize) -> usize {
        let last = len.saturating_sub(1);
        let page = page.saturating_sub(1).max(1);
        match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => at.saturating_add(1).min(last),
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => at.saturating_add(page).min(last),
            Self::First => 0,
            Self::Last => last,
        }
    }
}

impl Step {
    /// The new first line of a text.
    pub(super) fn scroll(self, from: usize, text: ScrolledText) -> usize {
        self.apply(from, text.rows, text.scroll_max + 1)
    }
}

/// One screen. The defaults make an empty screen.
pub(super) trait ScreenHandler: Sync {
    /// The screen's commands in the hint row, the most useful first.
    fn hints(&self, _: &App) -> &'static [Command] {
        &[]
    }

    fn step(&self, _: &mut App, _: Step) -> Vec<Effect> {
        Vec::new()
    }

    /// Whether "open" does anything.
    fn can_open(&self, _: &App) -> bool {
        false
    }

    /// Opens the selection; only called when [`can_open`](Self::can_open).
    fn open(&self, _: &mut App) {}

    /// Whether something on the screen is open that "back" closes first.
    fn can_close(&self, _: &App) -> bool {
        false
    }

    /// Closes what is open; only called when [`can_close`](Self::can_close).
    fn close(&self, _: &mut App) -> Vec<Effect> {
        Vec::new()
    }

    fn refresh(&self, _: &mut App) -> Vec<Effect> {
        Vec::new()
    }

    /// The text that "copy" puts on the clipboard.
    fn copy_text(&self, _: &App) -> Option<String> {
        None
    }

    fn is_frozen(&self, app: &App) -> bool {
        app.books.is_frozen()
    }

    /// Called when time has passed while the screen is shown, and when it opens.
    fn on_tick(&self, _: &mut App) -> Vec<Effect> {
        Vec::new()
    }

    /// When the screen needs its next tick.
    fn next_wake(&self, _: &App) -> Option<Duration> {
        None
    }
}
