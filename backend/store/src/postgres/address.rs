//! The address of a PostgreSQL database and its credentials.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

/// The accepted parameters of a URL, besides `target_session_attrs` and `options[…]`.
const PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// A setting that only a session without a pooler has; see [`Address::is_pooled`].
const DIRECT: (&str, &str) = ("bookstore.direct", "on");

/// A database's address and credentials. `Display` and `Debug` omit the password.
///
/// The form is libpq's (`postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?sslmode=…`); what it omits comes from the
/// environment (`PGPASSWORD`, `PGSSLMODE`, …) and `~/.pgpass`. Of several hosts the store uses the one that accepts writes.
#[derive(Clone)]
pub struct Address {
    url: String,
    shown: String,
    hosts: Arc<[PgConnectOptions]>,
    /// The index of the host that accepted writes last. Clones share it.
    current: Arc<AtomicUsize>,
    /// When another host became the current one. Clones share it.
    moved_at: Arc<Mutex<Option<Instant>>>,
    /// Whether a pooler was detected. Clones share it.
    is_pooled: Arc<AtomicBool>,
}

impl Address {
    /// The options of a connection to the host that accepted writes last.
    pub(super) fn options(&self) -> PgConnectOptions {
        let current = self.current.load(Ordering::Relaxed);
        let host = self.hosts.get(current).or(self.hosts.first());
        self.session(host.cloned().unwrap_or_default())
    }

    /// Adds the setting [`DIRECT`], by which a pooler is detected, unless one is known.
    fn session(&self, options: PgConnectOptions) -> PgConnectOptions {
        match self.is_pooled() {
            true => options.statement_cache_capacity(0),
            false => options.options([DIRECT]),
        }
    }

    /// Whether a pooler such as pgbouncer may run each transaction on another connection to the server. Then settings, prepared
    /// statements and `LISTEN` end with a transaction. A pooler refuses or ignores the setting [`DIRECT`].
    pub(super) fn is_pooled(&self) -> bool {
        self.is_pooled.load(Ordering::Relaxed)
    }

    /// Records that a pooler was detected.
    pub(super) fn set_pooled(&self) {
        if !self.is_pooled.swap(true, Ordering::Relaxed) {
            tracing::info!(store = %self, "connections lead through a pooler: each transaction has its own settings, and \
                                           the ledger is polled");
        }
    }

    /// The hosts, beginning with the one that accepted writes last.
    pub(super) fn hosts(&self) -> impl Iterator<Item = Host> {
        let (first, count) = (self.current.load(Ordering::Relaxed), self.hosts.len());
        let indices = (0..count).map(move |more| (first + more) % count);
        indices.filter_map(|index| {
            let options = self.hosts.get(index)?.clone();
            Some(Host { index, options })
        })
    }

    pub(super) fn has_several_hosts(&self) -> bool {
        self.hosts.len() > 1
    }

    /// Records that the host accepts writes. Returns whether another one was used before.
    pub(super) fn use_host(&self, host: &Host) -> bool {
        self.current.swap(host.index, Ordering::Relaxed) != host.index
    }

    /// Records that new connections use another host from now on.
    pub(super) fn set_moved(&self) {
        *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection that was opened `age` ago leads to the current host.
    pub(super) fn is_current(&self, age: Duration) -> bool {
        let moved_at = *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner);
        moved_at.is_none_or(|at| age < at.elapsed())
    }
}

/// One host of an address.
#[derive(Debug)]
pub(super) struct Host {
    index: usize,
    options: PgConnectOptions,
}

impl Host {
    /// The options of a connection to this host.
    pub(super) fn options(&self, address: &Address) -> PgConnectOptions {
        address.session(self.options.clone())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown_host(&self.options))
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
        let (_, rest) = url
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql"))
            .ok_or_else(|| refused("no host"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let query = checked_parameters(query).map_err(|why| refused(&why))?;
        let (authority, database) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let hosts_at = authority.rfind('@').map_or(0, |at| at + 1);
        let (user, hosts) = authority.split_at(hosts_at);
        let options = |host| {
            let parsed: Result<PgConnectOptions, _> = format!("postgres://{user}{host}{database}?{query}").parse();
            let options = parsed.map_err(|error| match error {
                sqlx::Error::Configuration(why) => refused(&why.to_string()),
                _ => refused("it cannot be read"),
            })?;
            let options = match options.get_application_name() {
                Some(_) => options,
                None => options.application_name("bookstored"),
            };
            // A pooler refuses this parameter, and the store has no floating-point numbers.
            Ok(options.extra_float_digits(None).disable_statement_logging())
        };
        let hosts: Vec<PgConnectOptions> = hosts.split(',').map(options).collect::<Result<_, String>>()?;
        Ok(Self {
            url: url.to_owned(),
            shown: shown(&hosts),
            hosts: hosts.into(),
            current: Arc::default(),
            moved_at: Arc::default(),
            is_pooled: Arc::default(),
        })
    }
}

/// Checks the parameters, because sqlx ignores unknown ones. Returns the parameters for sqlx.
fn checked_parameters(query: &str) -> Result<String, String> {
    let mut checked = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (name, value) {
            ("target_session_attrs", "read-write" | "primary") => {}
            ("target_session_attrs", _) => {
                return Err("target_session_attrs can only be read-write, as a store is written to".to_owned());
            }
            _ if PARAMETERS.contains(&name) || name.starts_with("options[") || name.starts_with("options%5B") => {
                checked.push(parameter);
            }
            _ => {
                let known = PARAMETERS.join(", ");
                return Err(format!(
                    "it has the unknown parameter {name:?}; known are {known} and target_session_attrs"
                ));
            }
        }
    }
    Ok(checked.join("&"))
}

fn shown(hosts: &[PgConnectOptions]) -> String {
    let Some(first) = hosts.first() else {
        return String::new();
    };
    let user = first.get_username();
    let database = first.get_database().unwrap_or(user);
    if let ([only], Some(folder)) = (hosts, first.get_socket()) {
        let (folder, port) = (folder.display(), only.get_port());
        return format!("postgres://{user}@/{database}?host={folder}&port={port}");
    }
    let shown: Vec<String> = hosts.iter().map(shown_host).collect();
    format!("postgres://{user}@{}/{database}", shown.join(","))
}

fn shown_host(host: &PgConnectOptions) -> String {
    match host.get_socket() {
        Some(folder) => format!("{}:{}", folder.display(), host.get_port()),
        None => format!("{}:{}", host.get_host(), host.get_port()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_hosts_share_the_rest_of_the_url() {
        let url = "postgres://shop:secret@one:5433,two,[::1]:7/books?target_session_attrs=read-write&sslmode=disable";
        let address: Address = url.parse().unwrap();
        assert_eq!(address.to_string(), "postgres://shop@one:5433,two:5432,[::1]:7/books");
        let hosts: Vec<Host> = address.hosts().collect();
        assert_eq!(hosts.len(), 3);
        assert!(address.clone().use_host(&hosts[1]));
        assert_eq!(address.options().get_host(), "two");
        let tried: Vec<usize> = address.hosts().map(|host| host.index).collect();
        assert_eq!(tried, [1, 2, 0]);
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_its_name_alone() {
        for (parameter, named) in [
            ("sslmod=disable", "sslmod"),
            ("password=x&connect_timeout=secret", "connect_timeout"),
            ("target_session_attrs=standby", "target_session_attrs"),
            ("target_session_attrs", "target_session_attrs"),
        ] {
            let why = format!("postgres://one,two/books?{parameter}")
                .parse::<Address>()
                .unwrap_err();
            assert!(why.contains(named) && !why.contains("secret"), "{why}");
        }
    }
}
