//! The engine: starts the shoppers, keeps the time, gathers what they tell, and closes with the audit.
//!
//! It never prints and never ends the process. When its last handle is dropped, it stops.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::client::{Error as ClientError, ShopClient};
use common::text;
use common::wire::Receipt;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::audit::{Findings, History, Run, StockObservation, Watermark};
use super::outcome::{Outcome, Verb};
use super::report::{Latency, Report};
use super::runner;
use super::settings::SHOPPERS_MAX;
use super::snapshot::{Phase, STOCK_ROWS_MAX, Snapshot, VerbRow};
use super::stock::Stocks;
use super::tally::Tally;
use super::{Error, Settings};

/// What may be changed while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) shoppers: u32,
    pub(super) paused: bool,
}

impl Control {
    /// Whether that shopper may go on.
    pub(super) fn lets(self, shopper: u32) -> bool {
        !self.paused && shopper < self.shoppers
    }
}

/// What the shoppers, the conductor and the handles share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) shop: ShopClient,
    pub(super) settings: Settings,
    pub(super) control: watch::Sender<Control>,
    /// Ends the shopping.
    pub(super) stopping: CancellationToken,
    /// Ends the waiting of those for whom no operations are left.
    pub(super) budget_exhausted: CancellationToken,
    /// Ends the audit.
    pub(super) abort: CancellationToken,
    claimed: AtomicU64,
    /// The mark of this run's orders.
    pub(super) run: Run,
    pub(super) watermark: Watermark,
    history: Mutex<History>,
    /// When it all began, for the times in the history.
    clock: Instant,
    stats: Mutex<RunStats>,
    pub(super) phase: watch::Sender<Progress>,
}

/// What the shoppers told.
#[derive(Debug)]
pub(super) struct RunStats {
    pub(super) tally: Tally,
    pub(super) stocks: Stocks,
    /// What the shoppers found wrong themselves.
    pub(super) findings: Findings,
    /// How many violations the auditor has found in the ledger so far.
    pub(super) violations: u64,
    /// Why the last operation got no answer, where it got none.
    pub(super) last_error: Option<String>,
    /// When the measuring began.
    pub(super) began: Option<Instant>,
    /// How long they shopped, once they have all stopped.
    pub(super) elapsed: Option<Duration>,
}

/// Where a run stands, with what it came to.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    Starting,
    Running,
    Closing,
    Ended(Arc<Report>),
    Failed(Error),
}

impl Shared {
    pub(super) fn stats(&self) -> MutexGuard<'_, RunStats> {
        // Counters stay usable whatever a panicking holder left half counted.
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds since the run began.
    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes one of the run's operations; false when there are none left.
    pub(super) fn claim_operation(&self) -> bool {
        let Some(most) = self.settings.requests else {
            return true;
        };
        self.claimed.fetch_add(1, Ordering::Relaxed) < most
    }

    pub(super) fn record(&self, verb: Verb, outcome: Outcome, latency: Duration, last_error: Option<ClientError>) {
        let last_error = last_error
            .filter(|_| outcome != Outcome::SoldOut)
            .map(|error| text::sanitize(&error.to_string()).into_owned());
        let mut stats = self.stats();
        stats.tally.record(verb, outcome, latency);
        stats.last_error = last_error;
    }

    pub(super) fn observe(&self, books: &[StockObservation]) {
        let mut stats = self.stats();
        for book in books {
            stats.stocks.observe(book.item, book.stock, book.seq);
        }
    }

    pub(super) fn sold(&self, receipt: &Receipt) {
        let mut stats = self.stats();
        stats.stocks.sold(receipt.item, receipt.quantity);
        if let Some(stock) = receipt.stock {
            stats.stocks.observe(receipt.item, stock, receipt.seq);
        }
    }
}

/// The autopilot.
#[derive(Debug)]
pub struct Autopilot;

impl Autopilot {
    /// Starts a run on the current tokio runtime and returns at once; the shelf is read in the background.
    pub fn start(shop: ShopClient, settings: Settings) -> Handle {
        let stopping = CancellationToken::new();
        let control = Control {
            shoppers: settings.shoppers.clamp(1, SHOPPERS_MAX),
            paused: false,
        };
        let (history, watermark) = History::new(tempfile::tempfile(), SHOPPERS_MAX);
        let shared = Arc::new(Shared {
            shop,
            settings,
            control: watch::Sender::new(control),
            stopping: stopping.clone(),
            budget_exhausted: CancellationToken::new(),
            abort: CancellationToken::new(),
            claimed: AtomicU64::new(0),
            run: Run::draw(),
            watermark,
            history: Mutex::new(history),
            clock: Instant::now(),
            stats: Mutex::new(RunStats {
                tally: Tally::new(),
                stocks: Stocks::default(),
                findings: Findings::default(),
                violations: 0,
                last_error: None,
                began: None,
                elapsed: None,
            }),
            phase: watch::Sender::new(Progress::Starting),
        });
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

/// A running autopilot. Clones steer the same one.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    _stop_when_dropped: Arc<DropGuard>,
}

impl Handle {
    /// The run at this moment.
    pub fn snapshot(&self) -> Snapshot {
        snapshot(&self.shared)
    }

    /// Lets the shoppers wait; operations on their way go on.
    pub fn pause(&self) {
        self.shared.control.send_modify(|control| control.paused = true);
    }

    /// Lets the shoppers go on.
    pub fn resume(&self) {
        self.shared.control.send_modify(|control| control.paused = false);
    }

    /// Changes how many shop at once, 1 to 10,000.
    pub fn set_shoppers(&self, shoppers: u32) {
        let shoppers = shoppers.clamp(1, SHOPPERS_MAX);
        self.shared.control.send_modify(|control| control.shoppers = shoppers);
    }

    /// Waits until the shoppers shop; false where they never did.
    pub async fn started(&self) -> bool {
        let mut phase = self.shared.phase.subscribe();
        let begun = phase.wait_for(|progress| !matches!(progress, Progress::Starting)).await;
        begun.is_ok_and(|progress| matches!(*progress, Progress::Running))
    }

    /// Copies sold so far, the warm-up's included.
    pub fn sold(&self) -> u64 {
        self.shared.stats().stocks.0.values().map(|book| book.sold).sum()
    }

    /// Operations that ended so far.
    pub fn answered(&self) -> u64 {
        self.shared.stats().tally.requests()
    }

    /// Waits until the shopping is over; the audit may still go on.
    pub async fn workload_finished(&self) {
        self.shared.stopping.cancelled().await;
    }

    /// Stops the shopping, and waits for the audit and the report.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn stop(&self) -> Result<Arc<Report>, Error> {
        self.shared.stopping.cancel();
        self.ended().await
    }

    /// Stops at once, without an audit; the report says so.
    pub fn abort(&self) {
        self.shared.stopping.cancel();
        self.shared.abort.cancel();
    }

    /// Waits until the run has ended, by itself or because it was stopped.
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

/// How long the shoppers have shopped, or shopped.
pub(super) fn elapsed(stats: &RunStats) -> Duration {
    let running = || stats.began.map(|began| began.elapsed());
    stats.elapsed.or_else(running).unwrap_or_default()
}
