//! Injected faults: runs the three services as processes with TCP proxies between them, and injects faults into processes
//! and connections during a run. The schedule of faults is a function of the seed.

mod proxy;
mod report;
mod schedule;
mod services;

use std::time::{Duration, Instant};

pub use proxy::{Mode, Proxy, Target};
pub use report::FaultsReport;
pub use services::{Error, Services};

use super::Handle;
use super::number::rate;
use schedule::Schedule;

/// The time without faults at the start, which measures the baseline rate.
const BASELINE: Duration = Duration::from_secs(5);
/// The timeout of the next sale after a fault.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval between two polls for the next sale.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Injects faults until the workload has finished; then restores all services and connections.
pub async fn inject(services: &mut Services, seed: u64, run: &Handle) -> FaultsReport {
    let mut report = FaultsReport::default();
    if !run.started().await {
        return report;
    }
    let begin = Instant::now();
    let mut schedule = Schedule::new(seed);
    if !sleep_while_running(run, BASELINE).await {
        return report;
    }
    report.baseline_rate = rate(run.answered(), begin.elapsed());
    let (answered_before, faults_begin) = (run.answered(), Instant::now());
    loop {
        let (gap, fault) = schedule.next_fault();
        if !sleep_while_running(run, gap).await {
            break;
        }
        services.restart_exited(&mut report).await;
        let (at, fault_begin) = (begin.elapsed(), Instant::now());
        // The end of the workload ends the fault, so that the checks after it find all services working.
        let end = sleep_while_running(run, fault.duration);
        services.inject(fault, end).await;
        let lasted = fault_begin.elapsed();
        report.add(&fault, at, lasted, recovery(run).await);
    }
    services.restart_exited(&mut report).await;
    let answered = run.answered().saturating_sub(answered_before);
    report.close(answered, faults_begin.elapsed(), services.duplicated());
    report
}

/// Returns false if the workload finished first.
async fn sleep_while_running(run: &Handle, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = run.workload_finished() => false,
    }
}

/// The time until the next sale; `None` if the workload finishes or [`RECOVERY_TIMEOUT`] passes first.
async fn recovery(run: &Handle) -> Option<Duration> {
    let (before, begin) = (run.sold(), Instant::now());
    while run.sold() == before {
        if begin.elapsed() > RECOVERY_TIMEOUT || !sleep_while_running(run, POLL_INTERVAL).await {
            return None;
        }
    }
    Some(begin.elapsed())
}
