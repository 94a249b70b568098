//! The programs that are measured: `dist` builds, as processes of their own, on free ports, with a store of their own.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use testing::proc::{self, Usage};

const PATIENCE: Duration = Duration::from_secs(10);

/// One process, which ends with this.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    /// Where the last of its services answers.
    url: String,
}

impl Service {
    /// Starts one of the shop's services, or all of them, and waits until they say where they answer.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let services = if arguments.first() == Some(&"all") { 3 } else { 1 };
        let mut child = Command::new(program)
            .args(arguments)
            .env("BOOKSTORE_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let said = child
            .stdout
            .take()
            .into_iter()
            .flat_map(|out| BufReader::new(out).lines());
        let lines = said.take(services).collect::<std::io::Result<Vec<_>>>()?;
        match lines.last().and_then(|line| line.rsplit_once(' ')) {
            Some((_, url)) if lines.len() == services => Ok(Self {
                url: url.to_owned(),
                child,
            }),
            _ => bail!("{arguments:?} did not start"),
        }
    }

    /// The most memory that was ever resident, in MiB.
    pub(crate) fn memory_mib(&self) -> u64 {
        proc::resident_kib_max(self.child.id()) / 1024
    }

    /// Stops it cleanly.
    ///
    /// # Errors
    /// When it says that something went wrong.
    pub(crate) fn stop(mut self) -> Result<()> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(
            told.success() && self.child.wait()?.success(),
            "it did not stop cleanly"
        );
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Measured or stopped already; nothing of it is kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the bookstore that is measured keeps its ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Store<'a> {
    /// In a folder of its own.
    Csv,
    /// In a file of its own.
    Sqlite,
    /// At that URL, where there is nothing yet.
    Postgres(&'a str),
}

/// How the bookstore that is measured is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// In one process, or in three.
    pub(crate) in_one: bool,
    /// Where its ledger is.
    pub(crate) store: Store<'a>,
    /// Its books; four unless given.
    pub(crate) books: Option<&'a Path>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            in_one: false,
            store: Store::Csv,
            books: None,
        }
    }
}

/// Some processes and where to send requests.
#[derive(Debug)]
pub(crate) struct Program {
    /// The one that answers is the last.
    processes: Vec<Service>,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    _folder: Option<TempDir>,
}

impl Program {
    /// The bare handler.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn bare(binaries: &Path) -> Result<Self> {
        // It takes no port 0, as it says nothing: a free port is found for it.
        let address = free_address()?;
        let child = Command::new(binaries.join("bare"))
            .arg(address.to_string())
            .spawn()
            .context("bare")?;
        let url = format!("http://{address}");
        let program = Self {
            processes: vec![Service { child, url }],
            address,
            _folder: None,
        };
        wait_for(address)?;
        Ok(program)
    }

    /// The bookstore.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn bookstore(binaries: &Path, setup: &Setup<'_>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let four = folder.path().join("books.csv");
        std::fs::write(&four, BOOKS)?;
        let kept = folder.path().join("store");
        let store = match setup.store {
            Store::Csv => format!("csv:{}", kept.display()),
            Store::Sqlite => format!("sqlite:{}", kept.display()),
            Store::Postgres(url) => url.to_owned(),
        };
        let books = setup.books.unwrap_or(&four).display().to_string();
        let program = binaries.join("bookstored");
        let mut processes = Vec::new();
        let mut start = |arguments: &[&str]| -> Result<String> {
            let service = Service::start(&program, arguments)?;
            let url = service.url.clone();
            processes.push(service);
            Ok(url)
        };
        let (free, filled) = (
            "127.0.0.1:0",
            ["--store", &store, "--books", &books, "--listen", "127.0.0.1:0"],
        );
        let url = if setup.in_one {
            let ports = ["--catalog-listen", free, "--order-listen", free];
            start(&[&["all"], &filled[..], &ports[..]].concat())?
        } else {
            let catalog = start(&[&["catalog"], &filled[..]].concat())?;
            let order = start(&["order", "--catalog-url", &catalog, "--listen", free])?;
            let neighbours = ["--catalog-url", &catalog, "--order-url", &order];
            start(&[&["frontend", "--listen", free], &neighbours[..]].concat())?
        };
        let address = url.trim_start_matches("http://").parse()?;
        Ok(Self {
            processes,
            address,
            _folder: Some(folder),
        })
    }

    /// What all its processes used so far.
    pub(crate) fn usage(&self) -> Usage {
        let each = self.ids().map(Usage::of);
        each.fold(Usage::default(), Usage::and)
    }

    /// The most memory that was ever resident, in MiB.
    pub(crate) fn memory_mib(&self) -> u64 {
        self.ids().map(proc::resident_kib_max).sum::<u64>() / 1024
    }

    /// Its processes.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        self.processes.iter().map(|service| service.child.id())
    }

    /// The process that answers.
    pub(crate) fn answering(&self) -> u32 {
        self.ids().last().unwrap_or_default()
    }
}

/// An address at which nobody listens.
///
/// # Errors
/// When all ports are taken.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until somebody listens there.
///
/// # Errors
/// When nobody does for too long.
pub(crate) fn wait_for(address: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        if begun.elapsed() > PATIENCE {
            bail!("nobody answers at {address}");
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// The four books, with so many copies that the shelves do not empty while it is measured.
const BOOKS: &str = "item,name,stock,cost,topic\n\
    1,How to get a good grade in 677 in 20 minutes a day,1000000000,30,distributed systems\n\
    2,RPCs for Dummies,1000000000,40,distributed systems\n\
    3,Xen and the Art of Surviving Graduate School,1000000000,75,graduate school\n\
    4,Cooking for the Impatient Graduate Student,1000000000,150,graduate school\n";
