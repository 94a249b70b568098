//! The latency of a single purchase, compared with one sync of the same disk.

use anyhow::Result;

use crate::goal::Bound;
use crate::machine;
use crate::operation::Operation;
use crate::processes::{Program, Setup};
use crate::report::{Heading, Report};
use crate::sample::{Samples, Settings, median};

const HEADING: Heading = Heading {
    title: "A lone purchase",
    about: "One connection, CSV store. A block is appended to a file and synced a hundred times before and after each round. The bare \
            handler shows what a request alone costs. CPU and switches are those of all processes of the bookstore.",
    columns: "what | p50 µs | sync p50 µs | difference | CPU µs | switches",
};

pub(crate) async fn measure(in_one_process: bool, settings: &Settings, report: &mut Report) -> Result<()> {
    let setup = Setup {
        in_one_process,
        ..Setup::default()
    };
    let (name, what, longest_us) = match in_one_process {
        true => ("lone-one", "one process", 150.0),
        false => ("lone-three", "three processes", 300.0),
    };
    let start = |ours| match ours {
        true => settings.bookstore(&setup),
        false => Program::bare(&settings.binaries),
    };
    let [mut ours, mut bare] = [Samples::new()?, Samples::new()?];
    let mut sync_us = vec![sync_us()?];
    for _ in 0..settings.rounds {
        settings.sample(&mut bare, &start(false)?, Operation::Buy, 1).await?;
        settings.sample(&mut ours, &start(true)?, Operation::Buy, 1).await?;
        sync_us.push(self::sync_us()?);
    }
    let sync_us = median(&sync_us);
    for (what, samples, sync_us) in [(what, &ours, sync_us), ("bare handler", &bare, 0.0)] {
        let more_us = samples.p50_us() - sync_us;
        let cells = [samples.p50_us(), sync_us, more_us].map(|us| format!("{us:.0}"));
        let costs = vec![format!("{:.1}", samples.cpu_us()), format!("{:.1}", samples.switches())];
        report.row(&HEADING, [vec![what.to_owned()], cells.to_vec(), costs].concat());
    }
    let longer = format!("p50 of a lone purchase − p50 of a sync, {what}");
    report.goal(name, &longer, ours.p50_us() - sync_us, Bound::AtMost(longest_us, "µs"));
    if in_one_process {
        let switches = "thread switches of a lone purchase, one process";
        report.goal("lone-switches", switches, ours.switches(), Bound::AtMost(6.0, ""));
    }
    Ok(())
}

fn sync_us() -> Result<f64> {
    Ok(machine::sync_us()? as f64)
}
