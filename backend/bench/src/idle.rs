//! CPU time of the bookstore without requests.

use std::time::Duration;

use anyhow::Result;

use crate::goal::Bound;
use crate::load::Connection;
use crate::operation::Operation;
use crate::processes::Setup;
use crate::report::{Heading, Report};
use crate::sample::Settings;

/// The time between the last request and the measurement.
const PAUSE: Duration = Duration::from_secs(3);

const HEADING: Heading = Heading {
    title: "Idle",
    about: "Three processes, CSV store, after a lookup and a purchase, with no connection open. The kernel counts CPU time in hundredths of a \
            second.",
    columns: "for s | CPU s | switches | MiB",
};

pub(crate) async fn measure(time: Duration, settings: &Settings, report: &mut Report) -> Result<()> {
    let program = settings.bookstore(&Setup::default())?;
    let mut client = Connection::open(program.address).await?;
    client.send(Operation::Lookup).await?;
    client.send(Operation::Buy).await?;
    drop(client);
    tokio::time::sleep(PAUSE).await;
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
    let what = "CPU of three idle processes in 60 s";
    report.goal("idle", what, in_a_minute, Bound::AtMost(0.1, "s"));
    Ok(())
}
