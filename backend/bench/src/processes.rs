//! The programs that are measured: release builds, as processes of their own, on free ports, with a store of their own.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use color_eyre::eyre::{Context, Result, bail};
use tempfile::TempDir;

/// Ticks of `/proc/PID/stat` in a second, as Linux has them on every machine of today.
const TICKS_PER_S: f64 = 100.0;
const PATIENCE: Duration = Duration::from_secs(10);

/// Some processes and where to send requests.
#[derive(Debug)]
pub(crate) struct Program {
    children: Vec<Child>,
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
        let program = Self {
            children: vec![child],
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
        let mut children = Vec::new();
        let mut start = |arguments: &[&str], services: usize| -> Result<String> {
            let (child, url) = start(&program, arguments, services)?;
            children.push(child);
            Ok(url)
        };
        let free = "127.0.0.1:0";
        let url = if in_one {
            let ports = ["--listen", free, "--catalog-listen", free, "--order-listen", free];
            start(
                &[&["all", "--store", &store, "--books", &books], &ports[..]].concat(),
                3,
            )?
        } else {
            let catalog = start(&["catalog", "--store", &store, "--books", &books, "--listen", free], 1)?;
            let order = start(&["order", "--catalog-url", &catalog, "--listen", free], 1)?;
            start(
                &[
                    "frontend",
                    "--catalog-url",
                    &catalog,
                    "--order-url",
                    &order,
                    "--listen",
                    free,
                ],
                1,
            )?
        };
        let address = url.trim_start_matches("http://").parse()?;
        Ok(Self {
            children,
            address,
            _folder: Some(folder),
        })
    }

    /// Processor time used so far, in seconds.
    pub(crate) fn cpu_s(&self) -> f64 {
        self.children.iter().filter_map(|child| cpu_s(child.id())).sum()
    }

    /// The most memory that was ever resident, in MiB.
    pub(crate) fn memory_mib(&self) -> u64 {
        self.children.iter().filter_map(|child| memory_mib(child.id())).sum()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        for child in &mut self.children {
            // Measured already; nothing of it is kept.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The four books, with so many copies that the shelves do not empty while it is measured.
const BOOKS: &str = "item,name,stock,cost,topic\n\
    1,How to get a good grade in 677 in 20 minutes a day,1000000000,30,distributed systems\n\
    2,RPCs for Dummies,1000000000,40,distributed systems\n\
    3,Xen and the Art of Surviving Graduate School,1000000000,75,graduate school\n\
    4,Cooking for the Impatient Graduate Student,1000000000,150,graduate school\n";

/// Starts a program and gives the address that the last of its services says.
fn start(program: &PathBuf, arguments: &[&str], services: usize) -> Result<(Child, String)> {
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
        Some((_, url)) if lines.len() == services => Ok((child, url.to_owned())),
        _ => bail!("{arguments:?} did not start"),
    }
}

fn cpu_s(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may have blanks; what follows it has none.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_S)
}

fn memory_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}
