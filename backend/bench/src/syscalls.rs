//! System calls per purchase.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::load::{self, Pace};
use crate::operation::Operation;
use crate::processes::Setup;
use crate::report::{Heading, Report};
use crate::sample::Settings;

const HEADING: Heading = Heading {
    title: "System calls per purchase",
    about: "Three processes, CSV store, counted by `perf stat -e raw_syscalls:sys_enter -p PIDS` under load; context switches \
            as in the first table. `strace -c -f -p PID` shows which calls they are, but slows the process, so that its \
            batches grow. Allocations are not counted.",
    columns: "what | connections | a second | calls | switches",
};

pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<()> {
    for connections in [64, 256] {
        let program = settings.bookstore(&Setup::default())?;
        let load = |time| load::run(program.address, Operation::Buy, connections, Pace::Closed, time);
        load(settings.time / 2).await?;
        let (time, before) = (settings.time, program.usage());
        // The load runs longer than the counting, so that the rate is steady while it counts.
        let loading = tokio::spawn(load(time + Duration::from_secs(1)));
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
            format!("{:.2}", used.switches as f64 / outcome.latency_us.len().max(1) as f64),
        ];
        report.row(&HEADING, cells);
    }
    Ok(())
}

fn count(ids: &str, time: Duration) -> Result<f64> {
    let output = Command::new("perf")
        .args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", ids, "--", "sleep"])
        .arg(time.as_secs_f64().to_string())
        .output()?;
    // `perf` writes its results to standard error.
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("raw_syscalls:sys_enter"));
    let count = line.and_then(|line| line.split(',').next()?.parse().ok());
    count.context(format!("perf cannot count: {}", text.trim()))
}
