//! How long a catalog takes to be ready and how much memory it needs: with many books, and with a long ledger.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use backend::store::{self, EditPolicy};
use clap::Args;
use common::wire::Book;
use common::{Entry, Kind, OrderId, Seq, Timestamp};

use crate::processes::Service;

/// Entries of one append while a ledger is made.
const BATCH: u64 = 10_000;

/// Measures the start of a catalog: time until it is ready, and memory.
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

/// Measures both and gives a table.
///
/// # Errors
/// When a program does not start, or a store cannot be written.
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
                kind(name),
                ready.as_secs_f64()
            );
        };
        if arguments.books > 0 {
            let holds = format!("{} books", arguments.books);
            let url = url_of(name, &folder.path().join(format!("books-{}", kind(name))));
            row(&holds, "filling a fresh store", start(binaries, &url, Some(&books))?);
            row(&holds, "after a clean stop", start(binaries, &url, None)?);
        }
        if arguments.entries > 0 && !name.contains(':') {
            let holds = format!("{} entries", arguments.entries);
            let url = url_of(name, &folder.path().join(format!("ledger-{}", kind(name))));
            start(binaries, &url, None)?;
            lengthen(&url, arguments.entries)?;
            row(&holds, "the first", start(binaries, &url, None)?);
            row(&holds, "after a clean stop", start(binaries, &url, None)?);
            row(&holds, "after kill -9", killed(binaries, &url)?);
        }
    }
    Ok(table)
}

fn kind(name: &str) -> &str {
    name.split_once(':').map_or(name, |(scheme, _)| scheme)
}

/// A store's address: the name is one, or the kind of one that is kept at that path.
fn url_of(name: &str, path: &Path) -> String {
    match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}:{}", path.display()),
    }
}

/// Makes a catalog of so many books.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn generate(binaries: &Path, books: u64, file: &Path) -> Result<()> {
    let made = Command::new(binaries.join("bookstored"))
        .arg("generate")
        .arg(books.to_string())
        .arg(file)
        .status()?;
    ensure!(made.success(), "no catalog was generated");
    Ok(())
}

/// Starts a catalog and stops it cleanly; how long it took to be ready, and the memory it had needed by then.
fn start(binaries: &Path, url: &str, books: Option<&Path>) -> Result<(Duration, u64)> {
    let (service, ready) = run(binaries, url, books)?;
    let memory_mib = service.memory_mib();
    service.stop()?;
    Ok((ready, memory_mib))
}

/// The same after one that was killed.
fn killed(binaries: &Path, url: &str) -> Result<(Duration, u64)> {
    drop(run(binaries, url, None)?);
    start(binaries, url, None)
}

fn run(binaries: &Path, url: &str, books: Option<&Path>) -> Result<(Service, Duration)> {
    let mut arguments = vec!["catalog", "--listen", "127.0.0.1:0", "--store", url];
    let books = books.map(|books| books.display().to_string());
    if let Some(books) = &books {
        arguments.extend(["--books", books]);
    }
    let begun = Instant::now();
    let service = Service::start(&binaries.join("bookstored"), &arguments)?;
    Ok((service, begun.elapsed()))
}

/// Appends sales, and a restock of each book now and then, until the ledger has so many entries.
fn lengthen(url: &str, entries: u64) -> Result<()> {
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
            .map(|_| ledger.next().context("the shelves are empty"))
            .collect::<Result<_>>()?;
        store.append(before, &batch)?;
    }
    store.checkpoint(&ledger.books, ledger.head)?;
    Ok(())
}

/// What was written so far.
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
            quantity: (kind == Kind::Sold).then_some(1),
            change,
            stock_after: Some(book.stock),
            order: Some(OrderId::generate()),
            unit_cost: Some(book.cost),
            reason: None,
        })
    }
}
