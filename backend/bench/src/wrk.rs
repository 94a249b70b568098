//! Whether the generator here tells the same as another one.

use std::process::Command;

use anyhow::Result;

use crate::ask::Ask;
use crate::processes::{Program, Setup};
use crate::report::{Heading, Report};
use crate::sample::{Bench, Samples, median, ratio};
use crate::tool;

const CONNECTIONS: u32 = 64;

const HEADING: Heading = Heading {
    title: "The generator against wrk",
    about: "Lookups, 64 connections, rounds of both in turn. Below 1, the generator here costs more than wrk, and what is measured \
            by it is at least that fast.",
    columns: &["what", "generator/s", "wrk/s", "ratio"],
};

/// Measures it.
///
/// # Errors
/// When a program does not start or answers anything but success.
pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    if tool::find("wrk").is_none() {
        report.skip("wrk", "wrk is not installed");
        return Ok(());
    }
    for (what, is_bare) in [("bookstore, three processes", false), ("bare handler", true)] {
        let program = match is_bare {
            true => Program::bare(&bench.binaries)?,
            false => Program::bookstore(&bench.binaries, &Setup::default())?,
        };
        let (mut own, mut other) = (Samples::new()?, Vec::new());
        for _ in 0..bench.rounds {
            bench.sample(&mut own, &program, Ask::Lookup, CONNECTIONS).await?;
            let told = tool::run(
                Command::new("wrk")
                    .args(["-t2", &format!("-c{CONNECTIONS}")])
                    .arg(format!("-d{}s", bench.time.as_secs().max(1)))
                    .arg(format!("http://{}/search?item=2", program.address)),
            )?;
            other.push(tool::number_after(&told, "Requests/sec:")?);
        }
        let cells = vec![
            what.to_owned(),
            format!("{:.0}", own.rate()),
            format!("{:.0}", median(&other)),
            format!("{:.2}", ratio(&own.rates, &other)),
        ];
        report.row(&HEADING, cells);
    }
    Ok(())
}
