//! A store that is mishandled while the shoppers shop: its three services run as processes of their own, with cables
//! between them that can be cut. Which fault comes when is a function of the seed.

mod proxy;
mod report;
mod schedule;
mod services;
mod target;

use std::time::{Duration, Instant};

pub use report::{Event, FaultsReport, KindReport};
pub use schedule::{Fault, Kind};
pub use services::{Error, Services};

use super::Handle;
use schedule::Schedule;

/// How long the store is left alone at first, to know what it can do.
const CALM: Duration = Duration::from_secs(5);
/// How long the next sale is waited for after a fault.
const RECOVERY_MAX: Duration = Duration::from_secs(30);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(2);

/// Mishandles the services until the shopping is over, and leaves them whole.
pub async fn inject(services: &mut Services, seed: u64, run: &Handle) -> FaultsReport {
    let mut report = FaultsReport::default();
    if !run.started().await {
        return report;
    }
    let began = Instant::now();
    let mut schedule = Schedule::new(seed);
    if !rest(run, CALM).await {
        return report;
    }
    report.calm(run.answered(), began.elapsed());
    let calm = (run.answered(), Instant::now());
    loop {
        let (gap, fault) = schedule.next_fault();
        if !rest(run, gap).await {
            break;
        }
        services.mend(&mut report).await;
        let at = began.elapsed();
        let broke = Instant::now();
        // A fault ends with the shopping: what is asked then shall find the store whole.
        services
            .break_with(fault, tokio::time::sleep(fault.length), run.workload_finished())
            .await;
        let lasted = broke.elapsed();
        let recovered = recovery(run).await;
        report.add(Event::new(at, fault, lasted, recovered));
    }
    services.mend(&mut report).await;
    report.close(
        run.answered().saturating_sub(calm.0),
        calm.1.elapsed(),
        services.duplicated(),
    );
    report
}

/// Waits; false where the shopping is over before.
async fn rest(run: &Handle, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = run.workload_finished() => false,
    }
}

/// How long it takes until something is sold again; nothing where the shopping is over before, or nothing is.
async fn recovery(run: &Handle) -> Option<Duration> {
    let (before, began) = (run.sold(), Instant::now());
    while run.sold() == before {
        if began.elapsed() > RECOVERY_MAX || !rest(run, LOOK).await {
            return None;
        }
    }
    Some(began.elapsed())
}
