//! Input events, independent of the transport that delivers them.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputEvent {
    Key(KeyEvent),
    Mouse(MouseEvent),
    /// Text was pasted in one piece.
    Paste(String),
    /// The terminal has a new size, in cells.
    Resized {
        columns: u16,
        rows: u16,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyEvent {
    pub(crate) key: Key,
    pub(crate) ctrl: bool,
    pub(crate) alt: bool,
    /// Whether the terminal reports a key repeat. Most terminals never do.
    pub(crate) repeat: bool,
}

impl KeyEvent {
    pub(crate) fn plain(key: Key) -> Self {
        Self {
            key,
            ctrl: false,
            alt: false,
            repeat: false,
        }
    }
}

/// The keys that the shop uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MouseEvent {
    /// The cell's column, from 0.
    pub(crate) column: u16,
    /// The cell's row, from 0.
    pub(crate) row: u16,
    pub(crate) action: MouseAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MouseAction {
    /// The left button was pressed.
    Click,
    WheelUp,
    WheelDown,
}

impl InputEvent {
    /// Converts an event of crossterm; `None` if the shop does not use it.
    pub(crate) fn from_crossterm(event: crossterm::event::Event) -> Option<Self> {
        use crossterm::event::{Event as Raw, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};
        match event {
            Raw::Key(raw) if raw.kind == KeyEventKind::Release => None,
            Raw::Key(raw) => Some(Self::Key(KeyEvent {
                key: key(raw.code)?,
                ctrl: raw.modifiers.contains(KeyModifiers::CONTROL),
                alt: raw.modifiers.contains(KeyModifiers::ALT),
                repeat: raw.kind == KeyEventKind::Repeat,
            })),
            Raw::Mouse(raw) => {
                let action = match raw.kind {
                    MouseEventKind::Down(MouseButton::Left) => MouseAction::Click,
                    MouseEventKind::ScrollUp => MouseAction::WheelUp,
                    MouseEventKind::ScrollDown => MouseAction::WheelDown,
                    _ => return None,
                };
                Some(Self::Mouse(MouseEvent {
                    column: raw.column,
                    row: raw.row,
                    action,
                }))
            }
            Raw::Paste(text) => Some(Self::Paste(text)),
            Raw::Resize(columns, rows) => Some(Self::Resized { columns, rows }),
            Raw::FocusGained | Raw::FocusLost => None,
        }
    }
}

fn key(code: crossterm::event::KeyCode) -> Option<Key> {
    use crossterm::event::KeyCode;
    Some(match code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{Event as Raw, KeyCode, KeyEvent as RawKey, KeyEventKind, KeyModifiers};

    #[test]
    fn releasing_a_key_is_no_event() {
        let released = RawKey::new_with_kind(KeyCode::Char('y'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(InputEvent::from_crossterm(Raw::Key(released)), None);
    }

    #[test]
    fn a_repeated_key_is_marked() {
        let held = RawKey::new_with_kind(KeyCode::Char('y'), KeyModifiers::NONE, KeyEventKind::Repeat);
        let Some(InputEvent::Key(key)) = InputEvent::from_crossterm(Raw::Key(held)) else {
            panic!("no key")
        };
        assert!(key.repeat);
    }
}
