//! The time until a catalog is ready, and its memory: with many books, and with a long ledger.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use backend::store::{self, EditPolicy};
use clap::Args;
use common::wire::Book;
use common::{Entry, GroupPosition, Kind, OrderId, Quantity, Seq, Timestamp};

use testing::{Process, proc};

use crate::processes::start_bookstored;

/// The entries of one append while a ledger is generated.
const BATCH: u64 = 10_000;

/// Measures the start of a catalog: the time until it is ready, and its memory.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Books
    #[arg(long, default_value_t = 1_000_000)]
    books: u64,
    /// Entries of the ledger, over four books
    #[arg(long, default_value_t = 10_000_000)]
    entries: u64,
    /// The stores, as `csv`, `sqlite` or the URL of an empty PostgreSQL database
    #[arg(long, value_delimiter = ',', default_values = ["csv", "sqlite"])]
    stores: Vec<String>,
}

pub(crate) fn measure(arguments: &Arguments, binaries: &Path) -> Result<String> {
    let mut table =
        String::from("| store | holds | start | ready after s | MiB then |\n| --- | --- | --- | ---: | ---: |\n");
    let folder = tempfile::tempdir()?;
    let books = folder.path().join("books.csv");
    if arguments.books > 0 {
        generate(binaries, arguments.books, &books)?;
    }
    for name in &arguments.stores {
        let mut row = |holds: &str, start: &str, (ready, memory_mib): (Duration, u64)| {
            // Writing into memory cannot fail.
            let _ = writeln!(
                table,
                "| {} | {holds} | {start} | {:.2} | {memory_mib} |",
                engine(name),
                ready.as_secs_f64()
            );
        };
        if arguments.books > 0 {
            let holds = format!("{} books", arguments.books);
            let url = url_of(name, &folder.path().join(format!("books-{}", engine(name))));
            row(&holds, "filling a fresh store", start(binaries, &url, Some(&books))?);
            row(&holds, "after a clean stop", start(binaries, &url, None)?);
        }
        if arguments.entries > 0 && !name.contains(':') {
            let holds = format!("{} entries", arguments.entries);
            let url = url_of(name, &folder.path().join(format!("ledger-{}", engine(name))));
            start(binaries, &url, None)?;
            extend_ledger(&url, arguments.entries)?;
            row(&holds, "the first", start(binaries, &url, None)?);
            row(&holds, "after a clean stop", start(binaries, &url, None)?);
            row(&holds, "after kill -9", start_after_kill(binaries, &url)?);
        }
    }
    Ok(table)
}

fn engine(name: &str) -> &str {
    name.split_once(':').map_or(name, |(scheme, _)| scheme)
}

/// A store's URL: `name` itself, or the engine of a store at `path`.
fn url_of(name: &str, path: &Path) -> String {
    match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}:{}", path.display()),
    }
}

pub(crate) fn generate(binaries: &Path, books: u64, file: &Path) -> Result<()> {
    let status = Command::new(binaries.join("bookstored"))
        .arg("generate")
        .arg(books.to_string())
        .arg(file)
        .status()?;
    ensure!(status.success(), "no catalog was generated");
    Ok(())
}

/// Starts a catalog and stops it cleanly. Returns the time until it was ready, and its peak memory by then in MiB.
fn start(binaries: &Path, url: &str, books: Option<&Path>) -> Result<(Duration, u64)> {
    let (process, ready) = run(binaries, url, books)?;
    let memory_mib = proc::resident_kib_max(process.id()) / 1024;
    ensure!(process.stop().success(), "the catalog did not stop cleanly");
    Ok((ready, memory_mib))
}

/// [`start`] after the previous catalog was killed.
fn start_after_kill(binaries: &Path, url: &str) -> Result<(Duration, u64)> {
    drop(run(binaries, url, None)?);
    start(binaries, url, None)
}

fn run(binaries: &Path, url: &str, books: Option<&Path>) -> Result<(Process, Duration)> {
    let mut arguments = vec!["catalog", "--listen", "127.0.0.1:0", "--store", url];
    let books = books.map(|books| books.display().to_string());
    if let Some(books) = &books {
        arguments.extend(["--books", books]);
    }
    let begun = Instant::now();
    let process = start_bookstored(binaries, &arguments)?;
    // A catalog listens before its database is open.
    process.wait_until_ready("catalog");
    Ok((process, begun.elapsed()))
}

/// Appends sales, and a restock when a book is sold out, until the ledger has `entries` entries.
fn extend_ledger(url: &str, entries: u64) -> Result<()> {
    let url: store::Url = url.parse().map_err(|why: String| anyhow::anyhow!(why))?;
    let store = store::open(&url, EditPolicy::Refuse)?;
    let loaded = store.load()?;
    let mut ledger = Ledger {
        head: loaded.head,
        books: loaded.books,
    };
    while ledger.head.0 < entries {
        let before = ledger.head;
        let batch: Vec<Entry> = (0..BATCH.min(entries - before.0))
            .map(|_| ledger.next().context("there are no books"))
            .collect::<Result<_>>()?;
        store.append(before, &batch)?;
    }
    store.checkpoint(&ledger.books, ledger.head)?;
    Ok(())
}

struct Ledger {
    head: Seq,
    books: Vec<Book>,
}

impl Ledger {
    fn next(&mut self) -> Option<Entry> {
        let seq = self.head.next();
        let count = self.books.len();
        let book = self.books.get_mut(usize::try_from(seq.0).ok()? % count)?;
        let (kind, change) = match book.stock.get() {
            0 => (Kind::Restocked, 1_000),
            _ => (Kind::Sold, -1),
        };
        (book.stock, book.seq) = (book.stock.checked_add_signed(change)?, seq);
        self.head = seq;
        Some(Entry {
            seq,
            at: Timestamp::now(),
            kind,
            item: book.item,
            line: GroupPosition::ONLY,
            quantity: (kind == Kind::Sold).then_some(Quantity::ONE),
            change,
            stock_after: Some(book.stock),
            order: Some(OrderId::generate()),
            unit_cost: Some(book.cost),
            reason: None,
            title: (kind == Kind::Sold).then(|| book.title.clone()),
            description: None,
        })
    }
}
