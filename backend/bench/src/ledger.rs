//! The ledger without HTTP: sales are decided, encoded, appended, synced and applied, against writing and syncing as many
//! bytes.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use backend::catalog::{CatalogService, InitialCatalog};
use backend::store::{self, EditPolicy};
use common::wire::{OrderLines, Outcome, Sale};
use common::{Deadline, ItemNumber, OrderId, Quantity, limits};

use crate::goal::Bound;
use crate::load::next_number;
use crate::processes::BOOKS;
use crate::report::{Heading, Report};
use crate::sample::{Settings, median, ratio};

const HEADING: Heading = Heading {
    title: "The ledger alone",
    about: "A catalog within the benchmark, CSV store, four books, no HTTP: one batch after the other. The other side writes as many bytes as \
            such a batch and syncs them.",
    columns: "sales in a batch | decided/s | plain writing/s | ratio | bytes each",
};

pub(crate) async fn measure(batch: u32, settings: &Settings, report: &mut Report) -> Result<()> {
    let (mut ours, mut plain, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..settings.rounds {
        let folder = tempfile::tempdir()?;
        let (rate, batch_bytes) = sell(folder.path(), batch, settings.time).await?;
        ours.push(rate);
        bytes = batch_bytes;
        plain.push(write(folder.path(), batch, batch_bytes, settings.time)?);
    }
    let ratio = ratio(&ours, &plain);
    let cells = vec![
        batch.to_string(),
        format!("{:.0}", median(&ours)),
        format!("{:.0}", median(&plain)),
        format!("{ratio:.2}"),
        (bytes / batch as usize).to_string(),
    ];
    report.row(&HEADING, cells);
    if batch == BATCHES[0] {
        let what = format!("ledger alone ÷ writing and syncing the same bytes, batches of {batch}");
        report.goal("ledger", &what, ratio, Bound::AtLeast(0.5));
    }
    Ok(())
}

/// The sales in a batch: the most in a batch between the services, and nearly eight times as many.
pub(crate) const BATCHES: [u32; 2] = [1_024, 8_190];

/// The sales per second, and the bytes of a batch in the ledger.
async fn sell(folder: &Path, batch: u32, time: Duration) -> Result<(f64, usize)> {
    let (path, books) = (folder.join("store"), folder.join("books.csv"));
    std::fs::write(&books, BOOKS)?;
    let url: store::Url = format!("csv:{}", path.display()).parse().map_err(anyhow::Error::msg)?;
    let catalog = tokio::task::spawn_blocking(move || {
        let store = store::open(&url, EditPolicy::Refuse)?;
        let books = InitialCatalog::File {
            path: books,
            allow_empty: false,
        };
        CatalogService::open(store, &books)
    });
    let catalog = catalog.await??;
    let length = || ledger_bytes(&path);
    let mut next = sales(batch);
    let (before, begin, mut batches) = (length()?, Instant::now(), 0_usize);
    while begin.elapsed() < time {
        let decided;
        // Prepare the next batch while this one is decided.
        (decided, next) = tokio::join!(catalog.sell(next), async { sales(batch) });
        let decided = decided?;
        let all_sold = decided
            .decisions
            .iter()
            .all(|decision| decision.outcome == Outcome::Sold);
        ensure!(
            all_sold && decided.decisions.len() == batch as usize,
            "not all was sold"
        );
        batches += 1;
    }
    let rate = (batches * batch as usize) as f64 / begin.elapsed().as_secs_f64();
    let written = length()?.saturating_sub(before);
    catalog.close().await;
    Ok((rate, written / batches.max(1)))
}

fn sales(count: u32) -> Vec<Sale> {
    let deadline = Deadline::after(limits::DEADLINE_MAX);
    let sale = |_| {
        let item = ItemNumber::try_from(1 + next_number() % 4).ok()?;
        Some(Sale {
            id: OrderId::generate(),
            lines: OrderLines::one(item, Quantity::ONE),
            keyed: true,
            resent: false,
            deadline,
        })
    };
    (0..count).filter_map(sale).collect()
}

/// The bytes of all segments of the ledger.
fn ledger_bytes(store: &Path) -> Result<usize> {
    let mut bytes = 0;
    for file in std::fs::read_dir(store)? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with("ledger") {
            bytes += file.metadata()?.len();
        }
    }
    usize::try_from(bytes).context("a large ledger")
}

fn write(folder: &Path, batch: u32, batch_bytes: usize, time: Duration) -> Result<f64> {
    let mut file = File::create(folder.join("plain"))?;
    let block = vec![b'.'; batch_bytes];
    let (begin, mut written) = (Instant::now(), 0_u64);
    while begin.elapsed() < time {
        file.write_all(&block)?;
        file.sync_data()?;
        written += u64::from(batch);
    }
    Ok(written as f64 / begin.elapsed().as_secs_f64())
}
