//! The programs that are measured: release builds, as processes of their own, on free ports, with a store of their own.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use color_eyre::eyre::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// Ticks of `/proc/PID/stat` in a second, as Linux has them on every machine of today.
const TICKS_PER_S: f64 = 100.0;
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

    /// Processor time used so far, in seconds.
    fn cpu_s(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name may have blanks; what follows it has none.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
        Some((ticks(11)? + ticks(12)?) / TICKS_PER_S)
    }

    /// The most memory that was ever resident, in MiB.
    pub(crate) fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.unwrap_or_default() / 1024
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

/// Some processes and where to send requests.
#[derive(Debug)]
pub(crate) struct Program {
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
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
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
        let begun = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            if begun.elapsed() > PATIENCE {
                bail!("the bare handler does not answer");
            }
            std::thread::yield_now();
        }
        Ok(program)
    }

    /// The bookstore in three processes, or in one.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn bookstore(binaries: &Path, in_one: bool) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let books = folder.path().join("books.csv");
        std::fs::write(&books, BOOKS)?;
        let store = format!("csv:{}", folder.path().join("store").display());
        let books = books.display().to_string();
        let program = binaries.join("bookstored");
        let mut processes = Vec::new();
        let mut start = |arguments: &[&str]| -> Result<String> {
            let service = Service::start(&program, arguments)?;
            let url = service.url.clone();
            processes.push(service);
            Ok(url)
        };
        let free = "127.0.0.1:0";
        let url = if in_one {
            let ports = ["--listen", free, "--catalog-listen", free, "--order-listen", free];
            start(&[&["all", "--store", &store, "--books", &books], &ports[..]].concat())?
        } else {
            let catalog = start(&["catalog", "--store", &store, "--books", &books, "--listen", free])?;
            let order = start(&["order", "--catalog-url", &catalog, "--listen", free])?;
            start(&[
                "frontend",
                "--catalog-url",
                &catalog,
                "--order-url",
                &order,
                "--listen",
                free,
            ])?
        };
        let address = url.trim_start_matches("http://").parse()?;
        Ok(Self {
            processes,
            address,
            _folder: Some(folder),
        })
    }

    /// Processor time used so far, in seconds.
    pub(crate) fn cpu_s(&self) -> f64 {
        self.processes.iter().filter_map(Service::cpu_s).sum()
    }

    /// The most memory that was ever resident, in MiB.
    pub(crate) fn memory_mib(&self) -> u64 {
        self.processes.iter().map(Service::memory_mib).sum()
    }
}

/// The four books, with so many copies that the shelves do not empty while it is measured.
const BOOKS: &str = "item,name,stock,cost,topic\n\
    1,How to get a good grade in 677 in 20 minutes a day,1000000000,30,distributed systems\n\
    2,RPCs for Dummies,1000000000,40,distributed systems\n\
    3,Xen and the Art of Surviving Graduate School,1000000000,75,graduate school\n\
    4,Cooking for the Impatient Graduate Student,1000000000,150,graduate school\n";
