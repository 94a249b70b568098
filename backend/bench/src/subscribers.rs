//! Many subscribers of one front-end's events: memory for each, the time until a sale has reached all, and the rate of
//! purchases beside them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::{Resource, getrlimit};

use crate::event_readers::EventReaders;
use crate::goal::Bound;
use crate::load::{Connection, Outcome, Pace};
use crate::operation::Operation;
use crate::processes::{Program, Setup};
use crate::report::{Heading, Report};
use crate::sample::{Settings, median};
use testing::proc;

const CONNECTIONS: u32 = 64;
const RATE: f64 = 10_000.0;
/// The number of sales whose delivery to all subscribers is timed.
const SALES: u32 = 10;
/// The interval between these sales, longer than the front-end's interval for merging changes.
const SALE_INTERVAL: Duration = Duration::from_millis(200);
/// The number of open files other than the subscribers' streams.
const OTHER_FILES: u64 = 300;

const HEADING: Heading = Heading {
    title: "Many event subscribers on one front-end",
    about: "Three processes, CSV store. The time of a sale runs from sending the purchase until the last subscriber's bytes were read, by the \
            generator on the same cores. Beside steady purchases (64 connections) the subscribers read only once a second, which the \
            front-end cannot see, so that reading takes little CPU time: this measures writing to all of them. Memory is the \
            front-end's resident memory.",
    columns: "what | without | with them",
};

pub(crate) async fn measure(size: u32, settings: &Settings, report: &mut Report) -> Result<()> {
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    if files < u64::from(size) + OTHER_FILES {
        let why = format!("only {files} open files are allowed to a process (ulimit -n)");
        report.skip("subscribers", &why);
        return Ok(());
    }
    let program = settings.bookstore(&Setup::default())?;
    let buy = |pace, time| program.load(Operation::Buy, CONNECTIONS, pace, time);
    buy(Pace::Closed, settings.time / 2).await?;
    let alone = [
        buy(Pace::Open(RATE), settings.time).await?,
        buy(Pace::Closed, settings.time).await?,
    ];
    let memory = || proc::resident_kib(program.answering());
    let before_kib = memory();
    let mut readers = EventReaders::connect(program.address, size).await?;
    let each_kib = memory().saturating_sub(before_kib) as f64 / f64::from(size);
    let reach_ms = reach(&readers, &program).await?;

    readers.slow_down();
    let (time, events) = (settings.time * 5, readers.stocks());
    let third = async {
        tokio::time::sleep(time / 3).await;
        memory()
    };
    let (third_kib, steady) = tokio::join!(third, buy(Pace::Open(RATE), time));
    let (steady, end_kib) = (steady?, memory());
    let closed = buy(Pace::Closed, settings.time).await?;
    ensure!(readers.stocks() > events, "the subscribers got no sales");
    readers.check()?;

    let measured = Measured {
        size,
        reach_ms,
        each_kib,
        alone,
        beside: [steady, closed],
        memory_kib: [third_kib, end_kib],
        resyncs: readers.resyncs(),
    };
    measured.report(report);
    Ok(())
}

/// The time until each of [`SALES`] sales has reached all subscribers, in milliseconds.
async fn reach(readers: &EventReaders, program: &Program) -> Result<Vec<f64>> {
    let mut client = Connection::open(program.address).await?;
    let mut took_ms = Vec::new();
    for _ in 0..SALES {
        tokio::time::sleep(SALE_INTERVAL).await;
        readers.forget_stocks();
        let begun = Instant::now();
        let (bought, received) = tokio::join!(client.send(Operation::Buy), readers.wait_for_sale());
        bought?;
        received?;
        took_ms.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took_ms)
}

struct Measured {
    size: u32,
    reach_ms: Vec<f64>,
    each_kib: f64,
    /// Purchases without subscribers, at a fixed rate and as fast as possible.
    alone: [Outcome; 2],
    /// Purchases with the subscribers, at a fixed rate and as fast as possible.
    beside: [Outcome; 2],
    /// The front-end's memory after a third of the time at the fixed rate, and at its end.
    memory_kib: [u64; 2],
    resyncs: u64,
}

impl Measured {
    fn report(&self, report: &mut Report) {
        let size = self.size;
        let slowest_ms = self.reach_ms.iter().copied().fold(0.0, f64::max);
        let [third_kib, end_kib] = self.memory_kib;
        let mut row = |what: &str, without: &str, with: String| {
            report.row(&HEADING, vec![what.to_owned(), without.to_owned(), with]);
        };
        let what = format!("a sale to all {size}, median of {SALES}, ms");
        row(&what, "", format!("{:.0}", median(&self.reach_ms)));
        row("the slowest of them, ms", "", format!("{slowest_ms:.0}"));
        row("memory of each, idle, KiB", "", format!("{:.1}", self.each_kib));
        let paces = ["sent at 10,000/s", "as fast as it goes"];
        for (pace, (alone, beside)) in paces.into_iter().zip(self.alone.iter().zip(&self.beside)) {
            let [alone_us, beside_us] = [alone, beside].map(|outcome| outcome.latency_us.value_at_quantile(0.99));
            let what = format!("buys a second, {pace}");
            row(&what, &format!("{:.0}", alone.rate), format!("{:.0}", beside.rate));
            row(&format!("p99 µs, {pace}"), &alone_us.to_string(), beside_us.to_string());
        }
        let what = "memory after a third of the time at 10,000/s, MiB";
        row(what, "", (third_kib / 1024).to_string());
        row("memory at its end, MiB", "", (end_kib / 1024).to_string());
        row("resync events", "", self.resyncs.to_string());

        let what = format!("a sale reaching all of {size} event subscribers, slowest of {SALES}");
        report.goal("subscribers-reach", &what, slowest_ms, Bound::AtMost(250.0, "ms"));
        let what = "memory per idle subscriber";
        report.goal("subscribers-memory", what, self.each_kib, Bound::AtMost(20.0, "KiB"));
        let what = format!("buys sent at 10,000/s with {size} subscribers ÷ without");
        let ratio = self.beside[0].rate / self.alone[0].rate;
        report.goal("subscribers-rate", &what, ratio, Bound::AtLeast(0.5));
        let growth = end_kib as f64 / third_kib.max(1) as f64;
        let what = format!("memory at the end ÷ after a third, 10,000/s, {size} subscribers");
        report.goal("subscribers-growth", &what, growth, Bound::AtMost(1.05, ""));
    }
}
