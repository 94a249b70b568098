//! The load generator against `wrk`.

use std::process::Command;

use anyhow::Result;

use crate::operation::Operation;
use crate::processes::{Program, Setup};
use crate::report::{Heading, Report};
use crate::sample::{Samples, Settings};
use crate::tool;

const CONNECTIONS: u32 = 64;

const HEADING: Heading = Heading {
    title: "The generator against wrk",
    about: "Lookups, 64 connections, rounds of both in turn. Below 1, this generator costs more CPU time than wrk, and the programs that it \
            measures are at least that fast.",
    columns: "what | generator/s | wrk/s | ratio",
};

pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<()> {
    for (what, is_bare) in [("bookstore, three processes", false), ("bare handler", true)] {
        let program = match is_bare {
            true => Program::bare(&settings.binaries)?,
            false => settings.bookstore(&Setup::default())?,
        };
        let (mut own, mut other) = (Samples::new()?, Vec::new());
        for _ in 0..settings.rounds {
            settings
                .sample(&mut own, &program, Operation::Lookup, CONNECTIONS)
                .await?;
            let output = tool::run(
                Command::new("wrk")
                    .args(["-t2", &format!("-c{CONNECTIONS}")])
                    .arg(format!("-d{}s", settings.time.as_secs().max(1)))
                    .arg(format!("http://{}/search?item=2", program.address)),
            )?;
            other.push(tool::number_after(&output, "Requests/sec:")?);
        }
        let cells = [vec![what.to_owned()], own.against(&other)].concat();
        report.row(&HEADING, cells);
    }
    Ok(())
}
