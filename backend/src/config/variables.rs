//! The environment variables: of settings, of secrets, and of other programs.

use std::ffi::OsString;

use clap::{Arg, CommandFactory};

use super::{nearest, settings};
use crate::cli::Cli;

/// The prefix of all variables.
const PREFIX: &str = "BOOKSTORE_";

/// A variable that holds a secret itself.
pub(super) struct Secret {
    pub(super) variable: &'static str,
    /// The setting that names a file with the secret. The flag takes precedence over the variable, and the variable over the
    /// configuration file.
    pub(super) key: &'static str,
}

pub(super) const SECRETS: [Secret; 2] = [
    Secret {
        variable: "BOOKSTORE_ADMIN_TOKEN",
        key: "admin-token-file",
    },
    Secret {
        variable: "BOOKSTORE_SERVICE_TOKEN",
        key: "service-token-file",
    },
];

/// Variables of `bookstore`, of other builds of `bookstored`, and of the project's builds and tests.
const OF_OTHER_PROGRAMS: [&str; 17] = [
    "BOOKSTORE_BOOKS_MAX",
    "BOOKSTORE_CHECK_ADVISORIES",
    "BOOKSTORE_COMMIT",
    "BOOKSTORE_FAILOVERS",
    "BOOKSTORE_FAULT",
    "BOOKSTORE_FUZZ",
    "BOOKSTORE_KEY_PRESSES",
    "BOOKSTORE_KILLS",
    "BOOKSTORE_OTLP_ENDPOINT",
    "BOOKSTORE_PROFILE",
    "BOOKSTORE_SEED",
    "BOOKSTORE_SEEDS",
    "BOOKSTORE_TESTS_MAY_SKIP",
    "BOOKSTORE_TEST_PANICS",
    "BOOKSTORE_TEST_SCENES",
    "BOOKSTORE_TEST_UPDATE",
    "BOOKSTORE_URL",
];

/// Whether a variable replaces the setting with this key.
pub(super) fn is_replaced(key: &str) -> bool {
    let secret = SECRETS.iter().find(|secret| secret.key == key);
    secret.is_some_and(|secret| std::env::var_os(secret.variable).is_some())
}

/// A sentence without a full stop for each `BOOKSTORE_` variable of the environment that has no effect.
pub fn unknown_variables() -> Vec<String> {
    unknown(std::env::vars_os().map(|(name, _)| name))
}

/// A sentence for each variable among `set` that has the prefix and is unknown.
pub(super) fn unknown(set: impl Iterator<Item = OsString>) -> Vec<String> {
    let set = set.filter_map(|name| name.into_string().ok());
    let mut unknown: Vec<String> = set.filter(|name| name.starts_with(PREFIX)).collect();
    if unknown.is_empty() {
        return unknown;
    }
    let command = Cli::command();
    let of_settings = command.get_subcommands().flat_map(|role| settings(&command, role));
    let of_settings = of_settings.filter_map(|setting: &Arg| setting.get_env()?.to_str());
    let mut known: Vec<&str> = of_settings.chain(["BOOKSTORE_CONFIG"]).collect();
    known.extend(SECRETS.map(|secret| secret.variable));
    known.extend(OF_OTHER_PROGRAMS);
    unknown.retain(|name| !known.contains(&name.as_str()));
    unknown.sort_unstable();
    unknown
        .iter()
        .map(|name| {
            let rest = name.trim_start_matches(PREFIX);
            let names = known.iter().map(|known| known.trim_start_matches(PREFIX));
            match nearest(rest, names) {
                Some(nearest) => format!("the variable {name} has no effect; did you mean {PREFIX}{nearest}?"),
                None => format!("the variable {name} has no effect: there is no such setting"),
            }
        })
        .collect()
}
