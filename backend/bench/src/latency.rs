//! Latency at a fixed rate, counted from the moment each request was due: what waits behind a slow answer counts, too.

use anyhow::Result;

use crate::ask::Ask;
use crate::load::{self, Pace};
use crate::processes::{Program, Setup};
use crate::report::{Heading, Report};
use crate::sample::{Bench, median};

const CONNECTIONS: u32 = 256;

const HEADING: Heading = Heading {
    title: "At half of its peak, sent at a fixed rate",
    about: "Three processes, CSV store, four books; latency from the moment each request was due.",
    columns: &["what", "connections", "a second", "p50 µs", "p99 µs", "p99.9 µs"],
};

/// Measures it.
///
/// # Errors
/// When a program does not start or answers anything but success.
pub(crate) async fn measure(ask: Ask, bench: &Bench, report: &mut Report) -> Result<()> {
    let (mut latency_us, mut rates) = (load::histogram()?, Vec::new());
    for _ in 0..bench.rounds {
        let ours = Program::bookstore(&bench.binaries, &Setup::default())?;
        let peak = load::run(ours.address, ask, CONNECTIONS, Pace::Closed, bench.time).await?;
        let pace = Pace::Open(peak.rate / 2.0);
        let at_half = load::run(ours.address, ask, CONNECTIONS, pace, bench.time * 2).await?;
        latency_us.add(at_half.latency_us)?;
        rates.push(at_half.rate);
    }
    let at = |quantile| latency_us.value_at_quantile(quantile).to_string();
    let cells = vec![
        ask.to_string(),
        CONNECTIONS.to_string(),
        format!("{:.0}", median(&rates)),
        at(0.5),
        at(0.99),
        at(0.999),
    ];
    report.row(&HEADING, cells);
    Ok(())
}
