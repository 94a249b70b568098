//! Fault injection: runs the three services as processes with TCP proxies between them, and injects faults during a
//! run. The schedule of faults is a function of the seed.

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

/// The time without faults at the start, in which the undisturbed rate is measured.
const CALM: Duration = Duration::from_secs(5);
/// How long to wait for the next sale after a fault.
const RECOVERY_MAX: Duration = Duration::from_secs(30);
/// How often to check for the next sale.
const LOOK: Duration = Duration::from_millis(2);

/// Injects faults until the workload has finished, then repairs everything.
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
        // A fault ends with the workload, so that the checks after it find the services repaired.
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

/// Waits; returns false if the workload finished first.
async fn rest(run: &Handle, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = run.workload_finished() => false,
    }
}

/// The time until the next sale; `None` if the workload finishes first or nothing is sold in time.
async fn recovery(run: &Handle) -> Option<Duration> {
    let (before, began) = (run.sold(), Instant::now());
    while run.sold() == before {
        if began.elapsed() > RECOVERY_MAX || !rest(run, LOOK).await {
            return None;
        }
    }
    Some(began.elapsed())
}
