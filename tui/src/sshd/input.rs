//! Parses a client's input into input events.

use terminput::Event;
use terminput_crossterm::to_crossterm;

use super::limits::INPUT_BYTES_MAX;
use crate::input::InputEvent;

const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Parses keys, clicks and pastes from the bytes of a connection.
#[derive(Debug, Default)]
pub(super) struct InputParser {
    /// Bytes of an incomplete event.
    incomplete: Vec<u8>,
    /// Whether the rest of a paste that is too long is being skipped.
    skips_paste: bool,
}

impl InputParser {
    /// The events that `bytes` complete. An escape character at the end is the key Esc, because clients do not split escape
    /// sequences.
    pub(super) fn parse(&mut self, bytes: &[u8]) -> Vec<InputEvent> {
        let mut events = Vec::new();
        for (index, byte) in bytes.iter().enumerate() {
            self.incomplete.push(*byte);
            let has_more = index + 1 < bytes.len();
            if self.skips_paste {
                self.skip_paste();
            } else if !(self.incomplete == b"\x1b" && has_more) {
                events.extend(self.complete());
            }
        }
        events
    }

    fn complete(&mut self) -> Option<InputEvent> {
        match Event::parse_from(&self.incomplete) {
            Ok(None) => {
                if self.incomplete.len() > INPUT_BYTES_MAX {
                    self.skips_paste = self.incomplete.starts_with(PASTE_START);
                    self.incomplete = Vec::new();
                }
                None
            }
            Ok(Some(event)) => {
                self.incomplete = Vec::new();
                converted(event)
            }
            // An unknown sequence.
            Err(_) => {
                self.incomplete = Vec::new();
                None
            }
        }
    }

    fn skip_paste(&mut self) {
        if self.incomplete.ends_with(PASTE_END) {
            self.incomplete = Vec::new();
            self.skips_paste = false;
        } else if self.incomplete.len() > PASTE_END.len() {
            self.incomplete.remove(0);
        }
    }
}

/// `None` if the shop does not use the event.
fn converted(event: Event) -> Option<InputEvent> {
    match event {
        // The SSH connection reports the size.
        Event::Resize { .. } => None,
        event => InputEvent::from_crossterm(to_crossterm(event).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Key, KeyEvent, MouseAction, MouseEvent};

    fn plain(key: Key) -> InputEvent {
        InputEvent::Key(KeyEvent::plain(key))
    }

    #[test]
    fn keys_clicks_and_pastes_are_read_also_in_pieces() {
        let mut parser = InputParser::default();
        assert_eq!(parser.parse(b"b\x1b"), [plain(Key::Char('b')), plain(Key::Esc)]);
        assert_eq!(parser.parse(b"\x1b[A\x1bOB"), [plain(Key::Up), plain(Key::Down)]);
        assert_eq!(parser.parse(b"\x1b[Z\r"), [plain(Key::BackTab), plain(Key::Enter)]);
        assert_eq!(parser.parse("\u{fc}".as_bytes()), [plain(Key::Char('\u{fc}'))]);
        assert_eq!(parser.parse(b"\xc3"), []);
        assert_eq!(parser.parse(b"\xbc"), [plain(Key::Char('\u{fc}'))]);
        let quit = KeyEvent {
            ctrl: true,
            ..KeyEvent::plain(Key::Char('c'))
        };
        assert_eq!(parser.parse(b"\x03"), [InputEvent::Key(quit)]);
        let click = MouseEvent {
            column: 4,
            row: 2,
            action: MouseAction::Click,
        };
        assert_eq!(parser.parse(b"\x1b[<0;5;3M\x1b[<0;5;3m"), [InputEvent::Mouse(click)]);
        assert_eq!(parser.parse(b"\x1b[200~war"), []);
        assert_eq!(parser.parse(b" y\x1b[201~"), [InputEvent::Paste("war y".to_owned())]);
    }

    #[test]
    fn what_is_too_long_or_unknown_is_ignored_and_nothing_after_it() {
        let mut parser = InputParser::default();
        let long = [PASTE_START, &[b'y'; 3 * INPUT_BYTES_MAX], PASTE_END, b"q"].concat();
        for piece in long.chunks(1_000) {
            assert!(parser.incomplete.len() <= INPUT_BYTES_MAX + 1);
            let events = parser.parse(piece);
            assert!(events.is_empty() || events == [plain(Key::Char('q'))], "{events:?}");
        }
        assert_eq!(parser.parse(b"\xff\x1b[999q"), []);
        assert_eq!(parser.parse(b"q"), [plain(Key::Char('q'))]);
    }
}
