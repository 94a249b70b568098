//! Calls of the system for one purchase.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::ask::Ask;
use crate::load::{self, Pace};
use crate::processes::{Program, Setup};
use crate::report::{Heading, Report};
use crate::sample::Bench;
use crate::tool;

const HEADING: Heading = Heading {
    title: "Calls of the system for one purchase",
    about: "Three processes, CSV store, counted by `perf stat -e raw_syscalls:sys_enter -p PIDS` while it is loaded; switches of threads \
            as in the first table. To see which calls they are: `strace -c -f -p PID` (which slows the process down, so that its \
            batches grow). Allocations are not counted.",
    columns: &["what", "connections", "a second", "calls", "switches"],
};

/// Measures it.
///
/// # Errors
/// When a program does not start or answers anything but success.
pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    if tool::find("perf").is_none() {
        report.skip("syscalls", "perf is not installed");
        return Ok(());
    }
    for connections in [64, 256] {
        let program = Program::bookstore(&bench.binaries, &Setup::default())?;
        load::run(program.address, Ask::Buy, connections, Pace::Closed, bench.time / 2).await?;
        let (time, before) = (bench.time, program.usage());
        // Counting begins and ends within the load, at a steady rate.
        let longer = time + Duration::from_secs(1);
        let loading = tokio::spawn(load::run(program.address, Ask::Buy, connections, Pace::Closed, longer));
        let ids: Vec<String> = program.ids().map(|id| id.to_string()).collect();
        let counted = tokio::task::spawn_blocking(move || count(&ids.join(","), time)).await?;
        let outcome = loading.await??;
        let used = program.usage().since(before);
        let calls = match counted {
            Ok(calls) => calls,
            Err(why) => {
                report.skip("syscalls", &format!("{why:#}"));
                return Ok(());
            }
        };
        let cells = vec![
            "buy".to_owned(),
            connections.to_string(),
            format!("{:.0}", outcome.rate),
            format!("{:.2}", calls / (outcome.rate * time.as_secs_f64())),
            format!("{:.2}", used.switches as f64 / outcome.answers.max(1) as f64),
        ];
        report.row(&HEADING, cells);
    }
    Ok(())
}

/// The calls of those processes within a time.
fn count(ids: &str, time: Duration) -> Result<f64> {
    let output = Command::new("perf")
        .args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", ids, "--", "sleep"])
        .arg(time.as_secs_f64().to_string())
        .output()?;
    // It tells its numbers where others tell their errors.
    let told = String::from_utf8_lossy(&output.stderr);
    let line = told.lines().find(|line| line.contains("raw_syscalls:sys_enter"));
    let count = line.and_then(|line| line.split(',').next()?.parse().ok());
    count.context(format!("perf may not count: {}", told.trim()))
}
