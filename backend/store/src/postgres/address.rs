//! The address of a PostgreSQL database and its credentials.

use std::fmt;
use std::str::FromStr;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

/// A database's address and credentials. `Display` and `Debug` omit the password.
///
/// The form is libpq's (`postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`); what it omits comes from the
/// environment (`PGPASSWORD`, `PGSSLMODE`, …) and `~/.pgpass`.
#[derive(Clone)]
pub struct Address {
    url: String,
    shown: String,
    options: Box<PgConnectOptions>,
}

impl Address {
    pub(super) fn options(&self) -> PgConnectOptions {
        (*self.options).clone()
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Address {}

impl FromStr for Address {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let refused = |why: &str| format!("the PostgreSQL URL is not valid: {why}; expected postgres://HOST/DATABASE");
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(refused("no host"));
        }
        let options: PgConnectOptions = url.parse().map_err(|error| match error {
            sqlx::Error::Configuration(why) => refused(&why.to_string()),
            _ => refused("it cannot be read"),
        })?;
        let (user, port) = (options.get_username(), options.get_port());
        let database = options.get_database().unwrap_or(user);
        let shown = match options.get_socket() {
            Some(folder) => format!("postgres://{user}@/{database}?host={}&port={port}", folder.display()),
            None => format!("postgres://{user}@{}:{port}/{database}", options.get_host()),
        };
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("bookstored"),
        };
        Ok(Self {
            url: url.to_owned(),
            shown,
            options: Box::new(options.disable_statement_logging()),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
