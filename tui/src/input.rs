//! Input events, independent of the transport that delivers them.

/// An input event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputEvent {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was clicked, or its wheel turned.
    Mouse(MouseEvent),
    /// Text was pasted in one piece.
    Paste(String),
    /// The terminal has a new size, in cells.
    Resized {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
}

/// One key press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEvent {
    /// The key.
    pub key: Key,
    /// With Ctrl held.
    pub ctrl: bool,
    /// With Alt held.
    pub alt: bool,
    /// Whether the terminal reports that the key is held down. Most terminals never do.
    pub repeat: bool,
}

impl KeyEvent {
    /// The key alone.
    pub fn plain(key: Key) -> Self {
        Self {
            key,
            ctrl: false,
            alt: false,
            repeat: false,
        }
    }

    /// The key with Ctrl.
    pub fn ctrl(letter: char) -> Self {
        Self {
            ctrl: true,
            ..Self::plain(Key::Char(letter))
        }
    }
}

/// The keys that the shop uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter or Return.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Deletes to the left.
    Backspace,
    /// Deletes to the right.
    Delete,
    /// An arrow.
    Up,
    /// An arrow.
    Down,
    /// An arrow.
    Left,
    /// An arrow.
    Right,
    /// To the start.
    Home,
    /// To the end.
    End,
    /// A page back.
    PageUp,
    /// A page on.
    PageDown,
}

/// An action of the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MouseEvent {
    /// The cell's column, from 0.
    pub column: u16,
    /// The cell's row, from 0.
    pub row: u16,
    /// The action.
    pub action: MouseAction,
}

/// The actions of a mouse that the shop uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseAction {
    /// The left button was pressed.
    Click,
    /// The wheel turned up.
    WheelUp,
    /// The wheel turned down.
    WheelDown,
}

impl InputEvent {
    /// Converts an event of crossterm; `None` if the shop does not use it.
    pub fn from_crossterm(event: crossterm::event::Event) -> Option<Self> {
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
