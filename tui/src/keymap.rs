//! Which key is which command, where no text is typed and no overlay has keys of its own.

use crate::app::{Command, Screen};
use crate::event::{Key, KeyEvent};

/// The command of a key.
pub fn command(key: KeyEvent) -> Option<Command> {
    if key.ctrl {
        return match key.key {
            Key::Char('c') => Some(Command::Quit),
            Key::Char('z') => Some(Command::Suspend),
            Key::Char('l') => Some(Command::Redraw),
            Key::Char('p') => Some(Command::Palette),
            _ => None,
        };
    }
    if key.alt {
        return None;
    }
    Some(match key.key {
        Key::Char('1') => Command::Go(Screen::Shop),
        Key::Char('2') => Command::Go(Screen::Orders),
        Key::Char('3') => Command::Go(Screen::Autopilot),
        Key::Char('4') => Command::Go(Screen::Services),
        Key::Up | Key::Char('k') => Command::Up,
        Key::Down | Key::Char('j') => Command::Down,
        Key::Left | Key::Char('h') => Command::Left,
        Key::Right | Key::Char('l') => Command::Right,
        Key::Home | Key::Char('g') => Command::First,
        Key::End | Key::Char('G') => Command::Last,
        Key::PageUp => Command::PageUp,
        Key::PageDown => Command::PageDown,
        Key::Tab => Command::NextPane,
        Key::BackTab => Command::PreviousPane,
        Key::Enter => Command::Open,
        Key::Esc => Command::Close,
        Key::Char('/') => Command::Find,
        Key::Char('o') => Command::Sort,
        Key::Char('O') => Command::Reverse,
        Key::Char(':') => Command::Palette,
        Key::Char('?') => Command::Help,
        Key::Char('m') => Command::Log,
        Key::Char('b') => Command::Buy,
        Key::Char('y') => Command::Copy,
        Key::Char('r') => Command::Refresh,
        Key::Char('R') => Command::Reconnect,
        Key::Char(' ') => Command::Freeze,
        Key::Char('+' | '=') => Command::Longer,
        Key::Char('-') => Command::Shorter,
        Key::Char('a') => Command::Whole,
        Key::Char('e') => Command::Expand,
        Key::Char('q') => Command::Back,
        Key::Char(_) | Key::Backspace | Key::Delete => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> KeyEvent {
        let key = match name {
            "↑" => Key::Up,
            "↓" => Key::Down,
            "←" => Key::Left,
            "→" => Key::Right,
            "Home" => Key::Home,
            "End" => Key::End,
            "PgUp" => Key::PageUp,
            "PgDn" => Key::PageDown,
            "Tab" => Key::Tab,
            "S-Tab" => Key::BackTab,
            "Enter" => Key::Enter,
            "Esc" => Key::Esc,
            "Space" => Key::Char(' '),
            chord if chord.len() == 2 && chord.starts_with('^') => {
                return KeyEvent::ctrl(chord.chars().nth(1).unwrap().to_ascii_lowercase());
            }
            sign => Key::Char(sign.chars().next().unwrap()),
        };
        KeyEvent::plain(key)
    }

    #[test]
    fn the_keys_that_the_help_names_are_the_keys_that_work() {
        for wanted in Command::ALL {
            for name in wanted.about().keys.split(' ') {
                assert_eq!(command(named(name)), Some(wanted), "{name}");
            }
        }
    }
}
