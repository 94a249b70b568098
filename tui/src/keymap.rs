//! The keys of every command: the defaults from the list of commands, changed by the configuration file. Text input and
//! overlays have keys of their own.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::command::Command;
use crate::input::{Key, KeyEvent};

/// Keys with names: as the help writes them, and other names that the configuration file may use.
const NAMED: [(Key, &str, &[&str]); 15] = [
    (Key::Up, "↑", &["Up"]),
    (Key::Down, "↓", &["Down"]),
    (Key::Left, "←", &["Left"]),
    (Key::Right, "→", &["Right"]),
    (Key::Home, "Home", &[]),
    (Key::End, "End", &[]),
    (Key::PageUp, "PgUp", &["PageUp"]),
    (Key::PageDown, "PgDn", &["PageDown"]),
    (Key::Tab, "Tab", &[]),
    (Key::BackTab, "S-Tab", &["Shift-Tab"]),
    (Key::Enter, "Enter", &[]),
    (Key::Esc, "Esc", &[]),
    (Key::Char(' '), "Space", &[]),
    (Key::Backspace, "Backspace", &[]),
    (Key::Delete, "Delete", &[]),
];

/// A key as the help and the configuration file write it: `b`, `PgUp`, `^P`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    key: Key,
    ctrl: bool,
}

impl Chord {
    const QUIT: Self = Self {
        key: Key::Char('c'),
        ctrl: true,
    };

    /// The fixed command of a key, so that every configuration leaves a way out.
    fn fixed(self) -> Option<Command> {
        match (self.key, self.ctrl) {
            _ if self == Self::QUIT => Some(Command::Quit),
            (Key::Esc, false) => Some(Command::Close),
            (Key::Enter, false) => Some(Command::Open),
            _ => None,
        }
    }
}

impl FromStr for Chord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = NAMED
            .iter()
            .find(|(_, name, others)| *name == text || others.contains(&text));
        if let Some((key, ..)) = named {
            return Ok(Self { key: *key, ctrl: false });
        }
        let (ctrl, sign) = match text.strip_prefix('^').or_else(|| text.strip_prefix("Ctrl-")) {
            Some(sign) if !sign.is_empty() => (true, sign),
            _ => (false, text),
        };
        let mut signs = sign.chars();
        match (signs.next(), signs.next()) {
            (Some(letter), None) if ctrl && letter.is_ascii_alphabetic() => Ok(Self {
                key: Key::Char(letter.to_ascii_lowercase()),
                ctrl,
            }),
            (Some(sign), None) if !ctrl && !sign.is_control() && !sign.is_whitespace() => Ok(Self {
                key: Key::Char(sign),
                ctrl,
            }),
            _ => Err(format!(
                "{text:?} is not a key; expected one character like \"b\", a name like \"PgUp\", \"Space\" or \"S-Tab\", or Ctrl \
                 and a letter like \"^P\""
            )),
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key, NAMED.iter().find(|(key, ..)| *key == self.key)) {
            (_, Some((_, name, _))) => f.write_str(name),
            (Key::Char(letter), None) if self.ctrl => write!(f, "^{}", letter.to_ascii_uppercase()),
            (Key::Char(sign), None) => write!(f, "{sign}"),
            // Every other key has a name.
            (_, None) => Ok(()),
        }
    }
}

/// The keys of every command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    commands: HashMap<Chord, Command>,
    names: HashMap<Command, String>,
}

impl Default for Keymap {
    fn default() -> Self {
        let mut keymap = Self {
            commands: HashMap::new(),
            names: HashMap::new(),
        };
        for command in Command::ALL {
            let chords = command.info().keys.split(' ').filter_map(|key| key.parse().ok());
            keymap.bind(command, chords.collect());
        }
        keymap
    }
}

impl Keymap {
    /// The command of a key.
    pub fn command(&self, event: KeyEvent) -> Option<Command> {
        if event.alt {
            return None;
        }
        let chord = |key| Chord { key, ctrl: event.ctrl };
        let found = self.commands.get(&chord(event.key)).copied();
        // On many keyboards "+" is a shifted "=".
        let plus = (event.key == Key::Char('=')).then(|| chord(Key::Char('+')));
        found.or_else(|| plus.and_then(|plus| self.commands.get(&plus)).copied())
    }

    /// The keys of a command as the help writes them, separated by spaces; empty if it has none.
    pub fn keys(&self, command: Command) -> &str {
        self.names.get(&command).map_or("", String::as_str)
    }

    /// Replaces the keys of commands. A key that another command had is taken from it.
    ///
    /// # Errors
    /// The reason in words: one key for two commands, or a fixed key.
    pub fn rebind(&mut self, bindings: &[(Command, Vec<Chord>)]) -> Result<(), String> {
        let mut taken: HashMap<Chord, Command> = HashMap::new();
        for (command, chords) in bindings {
            for chord in chords {
                if let Some(other) = taken.insert(*chord, *command).filter(|other| other != command) {
                    return Err(format!("{chord} is for {} and for {}", other.name(), command.name()));
                }
                if let Some(owner) = chord.fixed().filter(|owner| owner != command) {
                    return Err(format!(
                        "{chord} is always for {}, not for {}",
                        owner.name(),
                        command.name()
                    ));
                }
            }
        }
        for (command, _) in bindings {
            self.commands
                .retain(|chord, owner| owner != command || chord.fixed() == Some(*command));
        }
        for (command, chords) in bindings {
            self.bind(*command, chords.clone());
        }
        for command in Command::ALL {
            self.update_name(command);
        }
        Ok(())
    }

    fn bind(&mut self, command: Command, chords: Vec<Chord>) {
        self.names.insert(command, joined(&chords));
        self.commands.extend(chords.into_iter().map(|chord| (chord, command)));
    }

    /// Updates the names of the keys that a command still has, in the order in which it got them.
    fn update_name(&mut self, command: Command) {
        let old: Vec<Chord> = self
            .keys(command)
            .split(' ')
            .filter_map(|name| name.parse().ok())
            .collect();
        let mut has: Vec<Chord> = old
            .into_iter()
            .filter(|chord| self.commands.get(chord) == Some(&command))
            .collect();
        let fixed = self
            .commands
            .iter()
            .find(|(chord, owner)| **owner == command && chord.fixed().is_some() && !has.contains(chord));
        has.extend(fixed.map(|(chord, _)| *chord));
        self.names.insert(command, joined(&has));
    }
}

fn joined(chords: &[Chord]) -> String {
    let names: Vec<_> = chords.iter().map(ToString::to_string).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chord(name: &str) -> Chord {
        name.parse().unwrap()
    }

    fn press(keymap: &Keymap, name: &str) -> Option<Command> {
        let Chord { key, ctrl } = chord(name);
        keymap.command(KeyEvent {
            ctrl,
            ..KeyEvent::plain(key)
        })
    }

    #[test]
    fn the_keys_in_the_help_are_the_keys_that_work() {
        let keymap = Keymap::default();
        for wanted in Command::ALL {
            assert_eq!(keymap.keys(wanted), wanted.info().keys);
            for name in wanted.info().keys.split(' ') {
                assert_eq!(press(&keymap, name), Some(wanted), "{name}");
                assert_eq!(chord(name).to_string(), name);
            }
        }
        assert_eq!(press(&keymap, "="), Some(Command::Longer));
    }

    #[test]
    fn a_new_key_replaces_the_default_and_is_taken_from_its_command() {
        let mut keymap = Keymap::default();
        keymap
            .rebind(&[(Command::Buy, vec![chord("y"), chord("Ctrl-b")])])
            .unwrap();
        assert_eq!(press(&keymap, "y"), Some(Command::Buy));
        assert_eq!(press(&keymap, "^B"), Some(Command::Buy));
        assert_eq!(press(&keymap, "b"), None);
        assert_eq!((keymap.keys(Command::Buy), keymap.keys(Command::Copy)), ("y ^B", ""));
    }

    #[test]
    fn two_commands_can_swap_keys() {
        let mut keymap = Keymap::default();
        keymap
            .rebind(&[(Command::Buy, vec![chord("y")]), (Command::Copy, vec![chord("b")])])
            .unwrap();
        assert_eq!(press(&keymap, "y"), Some(Command::Buy));
        assert_eq!(press(&keymap, "b"), Some(Command::Copy));
    }

    #[test]
    fn fixed_keys_cannot_be_rebound() {
        let mut keymap = Keymap::default();
        assert!(keymap.rebind(&[(Command::Buy, vec![chord("^C")])]).is_err());
        assert!(keymap.rebind(&[(Command::Buy, vec![chord("Esc")])]).is_err());
        let both = [(Command::Buy, vec![chord("x")]), (Command::Copy, vec![chord("x")])];
        assert_eq!(keymap.rebind(&both), Err("x is for buy and for copy".to_owned()));
        keymap.rebind(&[(Command::Quit, vec![chord("Q")])]).unwrap();
        assert_eq!(press(&keymap, "^C"), Some(Command::Quit));
        assert_eq!(keymap.keys(Command::Quit), "Q ^C");
    }

    #[test]
    fn invalid_keys_are_refused() {
        for name in ["", "bb", "^", "^1x", "F13", "Ctrl-", "\n"] {
            let parsed = name.parse::<Chord>();
            assert!(parsed.is_err() || name == "^", "{name:?} was taken");
        }
        assert_eq!(chord("^").to_string(), "^");
    }
}
