//! The public interface of a run: start it, watch it, steer it, wait for its report.
//!
//! A run never prints and never ends the process. It stops when its last handle is dropped.

use std::sync::Arc;

use common::client::ShopClient;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::outcome::Verb;
use super::report::{Latency, Report};
use super::run_state::{Progress, Shared, elapsed};
use super::runner;
use super::settings::SHOPPERS_MAX;
use super::snapshot::{Phase, STOCK_ROWS_MAX, Snapshot, VerbRow};
use super::{Error, Settings};

/// Starts runs.
#[derive(Debug)]
pub struct Autopilot;

impl Autopilot {
    /// Starts a run on the current tokio runtime and returns at once; the books are read in the background.
    pub fn start(shop: ShopClient, settings: Settings) -> Handle {
        let stopping = CancellationToken::new();
        let shared = Arc::new(Shared::new(shop, settings, stopping.clone()));
        let running = Arc::clone(&shared);
        tokio::spawn(async move {
            let progress = match runner::run(&running).await {
                Ok(report) => Progress::Ended(Arc::new(report)),
                Err(error) => Progress::Failed(error),
            };
            running.phase.send_replace(progress);
        });
        Handle {
            shared,
            _stop_when_dropped: Arc::new(stopping.drop_guard()),
        }
    }
}

/// A running autopilot. Clones refer to the same run.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    _stop_when_dropped: Arc<DropGuard>,
}

impl Handle {
    /// A snapshot of the run.
    pub fn snapshot(&self) -> Snapshot {
        snapshot(&self.shared)
    }

    /// Pauses the shoppers; operations in flight continue.
    pub fn pause(&self) {
        self.shared.control.send_modify(|control| control.paused = true);
    }

    /// Resumes the shoppers.
    pub fn resume(&self) {
        self.shared.control.send_modify(|control| control.paused = false);
    }

    /// Sets the number of concurrent shoppers, 1 to 10,000.
    pub fn set_shoppers(&self, shoppers: u32) {
        let shoppers = shoppers.clamp(1, SHOPPERS_MAX);
        self.shared.control.send_modify(|control| control.shoppers = shoppers);
    }

    /// Waits until the shoppers run; returns false if they never do.
    pub async fn started(&self) -> bool {
        let mut phase = self.shared.phase.subscribe();
        let begun = phase.wait_for(|progress| !matches!(progress, Progress::Starting)).await;
        begun.is_ok_and(|progress| matches!(*progress, Progress::Running))
    }

    /// The number of copies sold so far, including the warm-up.
    pub fn sold(&self) -> u64 {
        self.shared.stats().stocks.0.values().map(|book| book.sold).sum()
    }

    /// The number of operations that have ended.
    pub fn answered(&self) -> u64 {
        self.shared.stats().tally.requests()
    }

    /// Waits until the workload has finished; the audit may continue.
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

fn snapshot(shared: &Shared) -> Snapshot {
    let control = *shared.control.borrow();
    let (phase, verdict) = match &*shared.phase.borrow() {
        Progress::Starting => (Phase::Starting, None),
        Progress::Running if control.paused => (Phase::Paused, None),
        Progress::Running => (Phase::Running, None),
        Progress::Closing => (Phase::Closing, None),
        Progress::Ended(report) => (Phase::Ended, Some(report.audit.verdict.word())),
        Progress::Failed(_) => (Phase::Failed, None),
    };
    let settings = &shared.settings;
    let stats = shared.stats();
    let (copies_start, copies_left) = stats.stocks.sums();
    let row = |verb| {
        let counted = stats.tally.verb(verb);
        VerbRow {
            verb,
            share: settings.mix.share(verb),
            requests: counted.requests,
            ok: counted.ok,
            latency: Latency::of(&counted.latency),
        }
    };
    Snapshot {
        phase,
        seed: settings.seed,
        mix: settings.mix.name,
        shoppers: control.shoppers,
        elapsed: elapsed(&stats),
        duration: settings.duration,
        requests_max: settings.requests,
        requests: stats.tally.requests(),
        verbs: Verb::ALL.map(row),
        outcomes: stats.tally.outcomes,
        series: stats.tally.series.iter().copied().collect(),
        stock: stats.stocks.rows(STOCK_ROWS_MAX),
        books: stats.stocks.0.len(),
        copies_start,
        copies_left,
        last_error: stats.last_error.clone(),
        violations: stats.findings.violations() + stats.violations,
        verdict,
    }
}
