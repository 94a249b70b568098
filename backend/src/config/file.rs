//! The configuration file: TOML, `key = value`. Keys before the first table apply to every service that has the setting; keys
//! in a service's table (`[catalog]`) apply to that service and take precedence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::variables::is_replaced;
use super::{Error, key, nearest, roles, settings};

/// A file whose keys are all known.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// Values by service (`""` for all services) and key.
    values: BTreeMap<String, BTreeMap<String, Value>>,
}

#[derive(Debug)]
pub(super) struct Value {
    pub(super) line: usize,
    /// One text, or the elements of a list.
    texts: Vec<String>,
}

impl File {
    pub(super) fn read(path: &Path, whole: &Command) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::File(format!("cannot read the configuration {}: {error}", path.display())))?;
        Self::parse(path, &text, whole)
    }

    pub(super) fn parse(path: &Path, text: &str, whole: &Command) -> Result<Self, Error> {
        let mut file = Self {
            path: path.to_owned(),
            values: BTreeMap::new(),
        };
        let added = DeTable::parse(text)
            .map_err(|error| (error.span().unwrap_or_default().start, error.message().to_owned()))
            .and_then(|table| file.add(table.into_inner(), whole, text));
        match added {
            Ok(()) => Ok(file),
            Err((at, why)) => Err(Error::File(format!("{}:{}: {why}", path.display(), line(text, at)))),
        }
    }

    /// Adds the values of a document. An error has its byte offset in the text.
    fn add(&mut self, document: DeTable<'_>, whole: &Command, text: &str) -> Result<(), (usize, String)> {
        let of_any: Vec<&str> = whole
            .get_subcommands()
            .flat_map(|role| settings(whole, role))
            .map(key)
            .collect();
        for (name, value) in document {
            let role = roles(whole).find(|role| role.get_name() == name.get_ref());
            match (role, value.into_inner()) {
                (Some(role), DeValue::Table(table)) => {
                    let of_role: Vec<&str> = settings(whole, role).map(key).collect();
                    for (name, value) in table {
                        self.add_value(role.get_name(), &name, value.into_inner(), &of_role, text)?;
                    }
                }
                (_, value) => self.add_value("", &name, value, &of_any, text)?,
            }
        }
        Ok(())
    }

    fn add_value(
        &mut self,
        role: &str,
        name: &Spanned<DeString<'_>>,
        value: DeValue<'_>,
        keys: &[&str],
        text: &str,
    ) -> Result<(), (usize, String)> {
        let (at, name) = (name.span().start, name.get_ref().as_ref());
        if !keys.contains(&name) {
            let of = if role.is_empty() {
                String::new()
            } else {
                format!(" of {role}")
            };
            let nearest = nearest(name, keys.iter().copied()).map(|nearest| format!("; did you mean {nearest:?}?"));
            return Err((
                at,
                format!("there is no setting {name:?}{of}{}", nearest.unwrap_or_default()),
            ));
        }
        let texts = match value {
            DeValue::Array(values) => values.into_iter().map(|value| scalar(value.into_inner())).collect(),
            value => scalar(value).map(|text| vec![text]),
        };
        let expected = || {
            (
                at,
                format!("{name}: expected a text, a number, true or false, or a list of these"),
            )
        };
        let value = Value {
            line: line(text, at),
            texts: texts.ok_or_else(expected)?,
        };
        self.values
            .entry(role.to_owned())
            .or_default()
            .insert(name.to_owned(), value);
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's value of a setting; `None` if it has none, or an environment variable replaces it.
    pub(super) fn value(&self, role: &str, setting: &Arg) -> Option<&Value> {
        self.find(role, key(setting)).filter(|_| !is_replaced(key(setting)))
    }

    fn find(&self, role: &str, key: &str) -> Option<&Value> {
        let of = |role: &str| self.values.get(role).and_then(|values| values.get(key));
        of(role).or_else(|| of(""))
    }

    /// The command line with the file's values as defaults.
    pub(super) fn add_defaults(&self, whole: Command) -> Command {
        let whole = whole.mut_args(|argument| self.with_default("", argument));
        whole.mut_subcommands(|command| match command.get_name() {
            "config" => command.mut_subcommands(|command| self.add_defaults_to(command)),
            _ => self.add_defaults_to(command),
        })
    }

    fn add_defaults_to(&self, command: Command) -> Command {
        let role = command.get_name().to_owned();
        command.mut_args(|argument| self.with_default(&role, argument))
    }

    fn with_default(&self, role: &str, argument: Arg) -> Arg {
        let value = self.value(role, &argument).filter(|_| argument.get_env().is_some());
        match (value, argument.get_value_delimiter()) {
            (None, _) => argument,
            (Some(value), Some(delimiter)) => {
                let texts: Vec<_> = value
                    .texts
                    .iter()
                    .flat_map(|text| text.split(delimiter))
                    .map(str::to_owned)
                    .collect();
                argument.default_values(texts)
            }
            (Some(value), None) => argument.default_value(value.texts.join(",")),
        }
    }

    /// clap's error about a value of the file, with file, line and key.
    pub(super) fn explain(&self, error: &clap::Error, role: &str) -> Error {
        let text = error.to_string();
        let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
            return Error::File(format!("{}: {text}", self.path.display()));
        };
        // As in `--grace <TIME>`.
        let key = argument
            .trim_start_matches("--")
            .split([' ', '='])
            .next()
            .unwrap_or_default();
        let line = self.find(role, key).map_or(0, |value| value.line);
        let why = match std::error::Error::source(error) {
            Some(why) => why.to_string(),
            None => text
                .lines()
                .take_while(|line| !line.is_empty())
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(" "),
        };
        let why = why.trim_start_matches("error: ");
        Error::File(format!("{}:{line}: {key}: {why}", self.path.display()))
    }
}

fn scalar(value: DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.into_owned()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The number of the line at a byte offset.
fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    memchr::memchr_iter(b'\n', before).count() + 1
}
