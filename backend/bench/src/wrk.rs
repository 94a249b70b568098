//! The load generator against `wrk`, for reads and purchases.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::operation::Operation;
use crate::processes::{Program, Setup};
use crate::report::{Heading, Report};
use crate::sample::{Samples, Settings};
use crate::tool;

const CONNECTIONS: u32 = 64;

const HEADING: Heading = Heading {
    title: "The generator against wrk",
    about: "64 connections, rounds of both in turn; purchases in `wrk` by a script in Lua, with a new key each. Below 1, this generator \
            costs more CPU time than wrk, and the programs that it measures are at least that fast.",
    columns: "what | generator/s | wrk/s | ratio",
};

/// A purchase of one of four books, with a new key: both threads of `wrk` draw from the same sequence of keys.
const BUY: &str = r#"
local threads, number, first = 0, 0, 0
function setup(thread) thread:set("first", threads) threads = threads + 1 end
function request()
  number = number + 1
  local key = string.format("%08x-%04x-4000-8000-%012x", SEED, first, number)
  local headers = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = key }
  return wrk.format("POST", "/buy", headers, string.format('{"item":%d,"quantity":1}', 1 + number % 4))
end
"#;

pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<()> {
    for operation in [Operation::Lookup, Operation::Buy] {
        for (what, is_bare) in [("bookstore, three processes", false), ("bare handler", true)] {
            let program = match is_bare {
                true => Program::bare(&settings.binaries)?,
                false => settings.bookstore(&Setup::default())?,
            };
            let (mut own, mut other) = (Samples::new()?, Vec::new());
            for round in 0..settings.rounds {
                settings.sample(&mut own, &program, operation, CONNECTIONS).await?;
                other.push(wrk(&program, operation, round, settings)?);
            }
            let cells = [vec![format!("{operation}, {what}")], own.against(&other)].concat();
            report.row(&HEADING, cells);
        }
    }
    Ok(())
}

/// The answers per second; an error if an answer was not a success.
fn wrk(program: &Program, operation: Operation, round: u32, settings: &Settings) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("wrk");
    command
        .args(["-t2", &format!("-c{CONNECTIONS}")])
        .arg(format!("-d{}s", settings.time.as_secs().max(1)));
    if operation == Operation::Buy {
        let script = folder.path().join("buy.lua");
        std::fs::write(&script, format!("local SEED = {round}\n{BUY}"))?;
        command.arg("-s").arg(script);
    }
    let output = tool::run(command.arg(format!("http://{}/search?item=2", program.address)))?;
    ensure!(!output.contains("Non-2xx"), "wrk: {output}");
    tool::number_after(&output, "Requests/sec:")
}
