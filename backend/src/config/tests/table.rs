//! docs/SETTINGS.md has one table of all settings, which this test compares with the command line's definition.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};

use super::super::variables::SECRETS;
use super::super::{key, roles, settings};
use crate::cli::Cli;

/// The environment variable that makes the test write the table instead of comparing it.
const UPDATE: &str = "BOOKSTORE_TEST_UPDATE";
const BEGIN: &str = "<!-- The table is written by a test: backend/src/config/tests/table.rs -->\n";

#[derive(Default)]
struct Row {
    variable: String,
    /// The default of each service that has the setting.
    defaults: Vec<(String, String)>,
    commands: Vec<String>,
    help: String,
}

impl Row {
    fn default_values(&self) -> String {
        let Some((_, usual)) = self.defaults.first() else {
            return String::new();
        };
        let mut text = code(usual);
        for (role, other) in &self.defaults {
            if other != usual {
                let _ = write!(text, "; {role} {}", code(other));
            }
        }
        text
    }
}

fn code(text: &str) -> String {
    match text {
        "" => String::new(),
        _ => format!("`{text}`"),
    }
}

/// Splits a help text into the text without its default, and the default.
fn split_help(argument: &Arg) -> (String, Option<String>) {
    let help = argument.get_help().unwrap().to_string();
    match help.split_once(" [default: ") {
        Some((help, default)) => (help.to_owned(), Some(default.trim_end_matches(']').to_owned())),
        None => (help, None),
    }
}

fn rows(whole: &Command) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::<String, Row>::new();
    let services: Vec<&str> = roles(whole).map(Command::get_name).collect();
    // `all` comes last, because its flag sets the address of the front-end.
    let commands = whole.get_subcommands().filter(|command| command.get_name() != "all");
    for command in commands.chain(whole.find_subcommand("all")) {
        for setting in settings(whole, command) {
            let row = rows.entry(key(setting).to_owned()).or_default();
            let (help, default) = split_help(setting);
            row.variable = setting.get_env().unwrap().to_str().unwrap().to_owned();
            row.help = help;
            row.commands.push(command.get_name().to_owned());
            if services.contains(&command.get_name()) {
                let values = setting.get_default_values().iter().map(|value| value.to_str().unwrap());
                let values = default.unwrap_or(values.collect::<Vec<_>>().join(","));
                row.defaults.push((command.get_name().to_owned(), values));
            }
        }
    }
    for secret in SECRETS {
        let row = rows.get_mut(secret.key).unwrap();
        let _ = write!(row.variable, "`, or the token itself in `{}", secret.variable);
    }
    rows
}

fn table() -> String {
    let whole = Cli::command();
    let commands = whole.get_subcommands().count() - 1;
    let mut table = String::from(
        "| flag `--…`, key in the file | variable | of | default | what it sets |\n|---|---|---|---|---|\n",
    );
    for (key, row) in rows(&whole) {
        let of = match row.commands.len() {
            all if all >= commands => "every command".to_owned(),
            _ => row.commands.join(", "),
        };
        let (default, help) = (row.default_values(), row.help.replace('|', "\\|"));
        writeln!(table, "| `{key}` | `{}` | {of} | {default} | {help} |", row.variable).unwrap();
    }
    table
}

#[test]
fn the_documented_table_of_settings_matches_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SETTINGS.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (text, _) = page.split_once(BEGIN).unwrap();
    let expected = format!("{text}{BEGIN}{}", table());
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, expected).unwrap();
    } else {
        assert_eq!(page, expected, "run this test with {UPDATE}=1, which writes the table");
    }
}

#[test]
fn a_setting_has_the_same_name_as_flag_and_as_variable() {
    for (key, row) in rows(&Cli::command()) {
        let variable = format!("BOOKSTORE_{}", key.to_uppercase().replace('-', "_"));
        assert_eq!(row.variable.split('`').next(), Some(variable.as_str()));
    }
}
