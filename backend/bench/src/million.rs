//! Lookups in a catalog of a million or more books, compared with lookups among four books.

use std::path::Path;

use anyhow::Result;

use crate::goal::Bound;
use crate::load::Pace;
use crate::operation::{ItemDistribution, Operation};
use crate::processes::Setup;
use crate::report::{Heading, Report};
use crate::sample::{Samples, Settings, ratio};
use crate::sizes;
use testing::proc;

const CONNECTIONS: u32 = 64;
/// Number of books that the hot run reads.
const HOT: u32 = 100_000;
/// The size of a front-end's cache.
const CACHED_MAX: u32 = 1_000_000;
/// Warm-up requests per book of the cache: afterwards nearly all books are cached.
const WARM_UP_REQUESTS_EACH: u64 = 5;

const HEADING: Heading = Heading {
    title: "Lookups among very many books",
    about: "Three processes, CSV store. A front-end caches up to 1,000,000 books; the cache is warm when the \
            measurement begins, and other books are fetched from the catalog. MiB is the \
            front-end's resident memory afterwards.",
    columns: "items | connections | among many/s | among four/s | ratio | p50 µs | p99 µs | p99.9 µs | MiB",
};

pub(crate) async fn measure(books: u32, settings: &Settings, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("books.csv");
    sizes::generate(&settings.binaries, books.into(), &file)?;
    let hot = HOT.min(books);
    let (uniform, zipf) = (ItemDistribution::Uniform, ItemDistribution::Zipf);
    for (name, label, items) in [
        ("hot", format!("of {hot} among {books}, each as often"), uniform(hot)),
        ("zipf", format!("of {books}, by Zipf's law"), zipf(books)),
        ("even", format!("of {books}, each as often"), uniform(books)),
    ] {
        let what = format!("lookup {label} ÷ of 4, 64 connections");
        let ratio = measure_one(label, items, &file, settings, report).await?;
        report.goal(&format!("million-{name}"), &what, ratio, Bound::AtLeast(0.85));
    }
    Ok(())
}

async fn measure_one(
    label: String,
    items: ItemDistribution,
    file: &Path,
    settings: &Settings,
    report: &mut Report,
) -> Result<f64> {
    let setup = Setup {
        books: Some(file),
        ..Setup::default()
    };
    let many = settings.bookstore(&setup)?;
    let few = settings.bookstore(&Setup::default())?;
    let lookup = Operation::LookupAny(items);
    let (ItemDistribution::Uniform(books) | ItemDistribution::Zipf(books)) = items;
    let (mut sent, wanted) = (0, WARM_UP_REQUESTS_EACH * u64::from(books.min(CACHED_MAX)));
    while sent < wanted {
        let warm_up = many.load(lookup, CONNECTIONS, Pace::Closed, settings.time).await?;
        sent += warm_up.latency_us.len();
    }
    let (mut ours, mut theirs) = (Samples::new()?, Samples::new()?);
    for _ in 0..settings.rounds {
        let four = Operation::LookupAny(ItemDistribution::Uniform(4));
        settings.sample(&mut theirs, &few, four, CONNECTIONS).await?;
        settings.sample(&mut ours, &many, lookup, CONNECTIONS).await?;
    }
    let names = vec![label, CONNECTIONS.to_string()];
    let memory_mib = vec![(proc::resident_kib(many.answering()) / 1024).to_string()];
    let cells = [names, ours.against(&theirs.rates), ours.latencies(), memory_mib];
    report.row(&HEADING, cells.concat());
    Ok(ratio(&ours.rates, &theirs.rates))
}
