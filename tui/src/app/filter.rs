//! A text field that filters a list while the user types.

use tui_input::Input;

use super::text_input::{edit, paste};
use crate::input::{Key, KeyEvent};

#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) input: Input,
    /// Whether keys edit the text; otherwise they move the selection.
    pub(crate) editing: bool,
}

/// The meaning of a key while a filter is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilterKey {
    /// Remove the filter.
    Cleared,
    /// Stop editing; the filter stays.
    Left,
    Up,
    Down,
    Changed,
    Ignored,
}

impl Filter {
    /// The text without blanks around it.
    pub(crate) fn text(&self) -> &str {
        self.input.value().trim()
    }

    pub(super) fn handle_key(&mut self, key: KeyEvent) -> FilterKey {
        match key.key {
            Key::Esc => FilterKey::Cleared,
            Key::Enter | Key::Tab if self.text().is_empty() => FilterKey::Cleared,
            Key::Enter | Key::Tab => {
                self.editing = false;
                FilterKey::Left
            }
            Key::Up => FilterKey::Up,
            Key::Down => FilterKey::Down,
            _ if edit(&mut self.input, key) => FilterKey::Changed,
            _ => FilterKey::Ignored,
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        paste(&mut self.input, text);
    }
}
