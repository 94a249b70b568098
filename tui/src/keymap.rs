//! The key bindings: the defaults of the commands, changed by the configuration file. Text fields and overlays have their own
//! keys.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::command::Command;
use crate::input::{Key, KeyEvent};

/// Named keys: the name in the help, and further names that the configuration file may use.
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
pub(crate) struct Chord {
    key: Key,
    ctrl: bool,
}

impl Chord {
    /// The command of a key that cannot be reassigned, so that every configuration has a way to leave.
    fn fixed(self) -> Option<Command> {
        match (self.key, self.ctrl) {
            (Key::Char('c'), true) => Some(Command::Quit),
            (Key::Esc, false) => Some(Command::Close),
            (Key::Enter, false) => Some(Command::Open),
            _ => None,
        }
    }
}

impl From<Chord> for KeyEvent {
    fn from(chord: Chord) -> Self {
        Self {
            ctrl: chord.ctrl,
            ..Self::plain(chord.key)
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
            (Some(letter), None) if ctrl && letter.is_ascii_alphabetic() => {
                let key = Key::Char(letter.to_ascii_lowercase());
                Ok(Self { key, ctrl })
            }
            (Some(sign), None) if !ctrl && !sign.is_control() && !sign.is_whitespace() => {
                let key = Key::Char(sign);
                Ok(Self { key, ctrl })
            }
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keymap {
    /// The bindings; the keys of one command in the order of the help.
    bindings: Vec<(Chord, Command)>,
    names: HashMap<Command, String>,
}

impl Default for Keymap {
    fn default() -> Self {
        let bindings = Command::all().flat_map(|command| {
            let chords = command.info().keys.split(' ').filter_map(|key| key.parse().ok());
            chords.map(move |chord| (chord, command))
        });
        Self::new(bindings.collect())
    }
}

impl Keymap {
    fn new(bindings: Vec<(Chord, Command)>) -> Self {
        let mut names: HashMap<_, String> = HashMap::new();
        for (chord, command) in &bindings {
            let names = names.entry(*command).or_default();
            let separator = if names.is_empty() { "" } else { " " };
            *names += &format!("{separator}{chord}");
        }
        Self { bindings, names }
    }

    pub(crate) fn command(&self, event: KeyEvent) -> Option<Command> {
        if event.alt {
            return None;
        }
        let command = |key| {
            let pressed = Chord { key, ctrl: event.ctrl };
            let binding = self.bindings.iter().find(|(chord, _)| *chord == pressed);
            binding.map(|(_, command)| *command)
        };
        // On many keyboards "+" is a shifted "=".
        let is_plus = event.key == Key::Char('=');
        command(event.key).or_else(|| command(Key::Char('+')).filter(|_| is_plus))
    }

    /// The keys of a command as the help writes them, separated by spaces; empty if it has none.
    pub(crate) fn keys(&self, command: Command) -> &str {
        self.names.get(&command).map_or("", String::as_str)
    }

    /// The first key of a command; empty if it has none.
    pub(crate) fn first_key(&self, command: Command) -> &str {
        self.keys(command).split(' ').next().unwrap_or_default()
    }

    /// Replaces the keys of commands. A key of another command is taken from that command.
    ///
    /// # Errors
    /// The reason in words: one key for two commands, or a fixed key.
    pub(crate) fn rebind(&mut self, bindings: &[(Command, Vec<Chord>)]) -> Result<(), String> {
        let mut taken: HashMap<Chord, Command> = HashMap::new();
        for (command, chords) in bindings {
            for chord in chords {
                if let Some(other) = taken.insert(*chord, *command).filter(|other| other != command) {
                    return Err(format!("{chord} is for {} and for {}", other.name(), command.name()));
                }
                if let Some(owner) = chord.fixed().filter(|owner| owner != command) {
                    let (owner, other) = (owner.name(), command.name());
                    return Err(format!("{chord} is always for {owner}, not for {other}"));
                }
            }
        }
        let is_rebound = |owner| bindings.iter().any(|(command, _)| *command == owner);
        let added = bindings
            .iter()
            .flat_map(|(command, chords)| chords.iter().map(|chord| (*chord, *command)));
        let kept = self.bindings.iter().copied().filter(|(chord, owner)| {
            !taken.contains_key(chord) && (!is_rebound(*owner) || chord.fixed() == Some(*owner))
        });
        *self = Self::new(added.chain(kept).collect());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chord(name: &str) -> Chord {
        name.parse().unwrap()
    }

    fn press(keymap: &Keymap, name: &str) -> Option<Command> {
        keymap.command(chord(name).into())
    }

    #[test]
    fn the_keys_in_the_help_are_the_keys_that_work() {
        let keymap = Keymap::default();
        for wanted in Command::all() {
            assert_eq!(keymap.keys(wanted), wanted.info().keys);
            for name in wanted.info().keys.split(' ') {
                assert_eq!(press(&keymap, name), Some(wanted), "{name}");
                assert_eq!(chord(name).to_string(), name);
            }
        }
        let without = {
            let mut keymap = keymap;
            keymap.rebind(&[(Command::All, vec![chord("0")])]).unwrap();
            keymap
        };
        assert_eq!(press(&without, "="), Some(Command::Longer));
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
