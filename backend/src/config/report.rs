//! The output of `bookstored config`: every setting of a service with its value and source, in the form of a configuration
//! file, without secrets.

use std::ffi::OsStr;
use std::fmt::Write as _;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::variables::SECRETS;
use super::{Configuration, key, role, roles, settings};
use crate::store;

impl Configuration {
    /// The settings in force.
    pub fn report(&self) -> String {
        let role = role(&self.matches);
        let Some(command) = roles(&self.command).find(|command| command.get_name() == role) else {
            return String::new();
        };
        let mut report = format!("# What is in force for `bookstored {role}`, and where each value comes from.\n");
        // Writing to a string cannot fail.
        let _ = match self.file() {
            Some(path) => writeln!(report, "# Configuration file: {}", path.display()),
            None => writeln!(
                report,
                "# No configuration file; --config or BOOKSTORE_CONFIG names one."
            ),
        };
        let settings: Vec<_> = settings(&self.command, command).collect();
        for setting in &settings {
            let _ = match self.value(setting) {
                Some(value) => writeln!(
                    report,
                    "{:<50} # {}",
                    format!("{} = {value}", key(setting)),
                    self.source(role, setting)
                ),
                None => writeln!(report, "# {} is not set", key(setting)),
            };
        }
        for secret in SECRETS {
            let is_used = settings.iter().any(|setting| key(setting) == secret.key);
            if is_used && std::env::var_os(secret.variable).is_some() {
                let _ = writeln!(
                    report,
                    "# {} is set in the environment; it is not shown",
                    secret.variable
                );
            }
        }
        report
    }

    /// The matches of the command whose settings are shown.
    fn role_matches(&self) -> Option<&ArgMatches> {
        match self.matches.subcommand()? {
            ("config", config) => config.subcommand().map(|(_, matches)| matches),
            (_, matches) => Some(matches),
        }
    }

    /// The value as TOML; `None` if the setting has no value.
    fn value(&self, setting: &Arg) -> Option<String> {
        let raw = self.role_matches()?.get_raw(setting.get_id().as_str())?;
        let values: Vec<String> = raw.map(|value| quoted(setting, value)).collect();
        match setting.get_value_delimiter() {
            Some(_) => Some(format!("[{}]", values.join(", "))),
            None => values.into_iter().next(),
        }
    }

    fn source(&self, role: &str, setting: &Arg) -> String {
        let matches = self.role_matches();
        let source = matches.and_then(|matches| matches.value_source(setting.get_id().as_str()));
        let in_file = self.file.as_ref().and_then(|file| file.value(role, setting));
        match (source, in_file) {
            (Some(ValueSource::CommandLine), _) => format!("flag --{}", key(setting)),
            (Some(ValueSource::EnvVariable), _) => {
                format!("environment {}", setting.get_env().unwrap_or_default().display())
            }
            (_, Some(value)) => format!("file, line {}", value.line),
            _ => "default".to_owned(),
        }
    }
}

/// A value as TOML, without passwords.
fn quoted(setting: &Arg, value: &OsStr) -> String {
    let text = value.to_string_lossy();
    if !setting.get_action().takes_values() {
        return text.into_owned();
    }
    let shown = match text.parse::<store::Url>() {
        Ok(url) if setting.get_id() == "store" => url.to_string(),
        _ => without_user(&text),
    };
    toml::Value::String(shown).to_string()
}

/// A list of addresses without their user information.
fn without_user(list: &str) -> String {
    let addresses = list.split(',').map(|address| match address.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://…@{host}"),
            None => address.to_owned(),
        },
        None => address.to_owned(),
    });
    addresses.collect::<Vec<_>>().join(",")
}
