//! Durable purchases on SQLite and PostgreSQL, against the same on CSV files.

use anyhow::Result;
use testing::postgres::{self, Server};

use crate::ask::Ask;
use crate::processes::{Program, Setup, Store};
use crate::report::{Bound, Heading, Report};
use crate::sample::{Bench, Samples, ratio};

const CONNECTIONS: u32 = 256;

const HEADING: Heading = Heading {
    title: "Durable purchases by store",
    about: "Three processes, four books; rounds on both stores in turn. PostgreSQL is a server of its own on the same disk and \
            the same cores, reached over a Unix socket, with fsync and synchronous_commit on; its processor time is not in the CPU column.",
    columns: &[
        "store",
        "connections",
        "a second",
        "CSV/s",
        "ratio",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "CPU µs",
        "switches",
        "MiB",
    ],
};

/// A store other than CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    Sqlite,
    Postgres,
}

/// A temporary PostgreSQL server with production settings; `None` if PostgreSQL is not installed.
pub(crate) fn postgres() -> Option<Server> {
    postgres::is_installed().then_some(())?;
    Server::start(&[
        "shared_buffers=256MB",
        "max_wal_size=4GB",
        "fsync=on",
        "synchronous_commit=on",
    ])
}

impl Other {
    /// As it is chosen by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    fn goal(self) -> (&'static str, f64) {
        match self {
            Self::Sqlite => ("durable buy on SQLite ÷ on CSV, 256 connections", 0.8),
            Self::Postgres => ("durable buy on PostgreSQL ÷ on CSV, 256 connections", 0.6),
        }
    }

    /// Measures it.
    ///
    /// # Errors
    /// When a program does not start or answers anything but success.
    pub(crate) async fn measure(self, bench: &Bench, report: &mut Report) -> Result<()> {
        let server = match self {
            Self::Sqlite => None,
            Self::Postgres => match postgres() {
                Some(server) => Some(server),
                None => {
                    report.skip(self.name(), "no PostgreSQL server is installed");
                    return Ok(());
                }
            },
        };
        let (mut other, mut csv) = (Samples::new()?, Samples::new()?);
        for round in 0..bench.rounds {
            let url = server.as_ref().map(Server::url);
            let store = url.as_deref().map_or(Store::Sqlite, Store::Postgres);
            for other_now in [round % 2 == 1, round % 2 == 0] {
                let (store, samples) = match other_now {
                    true => (store, &mut other),
                    false => (Store::Csv, &mut csv),
                };
                let setup = Setup {
                    store,
                    ..Setup::default()
                };
                let program = Program::bookstore(&bench.binaries, &setup)?;
                bench.sample(samples, &program, Ask::Buy, CONNECTIONS).await?;
            }
        }
        let ratio = ratio(&other.rates, &csv.rates);
        let names = vec![self.name().to_owned(), CONNECTIONS.to_string()];
        report.row(&HEADING, [names, other.against(&csv), other.costs()].concat());
        let (what, goal) = self.goal();
        report.goal(self.name(), what, ratio, Bound::AtLeast(goal));
        Ok(())
    }
}
