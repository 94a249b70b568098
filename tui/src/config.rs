//! The configuration file: `bookstore/config.toml` in the user's configuration folder. Flags and environment variables
//! override it. Unknown fields and commands are errors with their line and column, so that no setting is lost to a typo.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use crate::command::Command;
use crate::keymap::{Chord, Keymap};
use crate::theme::Theme;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the configuration {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("the configuration {} is not valid: {why}", path.display())]
    Invalid {
        path: PathBuf,
        /// The error with its line, column and text.
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) url: Option<String>,
    pub(crate) theme: Option<Theme>,
    /// Draw with ASCII characters only.
    pub(crate) ascii: bool,
    pub(crate) reduced_motion: bool,
    pub(crate) mouse: Option<bool>,
    /// The key bindings.
    #[serde(skip)]
    pub(crate) keys: Keymap,
    #[serde(rename = "keys")]
    bindings: BTreeMap<String, Spanned<Chords>>,
}

/// Reads the user's file; without one the configuration is the default.
pub(crate) fn read() -> Result<Config, Error> {
    let Ok(folders) = etcetera::choose_base_strategy() else {
        return Ok(Config::default());
    };
    let path = folders.config_dir().join("bookstore").join("config.toml");
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).map_err(|why| Error::Invalid { path, why }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(Error::Unreadable { path, error }),
    }
}

/// One key, or a list of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
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

pub(crate) fn parse(text: &str) -> Result<Config, String> {
    let mut config: Config = toml::from_str(text)
        .map_err(|error| error_at(text, error.span().map_or(0, |span| span.start), error.message()))?;
    let mut bindings = Vec::new();
    for (name, chords) in std::mem::take(&mut config.bindings) {
        let at = chords.span().start;
        let Some(command) = Command::all().find(|command| command.name() == name) else {
            return Err(error_at(text, at, &unknown(&name)));
        };
        bindings.push((at, (command, chords.into_inner().0)));
    }
    // In file order, so that the error shows the later of two conflicting bindings.
    bindings.sort_by_key(|(at, _)| *at);
    let (positions, bindings): (Vec<_>, Vec<_>) = bindings.into_iter().unzip();
    for (end, at) in (1..).zip(positions) {
        config.keys = Keymap::default();
        let so_far = bindings.get(..end).unwrap_or_default();
        config.keys.rebind(so_far).map_err(|why| error_at(text, at, &why))?;
    }
    Ok(config)
}

fn unknown(name: &str) -> String {
    let mut why = format!("{name:?} is not a command; expected one of");
    for command in Command::all() {
        // Writing to a string cannot fail.
        let _ = write!(why, " {}", command.name());
    }
    why
}

/// The error at a byte offset of the text, with its line and column. The parser's own columns can exceed the length of a line.
fn error_at(text: &str, at: usize, why: &str) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let shown = text.lines().nth(line - 1).unwrap_or_default();
    let margin = " ".repeat(line.to_string().len());
    format!(
        "error at line {line}, column {column}\n{margin} |\n{line} | {shown}\n{margin} | {:>column$}\n{why}",
        '^'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(parse(""), Ok(Config::default()));
    }

    #[test]
    fn every_setting_can_be_set() {
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
        assert!(config.ascii && config.reduced_motion && config.mouse == Some(false));
        let pressed = |key: &str| config.keys.command(key.parse::<Chord>().unwrap().into());
        assert_eq!(pressed("B"), Some(Command::Buy));
        assert_eq!(pressed("b"), None);
        assert_eq!(pressed("^F"), Some(Command::Find));
        assert_eq!(config.keys.keys(Command::PageDown), "^D");
    }

    #[test]
    fn an_error_names_its_line_and_column() {
        for (text, position, why) in [
            ("colour = \"red\"", "line 1, column 1", "unknown field `colour`"),
            ("\ntheme = \"loud\"", "line 2, column 9", "unknown variant `loud`"),
            ("[keys]\nfly = \"f\"", "line 2, column 7", "\"fly\" is not a command"),
            ("[keys]\nbuy = \"bb\"", "line 2, column 7", "is not a key"),
            ("[keys]\nbuy = 3", "line 2, column 7", "a key like"),
            (
                "[keys]\nbuy = \"x\"\ncopy = \"x\"",
                "line 3, column 8",
                "x is for buy and for copy",
            ),
            ("[keys]\nbuy = \"^C\"", "line 2, column 7", "^C is always for quit"),
            ("url = ", "line 1, column 7", ""),
            ("\ntheme = \"\"\"\"loud\"\n", "line 3, column 1", ""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(position) && error.contains(why), "{text:?}: {error}");
        }
    }
}
