//! Many readers of one front-end's events: what each costs, how soon a sale has reached all, and what buying is like
//! beside them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::{Resource, getrlimit};

use crate::ask::Ask;
use crate::crowd::Crowd;
use crate::load::{self, Connection, Outcome, Pace};
use crate::processes::{Program, Setup};
use crate::report::{Bound, Heading, Report};
use crate::sample::{Bench, median};
use testing::proc;

const CONNECTIONS: u32 = 64;
/// Sales a second.
const RATE: f64 = 10_000.0;
/// Sales whose way to everybody is timed.
const SALES: u32 = 10;
/// Between them: longer than changes are merged.
const QUIET: Duration = Duration::from_millis(200);
/// Open files that are not readers' streams.
const OTHER_FILES: u64 = 300;

const HEADING: Heading = Heading {
    title: "Many event subscribers on one front-end",
    about: "Three processes, CSV store. A sale counts from sending the purchase until the last subscriber's bytes were read, by the same \
            generator on the same cores. Beside steady buying (64 connections) the subscribers read once a second, which the front-end cannot \
            see, so that reading takes little of the cores: what is measured is writing to all of them. Memory is the \
            front-end's that is resident.",
    columns: &["what", "without", "with them"],
};

/// Measures it.
///
/// # Errors
/// When a program does not start or answers anything but success.
pub(crate) async fn measure(size: u32, bench: &Bench, report: &mut Report) -> Result<()> {
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    if files < u64::from(size) + OTHER_FILES {
        report.skip(
            "subscribers",
            &format!("only {files} open files are allowed to a process (ulimit -n)"),
        );
        return Ok(());
    }
    let program = Program::bookstore(&bench.binaries, &Setup::default())?;
    let address = program.address;
    let buy = |pace, time| load::run(address, Ask::Buy, CONNECTIONS, pace, time);
    buy(Pace::Closed, bench.time / 2).await?;
    let alone = [
        buy(Pace::Open(RATE), bench.time).await?,
        buy(Pace::Closed, bench.time).await?,
    ];
    let memory = || proc::resident_kib(program.answering());
    let before_kib = memory();
    let mut crowd = Crowd::gather(address, size).await?;
    let each_kib = memory().saturating_sub(before_kib) as f64 / f64::from(size);
    let reach_ms = reach(&crowd, &program).await?;

    crowd.take_leisure();
    let (time, events) = (bench.time * 5, crowd.stocks());
    let third = async {
        tokio::time::sleep(time / 3).await;
        memory()
    };
    let (third_kib, steady) = tokio::join!(third, buy(Pace::Open(RATE), time));
    let (steady, end_kib) = (steady?, memory());
    let closed = buy(Pace::Closed, bench.time).await?;
    ensure!(crowd.stocks() > events, "no subscriber heard of the sales");
    crowd.check()?;

    let beside = Beside {
        alone,
        beside: [steady, closed],
        memory_kib: [third_kib, end_kib],
        resyncs: crowd.resyncs(),
    };
    tell(size, each_kib, &reach_ms, report);
    beside.tell(size, report);
    Ok(())
}

/// How long single sales took to reach everybody, in milliseconds.
async fn reach(crowd: &Crowd, program: &Program) -> Result<Vec<f64>> {
    let mut customer = Connection::open(program.address).await?;
    let mut took_ms = Vec::new();
    for _ in 0..SALES {
        tokio::time::sleep(QUIET).await;
        crowd.expect_one();
        let begun = Instant::now();
        let (bought, heard) = tokio::join!(customer.ask(Ask::Buy), crowd.hear());
        bought?;
        heard?;
        took_ms.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took_ms)
}

fn tell(size: u32, each_kib: f64, reach_ms: &[f64], report: &mut Report) {
    let slowest_ms = reach_ms.iter().copied().fold(0.0, f64::max);
    let row = |what: String, value: String| vec![what, String::new(), value];
    let typical = format!("{:.0}", median(reach_ms));
    report.row(
        &HEADING,
        row(format!("a sale to all {size}, median of {SALES}, ms"), typical),
    );
    report.row(
        &HEADING,
        row("the slowest of them, ms".to_owned(), format!("{slowest_ms:.0}")),
    );
    report.row(
        &HEADING,
        row("memory of each, idle, KiB".to_owned(), format!("{each_kib:.1}")),
    );
    let what = format!("a sale reaching all of {size} event subscribers, slowest of {SALES}");
    report.goal("subscribers-reach", &what, slowest_ms, Bound::AtMost(250.0, "ms"));
    report.goal(
        "subscribers-memory",
        "memory per idle subscriber",
        each_kib,
        Bound::AtMost(20.0, "KiB"),
    );
}

/// Buying beside them: at a fixed rate, and as fast as it goes.
struct Beside {
    alone: [Outcome; 2],
    beside: [Outcome; 2],
    /// After a third of the time at the fixed rate, and at its end.
    memory_kib: [u64; 2],
    resyncs: u64,
}

impl Beside {
    fn tell(&self, size: u32, report: &mut Report) {
        for (index, what) in ["sent at 10,000/s", "as fast as it goes"].into_iter().enumerate() {
            for (name, value) in [
                ("buys a second", |outcome: &Outcome| format!("{:.0}", outcome.rate)),
                ("p99 µs", |outcome: &Outcome| {
                    outcome.latency_us.value_at_quantile(0.99).to_string()
                }),
            ] as [(&str, fn(&Outcome) -> String); 2]
            {
                let (alone, beside) = (&self.alone[index], &self.beside[index]);
                report.row(&HEADING, vec![format!("{name}, {what}"), value(alone), value(beside)]);
            }
        }
        let [third_kib, end_kib] = self.memory_kib;
        let mib = |kib: u64| (kib / 1024).to_string();
        let row = |what: &str, value: String| vec![what.to_owned(), String::new(), value];
        report.row(
            &HEADING,
            row("memory after a third of the time at 10,000/s, MiB", mib(third_kib)),
        );
        report.row(&HEADING, row("memory at its end, MiB", mib(end_kib)));
        report.row(
            &HEADING,
            row("times one was told to begin afresh", self.resyncs.to_string()),
        );
        let [[alone, _], [beside, _]] = [&self.alone, &self.beside];
        let what = format!("buys sent at 10,000/s with {size} subscribers ÷ without");
        report.goal("subscribers-rate", &what, beside.rate / alone.rate, Bound::AtLeast(0.5));
        let growth = end_kib as f64 / third_kib.max(1) as f64;
        let what = format!("memory at the end ÷ after a third, 10,000/s, {size} subscribers");
        report.goal("subscribers-growth", &what, growth, Bound::AtMost(1.05, ""));
    }
}
