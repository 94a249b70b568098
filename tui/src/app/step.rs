//! Moving a selection, or the first line of a text.

use super::layout::ScrolledText;
use crate::command::Command;

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
    /// The step of a command that moves; `None` for others.
    pub(super) fn of(command: Command) -> Option<Self> {
        Some(match command {
            Command::Up => Self::Up,
            Command::Down => Self::Down,
            Command::First => Self::First,
            Command::Last => Self::Last,
            Command::PageUp => Self::PageUp,
            Command::PageDown => Self::PageDown,
            _ => return None,
        })
    }

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

    /// The new first line of a text.
    pub(super) fn scroll(self, from: usize, text: ScrolledText) -> usize {
        self.apply(from, text.rows, text.scroll_max + 1)
    }
}
