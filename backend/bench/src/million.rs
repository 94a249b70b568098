//! Lookups in a catalog of very many books, against the same in one of four.

use std::path::Path;

use anyhow::Result;

use crate::ask::{Ask, Draw};
use crate::load::{self, Pace};
use crate::processes::{Program, Setup};
use crate::report::{Bound, Heading, Report};
use crate::sample::{Bench, Samples, ratio};
use crate::sizes;
use testing::proc;

const CONNECTIONS: u32 = 64;
/// Fewer than the front-end keeps.
const HOT: u32 = 100_000;
/// What a front-end keeps at the most.
const KEPT: u32 = 1_000_000;
/// So many requests for each book that can be kept leave hardly one of them unknown.
const REQUESTS_EACH: u64 = 3;

const HEADING: Heading = Heading {
    title: "Lookups among very many books",
    about: "Three processes, CSV store. A front-end keeps 1,000,000 books, and knows as many as it can when \
            measuring begins; what it has not is fetched from the catalog. MiB is what \
            the front-end has resident after it.",
    columns: &[
        "drawn",
        "connections",
        "among many/s",
        "among four/s",
        "ratio",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "MiB",
    ],
};

/// Measures it.
///
/// # Errors
/// When a program does not start or answers anything but success.
pub(crate) async fn measure(books: u32, bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("books.csv");
    sizes::generate(&bench.binaries, books.into(), &file)?;
    let hot = HOT.min(books);
    let draws = [
        (
            "hot",
            format!("of {hot} among {books}, each as often"),
            Draw::Evenly(hot),
        ),
        ("zipf", format!("of {books}, by Zipf's law"), Draw::ByZipf(books)),
        ("even", format!("of {books}, each as often"), Draw::Evenly(books)),
    ];
    for (name, drawn, draw) in draws {
        let what = format!("lookup {drawn} ÷ of 4, 64 connections");
        let ratio = measure_one(drawn, draw, &file, bench, report).await?;
        report.goal(&format!("million-{name}"), &what, ratio, Bound::AtLeast(0.85));
    }
    Ok(())
}

async fn measure_one(drawn: String, draw: Draw, file: &Path, bench: &Bench, report: &mut Report) -> Result<f64> {
    let setup = Setup {
        books: Some(file),
        ..Setup::default()
    };
    let many = Program::bookstore(&bench.binaries, &setup)?;
    let few = Program::bookstore(&bench.binaries, &Setup::default())?;
    let (Draw::Evenly(books) | Draw::ByZipf(books)) = draw;
    let (mut asked, wanted) = (0, REQUESTS_EACH * u64::from(books.min(KEPT)));
    while asked < wanted {
        let asking = load::run(many.address, Ask::Any(draw), CONNECTIONS, Pace::Closed, bench.time).await?;
        asked += asking.answers;
    }
    let (mut ours, mut theirs) = (Samples::new()?, Samples::new()?);
    for _ in 0..bench.rounds {
        let four = Ask::Any(Draw::Evenly(4));
        bench.sample(&mut theirs, &few, four, CONNECTIONS).await?;
        bench.sample(&mut ours, &many, Ask::Any(draw), CONNECTIONS).await?;
    }
    let names = vec![drawn, CONNECTIONS.to_string()];
    let memory_mib = vec![(proc::resident_kib(many.answering()) / 1024).to_string()];
    report.row(&HEADING, [names, ours.against(&theirs), memory_mib].concat());
    Ok(ratio(&ours.rates, &theirs.rates))
}
