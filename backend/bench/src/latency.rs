//! Latency at a fixed rate, measured from the moment when each request was due, so that waiting behind a slow answer counts.

use anyhow::Result;

use crate::load::{self, Pace};
use crate::operation::Operation;
use crate::processes::Setup;
use crate::report::{Heading, Report};
use crate::sample::{Settings, median, quantiles};

const CONNECTIONS: u32 = 256;

const HEADING: Heading = Heading {
    title: "At half of its peak, sent at a fixed rate",
    about: "Three processes, CSV store, four books; latency from the moment each request was due.",
    columns: "what | connections | a second | p50 µs | p99 µs | p99.9 µs",
};

pub(crate) async fn measure(operation: Operation, settings: &Settings, report: &mut Report) -> Result<()> {
    let (mut latency_us, mut rates) = (load::histogram()?, Vec::new());
    for _ in 0..settings.rounds {
        let ours = settings.bookstore(&Setup::default())?;
        let peak = ours.load(operation, CONNECTIONS, Pace::Closed, settings.time).await?;
        let pace = Pace::Open(peak.rate / 2.0);
        let at_half = ours.load(operation, CONNECTIONS, pace, settings.time * 2).await?;
        latency_us.add(at_half.latency_us)?;
        rates.push(at_half.rate);
    }
    let names = vec![operation.to_string(), CONNECTIONS.to_string()];
    let rate = vec![format!("{:.0}", median(&rates))];
    report.row(&HEADING, [names, rate, quantiles(&latency_us)].concat());
    Ok(())
}
