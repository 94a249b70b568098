//! Editing one line of text.

use tui_input::{Input, InputRequest};

use crate::input::{Key, KeyEvent};

/// The longest line, in characters.
const LINE_CHARS_MAX: usize = 100;

/// Edits a line by a key; returns whether the text has changed.
pub(super) fn edit(input: &mut Input, key: KeyEvent) -> bool {
    let request = match (key.key, key.ctrl) {
        (Key::Char('u'), true) => InputRequest::DeleteFromStart,
        (Key::Char('k'), true) => InputRequest::DeleteTillEnd,
        (Key::Char('w'), true) => InputRequest::DeletePrevWord,
        (Key::Char('a'), true) | (Key::Home, _) => InputRequest::GoToStart,
        (Key::Char('e'), true) | (Key::End, _) => InputRequest::GoToEnd,
        (Key::Char(c), false) if !key.alt => {
            if input.value().chars().count() >= LINE_CHARS_MAX
                || common::text::sanitize(c.encode_utf8(&mut [0; 4])) != c.to_string()
            {
                return false;
            }
            InputRequest::InsertChar(c)
        }
        (Key::Backspace, _) => InputRequest::DeletePrevChar,
        (Key::Delete, _) => InputRequest::DeleteNextChar,
        (Key::Left, _) => InputRequest::GoToPrevChar,
        (Key::Right, _) => InputRequest::GoToNextChar,
        _ => return false,
    };
    input.handle(request).is_some_and(|changed| changed.value)
}

/// Inserts pasted text, sanitized and truncated to `LINE_CHARS_MAX`.
pub(super) fn paste(input: &mut Input, pasted: &str) {
    let room = LINE_CHARS_MAX.saturating_sub(input.value().chars().count());
    for c in common::text::sanitize(pasted).chars().take(room) {
        input.handle(InputRequest::InsertChar(c));
    }
}
