//! Durable purchases on SQLite and PostgreSQL, against those on CSV files.

use anyhow::Result;
use testing::postgres::{self, Server};

use crate::goal::Bound;
use crate::operation::Operation;
use crate::processes::{Program, Setup, Store};
use crate::report::{Heading, Report};
use crate::sample::{Samples, Settings, ratio};

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

/// The engine that is compared with CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
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

impl Engine {
    /// The name on the command line.
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

    pub(crate) async fn measure(self, settings: &Settings, report: &mut Report) -> Result<()> {
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
        let (mut engine, mut csv) = (Samples::new()?, Samples::new()?);
        for round in 0..settings.rounds {
            let url = server.as_ref().map(Server::url);
            let store = url.as_deref().map_or(Store::Sqlite, Store::Postgres);
            for engine_now in [round % 2 == 1, round % 2 == 0] {
                let (store, samples) = match engine_now {
                    true => (store, &mut engine),
                    false => (Store::Csv, &mut csv),
                };
                let setup = Setup {
                    store,
                    ..Setup::default()
                };
                let program = Program::bookstore(&settings.binaries, &setup)?;
                settings.sample(samples, &program, Operation::Buy, CONNECTIONS).await?;
            }
        }
        let ratio = ratio(&engine.rates, &csv.rates);
        let names = vec![self.name().to_owned(), CONNECTIONS.to_string()];
        report.row(&HEADING, [names, engine.against(&csv), engine.costs()].concat());
        let (what, goal) = self.goal();
        report.goal(self.name(), what, ratio, Bound::AtLeast(goal));
        Ok(())
    }
}
