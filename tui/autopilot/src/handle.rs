//! The public interface of a run, to start, observe, control and stop it.
//!
//! A run never prints and never ends the process. It stops when its last handle is dropped.

use std::sync::Arc;

use common::client::ShopClient;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::report::Report;
use super::run_state::{Progress, RunState, elapsed};
use super::runner;
use super::settings::SHOPPERS_MAX;
use super::snapshot::{Phase, STOCK_ROWS_MAX, Snapshot};
use super::{Error, Settings};

/// A running autopilot. Clones refer to the same run.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<RunState>,
    _stop_when_dropped: Arc<DropGuard>,
}

impl Handle {
    /// Starts a run on the current tokio runtime and returns at once; the books are read in the background.
    pub fn start(shop: ShopClient, settings: Settings) -> Self {
        let stopping = CancellationToken::new();
        let shared = Arc::new(RunState::new(shop, settings, stopping.clone()));
        let running = Arc::clone(&shared);
        tokio::spawn(async move {
            let progress = match runner::run(&running).await {
                Ok(report) => Progress::Ended(Arc::new(report)),
                Err(error) => Progress::Failed(error),
            };
            running.phase.send_replace(progress);
        });
        Self {
            shared,
            _stop_when_dropped: Arc::new(stopping.drop_guard()),
        }
    }

    /// A snapshot of the run.
    pub fn snapshot(&self) -> Snapshot {
        snapshot(&self.shared)
    }

    /// Pauses or resumes the shoppers; operations in flight continue.
    pub fn set_paused(&self, paused: bool) {
        self.shared.control.send_modify(|control| control.paused = paused);
    }

    /// Sets the number of concurrent shoppers, clamped to 1…[`SHOPPERS_MAX`].
    pub fn set_shoppers(&self, shoppers: u32) {
        let shoppers = shoppers.clamp(1, SHOPPERS_MAX);
        self.shared.control.send_modify(|control| control.shoppers = shoppers);
    }

    /// Waits until the shoppers run; returns false if the run ends or fails before.
    pub async fn started(&self) -> bool {
        let mut phase = self.shared.phase.subscribe();
        let begun = phase.wait_for(|progress| !matches!(progress, Progress::Starting)).await;
        begun.is_ok_and(|progress| matches!(*progress, Progress::Running))
    }

    /// The number of copies sold so far, including the warm-up.
    pub fn sold(&self) -> u64 {
        self.shared.stats().stocks.sum(|book| book.sold)
    }

    /// The number of operations that have ended.
    pub fn answered(&self) -> u64 {
        self.shared.stats().tally.requests()
    }

    /// Waits until the workload must end; the audit may continue.
    pub async fn workload_finished(&self) {
        self.shared.stopping.cancelled().await;
    }

    /// Stops the workload, and waits for the audit and the report.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn stop(&self) -> Result<Arc<Report>, Error> {
        self.shared.stopping.cancel();
        self.ended().await
    }

    /// Stops at once without an audit; the report states that.
    pub fn abort(&self) {
        self.shared.stopping.cancel();
        self.shared.abort.cancel();
    }

    /// Waits until the run has ended.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ended(&self) -> Result<Arc<Report>, Error> {
        let mut phase = self.shared.phase.subscribe();
        let ended = phase
            .wait_for(|progress| matches!(progress, Progress::Ended(_) | Progress::Failed(_)))
            .await;
        match ended.as_deref() {
            Ok(Progress::Ended(report)) => Ok(Arc::clone(report)),
            Ok(Progress::Failed(error)) => Err(error.clone()),
            _ => Err(Error::Lost),
        }
    }
}

fn snapshot(shared: &RunState) -> Snapshot {
    let control = *shared.control.borrow();
    let (phase, verdict) = match &*shared.phase.borrow() {
        Progress::Starting => (Phase::Starting, None),
        Progress::Running if control.paused => (Phase::Paused, None),
        Progress::Running => (Phase::Running, None),
        Progress::Closing => (Phase::Closing, None),
        Progress::Ended(report) => (Phase::Ended, Some(report.verdict())),
        Progress::Failed(_) => (Phase::Failed, None),
    };
    let schedule = shared.schedule_stats();
    let stats = shared.stats();
    let stocks = &stats.stocks;
    Snapshot {
        phase,
        settings: shared.settings.clone(),
        shoppers: control.shoppers,
        elapsed: elapsed(&stats),
        requests: stats.tally.requests(),
        operations: stats.tally.operations(),
        outcomes: stats.tally.outcomes,
        baskets: shared.settings.basket.is_several().then_some(stats.tally.baskets),
        schedule,
        series: stats.tally.series.iter().copied().collect(),
        stock: stocks.0.values().take(STOCK_ROWS_MAX).cloned().collect(),
        books: stocks.0.len(),
        copies_start: stocks.sum(|book| book.start.get().into()),
        copies_left: stocks.sum(|book| book.left.get().into()),
        last_error: stats.last_error.clone(),
        violations: stats.findings.violations() + stats.violations,
        verdict,
    }
}
