//! The state that the shoppers, the runner and the handles of a run share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use common::client::{Error as ClientError, ShopClient};
use common::text;
use common::wire::Receipt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::audit::{ChangeHistory, ChangeOutcome, Findings, OrderKey, RunId, StockObservation, Watermark};
use super::outcome::{Outcome, is_refused_for_one_line};
use super::plan::Operation;
use super::report::Report;
use super::schedule::{Schedule, ScheduleStats};
use super::settings::SHOPPERS_MAX;
use super::stock::Stocks;
use super::tally::Tally;
use super::{Error, Settings};

/// The settings that can change during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) shoppers: u32,
    pub(super) paused: bool,
}

impl Control {
    pub(super) fn allows(self, shopper: u32) -> bool {
        !self.paused && shopper < self.shoppers
    }
}

#[derive(Debug)]
pub(super) struct RunState {
    pub(super) shop: ShopClient,
    pub(super) settings: Settings,
    pub(super) control: watch::Sender<Control>,
    /// Canceled when the workload must end.
    pub(super) stopping: CancellationToken,
    /// Canceled when all operations of the run are claimed.
    pub(super) budget_exhausted: CancellationToken,
    /// Canceled when the audit must end too.
    pub(super) abort: CancellationToken,
    claimed: AtomicU64,
    /// `None` in a closed loop.
    pub(super) schedule: Option<Schedule>,
    /// The end of the workload, once it has ended.
    end: OnceLock<End>,
    /// The prefix of this run's order ids.
    pub(super) run_id: RunId,
    pub(super) watermark: Watermark,
    history: Mutex<ChangeHistory>,
    /// The start of the run, from which times in the history count.
    clock: Instant,
    stats: Mutex<RunStats>,
    pub(super) phase: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
pub(super) struct RunStats {
    pub(super) tally: Tally,
    pub(super) stocks: Stocks,
    pub(super) findings: Findings,
    /// The number of violations found in the ledger so far.
    pub(super) violations: u64,
    /// The error of the last operation, if it failed; sanitized.
    pub(super) last_error: Option<String>,
    /// The start of the measurement, after the warm-up.
    pub(super) began: Option<Instant>,
    /// The duration of the workload, once it has ended.
    pub(super) elapsed: Option<Duration>,
}

/// The end of a workload.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) at: Instant,
    /// `None` in a closed loop.
    schedule: Option<ScheduleStats>,
}

/// The phase of a run, with its result.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    Starting,
    Running,
    Closing,
    Ended(Arc<Report>),
    Failed(Error),
}

impl RunState {
    pub(super) fn new(shop: ShopClient, settings: Settings, stopping: CancellationToken) -> Self {
        let control = Control {
            shoppers: settings.shoppers.clamp(1, SHOPPERS_MAX),
            paused: false,
        };
        let schedule = settings.pace().period(control.shoppers);
        let schedule = schedule.map(|period| Schedule::new(period, settings.requests));
        Self {
            shop,
            settings,
            control: watch::Sender::new(control),
            stopping,
            budget_exhausted: CancellationToken::new(),
            abort: CancellationToken::new(),
            claimed: AtomicU64::new(0),
            schedule,
            end: OnceLock::new(),
            run_id: RunId::draw(),
            watermark: Watermark::new(SHOPPERS_MAX),
            history: Mutex::new(ChangeHistory::new(tempfile::tempfile())),
            clock: Instant::now(),
            stats: Mutex::default(),
            phase: watch::Sender::new(Progress::Starting),
        }
    }

    pub(super) fn stats(&self) -> MutexGuard<'_, RunStats> {
        // After a panic of a lock holder the counters are still usable.
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn history(&self) -> MutexGuard<'_, ChangeHistory> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds since the start of the run.
    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Claims one of the run's operations; returns false if none is left.
    pub(super) fn claim_operation(&self) -> bool {
        let Some(most) = self.settings.requests else {
            return true;
        };
        self.claimed.fetch_add(1, Ordering::Relaxed) < most
    }

    /// Must be called before the change with this key is sent. Returns the current time, in microseconds since the start of
    /// the run.
    pub(super) fn begin_change(&self, key: OrderKey) -> u64 {
        // Without the shopkeeper's token the ledger cannot be read, so no check would use the history.
        if self.shop.is_shopkeeper() {
            self.watermark.begin(key.shopper, self.shop.last_position().seq);
            self.history().sent(key);
        }
        self.now_us()
    }

    /// Must be called after [`Self::begin_change`] and before the shopper's next change.
    pub(super) fn end_change(&self, key: OrderKey, outcome: ChangeOutcome) {
        if self.shop.is_shopkeeper() {
            self.history().record(key, outcome);
            self.watermark.end(key.shopper);
        }
    }

    /// Ends the workload at the first call; returns that end.
    pub(super) fn end(&self) -> End {
        *self.end.get_or_init(|| {
            let at = Instant::now();
            let schedule = self.schedule.as_ref().map(|schedule| schedule.stats(at));
            End { at, schedule }
        })
    }

    /// The statistics of the schedule, now or as of the end of the workload.
    pub(super) fn schedule_stats(&self) -> Option<ScheduleStats> {
        match self.end.get() {
            Some(end) => end.schedule,
            None => self.schedule.as_ref().map(|schedule| schedule.stats(Instant::now())),
        }
    }

    /// Counts an operation that ended. In a closed loop an operation without an answer has no latency. In an open loop it has:
    /// without it a store that does not answer would look faster.
    pub(super) fn record(
        &self,
        operation: &Operation,
        outcome: Outcome,
        latency: Duration,
        last_error: Option<ClientError>,
    ) {
        let is_refused_for_one_line = is_refused_for_one_line(last_error.as_ref());
        let last_error = last_error
            .filter(|_| outcome != Outcome::SoldOut)
            .map(|error| text::sanitize(&error.to_string()).into_owned());
        let mut stats = self.stats();
        let is_measured = outcome.is_answered() || self.schedule.is_some();
        let latency = is_measured.then_some(latency);
        stats.tally.record(operation.kind(), outcome, latency);
        if let Operation::Buy(lines) = operation {
            stats.tally.record_basket(lines.len(), is_refused_for_one_line);
        }
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
        for line in &receipt.lines {
            stats.stocks.sold(line.item, line.quantity.get());
            if let Some(stock) = line.stock {
                stats.stocks.observe(line.item, stock, line.seq);
            }
        }
    }
}

/// The duration of the workload so far.
pub(super) fn elapsed(stats: &RunStats) -> Duration {
    let running = || stats.began.map(|began| began.elapsed());
    stats.elapsed.or_else(running).unwrap_or_default()
}
