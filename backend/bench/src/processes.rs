//! The measured programs: `dist` builds in their own processes, on free ports, each with a new store.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use testing::Process;
use testing::proc::{self, Usage};

use crate::load::{self, Outcome, Pace};
use crate::operation::Operation;

const ANY_PORT: &str = "127.0.0.1:0";

/// The four books, with enough copies that they never sell out during a measurement.
pub(crate) const BOOKS: &str = "item,name,stock,cost,topic\n\
    1,How to get a good grade in 677 in 20 minutes a day,1000000000,30,distributed systems\n\
    2,RPCs for Dummies,1000000000,40,distributed systems\n\
    3,Xen and the Art of Surviving Graduate School,1000000000,75,graduate school\n\
    4,Cooking for the Impatient Graduate Student,1000000000,150,graduate school\n";

/// Starts `bookstored` and waits until its services listen.
pub(crate) fn start_bookstored(binaries: &Path, arguments: &[&str]) -> Result<Process> {
    let services = if arguments.first() == Some(&"all") { 3 } else { 1 };
    let mut command = Command::new(binaries.join("bookstored"));
    command.args(arguments).env("BOOKSTORE_LOG", "error");
    Process::start(&mut command, services).context("bookstored")
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Store<'a> {
    /// A new folder.
    #[default]
    Csv,
    /// A new file.
    Sqlite,
    /// The URL of an empty database schema.
    Postgres(&'a str),
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Setup<'a> {
    /// One process instead of three.
    pub(crate) in_one_process: bool,
    pub(crate) store: Store<'a>,
    /// The catalog file; four books if `None`.
    pub(crate) books: Option<&'a Path>,
}

/// A measured program: its processes, and the address for requests.
#[derive(Debug)]
pub(crate) struct Program {
    /// The last one answers the requests.
    processes: Vec<Process>,
    pub(crate) address: SocketAddr,
    _folder: Option<TempDir>,
}

impl Program {
    pub(crate) fn bare(binaries: &Path) -> Result<Self> {
        let process = Process::start(Command::new(binaries.join("bare")).arg(ANY_PORT), 1).context("bare")?;
        Ok(Self {
            address: process.address("bare").parse()?,
            processes: vec![process],
            _folder: None,
        })
    }

    pub(crate) fn bookstore(binaries: &Path, setup: &Setup<'_>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("store");
        let store = match setup.store {
            Store::Csv => format!("csv:{}", path.display()),
            Store::Sqlite => format!("sqlite:{}", path.display()),
            Store::Postgres(url) => url.to_owned(),
        };
        let four = folder.path().join("books.csv");
        std::fs::write(&four, BOOKS)?;
        let books = setup.books.unwrap_or(&four).display().to_string();
        let filled = ["--store", &store, "--books", &books, "--listen", ANY_PORT];
        let start = |arguments: &[&str]| start_bookstored(binaries, arguments);
        let processes = if setup.in_one_process {
            let ports = ["--catalog-listen", ANY_PORT, "--order-listen", ANY_PORT];
            vec![start(&[&["all"], &filled[..], &ports[..]].concat())?]
        } else {
            let catalog = start(&[&["catalog"], &filled[..]].concat())?;
            let catalog_url = catalog.url("catalog");
            let order = start(&["order", "--catalog-url", catalog_url, "--listen", ANY_PORT])?;
            let dependencies = ["--catalog-url", catalog_url, "--order-url", order.url("order")];
            let frontend = start(&[&["frontend", "--listen", ANY_PORT], &dependencies[..]].concat())?;
            vec![catalog, order, frontend]
        };
        let (first, last) = processes.first().zip(processes.last()).context("no process")?;
        first.wait_until_ready("catalog");
        Ok(Self {
            address: last.address("frontend").parse()?,
            processes,
            _folder: Some(folder),
        })
    }

    pub(crate) async fn load(
        &self,
        operation: Operation,
        connections: u32,
        pace: Pace,
        time: Duration,
    ) -> Result<Outcome> {
        load::run(self.address, operation, connections, pace, time).await
    }

    /// CPU time and context switches of all its processes.
    pub(crate) fn usage(&self) -> Usage {
        self.ids().map(Usage::of).fold(Usage::default(), Usage::and)
    }

    /// The sum of its processes' peak resident memory, in MiB.
    pub(crate) fn memory_mib(&self) -> u64 {
        self.ids().map(proc::resident_kib_max).sum::<u64>() / 1024
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        self.processes.iter().map(Process::id)
    }

    pub(crate) fn answering(&self) -> u32 {
        self.ids().last().unwrap_or_default()
    }
}
