//! What the bookstore costs while nobody comes.

use std::time::Duration;

use anyhow::Result;

use crate::ask::Ask;
use crate::load::Connection;
use crate::processes::{Program, Setup};
use crate::report::{Bound, Heading, Report};
use crate::sample::Bench;

/// After the last request, before it counts.
const SETTLE: Duration = Duration::from_secs(3);

const HEADING: Heading = Heading {
    title: "Idle",
    about: "Three processes, CSV store, after a lookup and a purchase, and no connection open. The system counts in hundredths of a \
            second.",
    columns: &["for s", "CPU s", "switches", "MiB"],
};

/// Measures it.
///
/// # Errors
/// When a program does not start or answers anything but success.
pub(crate) async fn measure(time: Duration, bench: &Bench, report: &mut Report) -> Result<()> {
    let program = Program::bookstore(&bench.binaries, &Setup::default())?;
    let mut customer = Connection::open(program.address).await?;
    customer.ask(Ask::Lookup).await?;
    customer.ask(Ask::Buy).await?;
    drop(customer);
    tokio::time::sleep(SETTLE).await;
    let before = program.usage();
    tokio::time::sleep(time).await;
    let used = program.usage().since(before);
    let cells = vec![
        time.as_secs().to_string(),
        format!("{:.2}", used.cpu_s),
        used.switches.to_string(),
        program.memory_mib().to_string(),
    ];
    report.row(&HEADING, cells);
    let in_a_minute = used.cpu_s * 60.0 / time.as_secs_f64();
    report.goal(
        "idle",
        "CPU of three idle processes in 60 s",
        in_a_minute,
        Bound::AtMost(0.1, "s"),
    );
    Ok(())
}
