//! Latency at a fixed rate, measured from the moment when each request was due, so that waiting behind a slow answer counts.

use anyhow::Result;

use crate::load::{self, Pace};
use crate::operation::Operation;
use crate::processes::{Program, Setup};
use crate::report::{Heading, Report};
use crate::sample::{Settings, median};

const CONNECTIONS: u32 = 256;

const HEADING: Heading = Heading {
    title: "At half of its peak, sent at a fixed rate",
    about: "Three processes, CSV store, four books; latency from the moment each request was due.",
    columns: &["what", "connections", "a second", "p50 µs", "p99 µs", "p99.9 µs"],
};

pub(crate) async fn measure(operation: Operation, settings: &Settings, report: &mut Report) -> Result<()> {
    let (mut latency_us, mut rates) = (load::histogram()?, Vec::new());
    for _ in 0..settings.rounds {
        let ours = Program::bookstore(&settings.binaries, &Setup::default())?;
        let peak = load::run(ours.address, operation, CONNECTIONS, Pace::Closed, settings.time).await?;
        let pace = Pace::Open(peak.rate / 2.0);
        let at_half = load::run(ours.address, operation, CONNECTIONS, pace, settings.time * 2).await?;
        latency_us.add(at_half.latency_us)?;
        rates.push(at_half.rate);
    }
    let at = |quantile| latency_us.value_at_quantile(quantile).to_string();
    let cells = vec![
        operation.to_string(),
        CONNECTIONS.to_string(),
        format!("{:.0}", median(&rates)),
        at(0.5),
        at(0.99),
        at(0.999),
    ];
    report.row(&HEADING, cells);
    Ok(())
}
