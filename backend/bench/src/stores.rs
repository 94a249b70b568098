//! Durable purchases on SQLite and PostgreSQL, against those on CSV files.

use anyhow::Result;
use testing::postgres::{self, Server};

use crate::goal::Bound;
use crate::operation::Operation;
use crate::processes::{Program, Setup, Store};
use crate::report::{Heading, Report};
use crate::sample::{Settings, ratio};

const CONNECTIONS: u32 = 256;

const HEADING: Heading = Heading {
    title: "Durable purchases by store",
    about: "Three processes, four books; rounds on both stores in turn. PostgreSQL is a server of its own on the same disk and \
            the same cores, reached over a Unix socket, with fsync and synchronous_commit on; its processor time is not in the CPU column.",
    columns: "store | connections | a second | CSV/s | ratio | p50 µs | p99 µs | p99.9 µs | CPU µs | switches | MiB",
};

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
        let start = |ours| {
            let url = server.as_ref().filter(|_| ours).map(Server::url);
            let store = match (ours, &url) {
                (false, _) => Store::Csv,
                (true, None) => Store::Sqlite,
                (true, Some(url)) => Store::Postgres(url),
            };
            settings.bookstore(&Setup {
                store,
                ..Setup::default()
            })
        };
        let [engine, csv] = settings.compare(Operation::Buy, CONNECTIONS, start).await?;
        let names = vec![self.name().to_owned(), CONNECTIONS.to_string()];
        let cells = [names, engine.against(&csv.rates), engine.latencies(), engine.costs()];
        report.row(&HEADING, cells.concat());
        let (what, goal) = self.goal();
        report.goal(
            self.name(),
            what,
            ratio(&engine.rates, &csv.rates),
            Bound::AtLeast(goal),
        );
        if self == Self::Sqlite {
            against_bare(settings, report).await?;
        }
        Ok(())
    }
}

async fn against_bare(settings: &Settings, report: &mut Report) -> Result<()> {
    let setup = Setup {
        store: Store::Sqlite,
        ..Setup::default()
    };
    let start = |ours| match ours {
        true => settings.bookstore(&setup),
        false => Program::bare(&settings.binaries),
    };
    let [sqlite, bare] = settings.compare(Operation::Buy, CONNECTIONS, start).await?;
    let what = "durable buy on SQLite, three processes ÷ bare handler, 256 connections";
    let ratio = ratio(&sqlite.rates, &bare.rates);
    report.goal("sqlite-bare", what, ratio, Bound::AtLeast(0.5));
    Ok(())
}
