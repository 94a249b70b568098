//! The state that the shoppers, the runner and the handles of a run share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::client::{Error as ClientError, ShopClient};
use common::text;
use common::wire::Receipt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::audit::{Findings, History, Run, StockObservation, Watermark};
use super::outcome::{Outcome, Verb};
use super::report::Report;
use super::settings::SHOPPERS_MAX;
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

/// What the shoppers, the runner and the handles share.
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
    /// The state of a run that has not begun.
    pub(super) fn new(shop: ShopClient, settings: Settings, stopping: CancellationToken) -> Self {
        let control = Control {
            shoppers: settings.shoppers.clamp(1, SHOPPERS_MAX),
            paused: false,
        };
        let (history, watermark) = History::new(tempfile::tempfile(), SHOPPERS_MAX);
        Self {
            shop,
            settings,
            control: watch::Sender::new(control),
            stopping,
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
        }
    }

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

/// How long the shoppers have shopped, or shopped.
pub(super) fn elapsed(stats: &RunStats) -> Duration {
    let running = || stats.began.map(|began| began.elapsed());
    stats.elapsed.or_else(running).unwrap_or_default()
}
