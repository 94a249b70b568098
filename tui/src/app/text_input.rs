//! Editing one line of text.

use tui_input::{Input, InputRequest};

use crate::input::{Key, KeyEvent};

/// The longest text that is looked for, in characters.
const TEXT_MAX: usize = 100;

/// What a key did to a line of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    Changed,
    Moved,
    Nothing,
}

/// Lets a key work on a line of text.
pub(super) fn type_into(input: &mut Input, key: KeyEvent) -> Typed {
    let request = match (key.key, key.ctrl) {
        (Key::Char('u'), true) => InputRequest::DeleteFromStart,
        (Key::Char('k'), true) => InputRequest::DeleteTillEnd,
        (Key::Char('w'), true) => InputRequest::DeletePrevWord,
        (Key::Char('a'), true) | (Key::Home, _) => InputRequest::GoToStart,
        (Key::Char('e'), true) | (Key::End, _) => InputRequest::GoToEnd,
        (Key::Char(c), false) if !key.alt => {
            if input.value().chars().count() >= TEXT_MAX
                || common::text::sanitize(c.encode_utf8(&mut [0; 4])) != c.to_string()
            {
                return Typed::Nothing;
            }
            InputRequest::InsertChar(c)
        }
        (Key::Backspace, _) => InputRequest::DeletePrevChar,
        (Key::Delete, _) => InputRequest::DeleteNextChar,
        (Key::Left, _) => InputRequest::GoToPrevChar,
        (Key::Right, _) => InputRequest::GoToNextChar,
        _ => return Typed::Nothing,
    };
    match input.handle(request) {
        Some(changed) if changed.value => Typed::Changed,
        Some(_) => Typed::Moved,
        None => Typed::Nothing,
    }
}

/// Puts a pasted text into a line, cleaned, up to its longest length.
pub(super) fn paste_into(input: &mut Input, pasted: &str) {
    let room = TEXT_MAX.saturating_sub(input.value().chars().count());
    for c in common::text::sanitize(pasted).chars().take(room) {
        input.handle(InputRequest::InsertChar(c));
    }
}
