//! The configuration file: `bookstore/config.toml` in the user's configuration folder. What it says counts where neither
//! a flag nor a variable says otherwise. A word that is unknown is an error with its place, so that no wish is lost to a
//! slip of the pen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use crate::app::Command;
use crate::keymap::{Chord, Keymap};
use crate::theme::Theme;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there and cannot be read.
    #[error("the configuration {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// Something in the file is wrong.
    #[error("the configuration {}: {why}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What, and where: line and column, with the line itself.
        why: String,
    },
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address of the store to shop at.
    pub url: Option<String>,
    /// Colours of the screen.
    pub theme: Option<Theme>,
    /// Draw with plain ASCII only.
    pub ascii: bool,
    /// Nothing moves but what changes.
    pub reduced_motion: bool,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// Which key is which command.
    pub keys: Keymap,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: None,
            theme: None,
            ascii: false,
            reduced_motion: false,
            mouse: true,
            keys: Keymap::default(),
        }
    }
}

/// Reads the user's file; without one everything is as usual.
///
/// # Errors
/// See [`Error`].
pub fn read() -> Result<Config, Error> {
    let Ok(folders) = etcetera::choose_base_strategy() else {
        return Ok(Config::default());
    };
    let path = folders.config_dir().join("bookstore").join("config.toml");
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).map_err(|why| Error::Wrong { path, why }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(Error::Unreadable { path, error }),
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: Option<String>,
    theme: Option<Theme>,
    #[serde(default)]
    ascii: bool,
    #[serde(default)]
    reduced_motion: bool,
    mouse: Option<bool>,
    #[serde(default)]
    keys: BTreeMap<String, Spanned<Chords>>,
}

/// One key, or a list of keys.
struct Chords(Vec<Chord>);

impl<'de> Deserialize<'de> for Chords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a key like \"b\", or a list of keys like [\"b\", \"^B\"]")]
        enum Names {
            One(String),
            Many(Vec<String>),
        }
        let names = match Names::deserialize(deserializer)? {
            Names::One(name) => vec![name],
            Names::Many(names) => names,
        };
        let chords: Result<_, _> = names.iter().map(|name| name.parse()).collect();
        chords.map(Self).map_err(de::Error::custom)
    }
}

fn parse(text: &str) -> Result<Config, String> {
    let written: Written = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let mut wishes = Vec::new();
    for (name, chords) in written.keys {
        let at = chords.span().start;
        let Some(command) = Command::ALL.into_iter().find(|command| command.name() == name) else {
            return Err(place(text, at, &unknown(&name)));
        };
        wishes.push((at, (command, chords.into_inner().0)));
    }
    // In the order of the file, so that the later of two that contradict each other is the one that is shown.
    wishes.sort_by_key(|(at, _)| *at);
    let mut keys = Keymap::default();
    for end in 1..=wishes.len() {
        let so_far: Vec<_> = wishes.iter().take(end).map(|(_, wish)| wish.clone()).collect();
        keys = Keymap::default();
        let at = wishes.get(end - 1).map_or(0, |(at, _)| *at);
        keys.rebind(&so_far).map_err(|why| place(text, at, &why))?;
    }
    Ok(Config {
        url: written.url,
        theme: written.theme,
        ascii: written.ascii,
        reduced_motion: written.reduced_motion,
        mouse: written.mouse.unwrap_or(true),
        keys,
    })
}

fn unknown(name: &str) -> String {
    let mut why = format!("{name:?} is no command; expected one of");
    for command in Command::ALL {
        // Writing to a string cannot fail.
        let _ = write!(why, " {}", command.name());
    }
    why
}

/// What is wrong, at which line and column of the text, with that line.
fn place(text: &str, at: usize, why: &str) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let shown = text.lines().nth(line - 1).unwrap_or_default();
    format!("error at line {line}, column {column}\n  |\n{line} | {shown}\n  |\n{why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Key, KeyEvent};

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(parse(""), Ok(Config::default()));
    }

    #[test]
    fn everything_can_be_said() {
        let config = parse(
            r#"
            url = "http://127.0.0.1:8080"
            theme = "high-contrast"
            ascii = true
            reduced_motion = true
            mouse = false
            [keys]
            buy = "B"
            find = ["/", "^F"]
            page-down = "^D"
            "#,
        )
        .unwrap();
        assert_eq!(config.url.as_deref(), Some("http://127.0.0.1:8080"));
        assert_eq!(config.theme, Some(Theme::HighContrast));
        assert!(config.ascii && config.reduced_motion && !config.mouse);
        let pressed = |key| config.keys.command(key);
        assert_eq!(pressed(KeyEvent::plain(Key::Char('B'))), Some(Command::Buy));
        assert_eq!(pressed(KeyEvent::plain(Key::Char('b'))), None);
        assert_eq!(pressed(KeyEvent::ctrl('f')), Some(Command::Find));
        assert_eq!(config.keys.keys(Command::PageDown), "^D");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, place, why) in [
            ("colour = \"red\"", "line 1, column 1", "unknown field `colour`"),
            ("\ntheme = \"loud\"", "line 2, column 9", "unknown variant `loud`"),
            ("[keys]\nfly = \"f\"", "line 2, column 7", "\"fly\" is no command"),
            ("[keys]\nbuy = \"bb\"", "line 2, column 7", "is not a key"),
            ("[keys]\nbuy = 3", "line 2, column 7", "a key like"),
            (
                "[keys]\nbuy = \"x\"\ncopy = \"x\"",
                "line 3, column 8",
                "x is for buy and for copy",
            ),
            ("[keys]\nbuy = \"^C\"", "line 2, column 7", "^C is always for quit"),
            ("url = ", "line 1, column 7", ""),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(place) && said.contains(why), "{text:?}: {said}");
        }
    }
}
