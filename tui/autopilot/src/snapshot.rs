//! A snapshot of a run for a screen.

use std::time::Duration;

use strum::Display;

use super::Settings;
use super::basket::BasketCounts;
use super::operation_stats::OperationStats;
use super::outcome::{ByOperation, Outcomes};
use super::report::AuditVerdict;
use super::schedule::ScheduleStats;
use super::stock::BookStock;
use super::tally::Second;

/// The most books in a snapshot; the sums cover all books.
pub(super) const STOCK_ROWS_MAX: usize = 100;

/// The phase of a run; displayed as a word for screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
#[strum(serialize_all = "lowercase")]
pub enum Phase {
    /// The sample of books is being read.
    Starting,
    /// The shoppers run.
    Running,
    /// The shoppers are paused.
    Paused,
    /// The workload has finished; the audit runs.
    #[strum(serialize = "auditing")]
    Closing,
    /// The report is ready.
    #[strum(serialize = "stopped")]
    Ended,
    /// The run failed.
    Failed,
}

/// A run at one point in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The phase.
    pub phase: Phase,
    /// The settings at the start.
    pub settings: Settings,
    /// Shoppers at once.
    pub shoppers: u32,
    /// Time since the shoppers began.
    pub elapsed: Duration,
    /// Operations that ended.
    pub requests: u64,
    /// Operations that ended, by kind.
    pub operations: ByOperation<OperationStats>,
    /// The number of operations by outcome.
    pub outcomes: Outcomes,
    /// The lines of the purchases that ended; `None` where every order is of one book.
    pub baskets: Option<BasketCounts>,
    /// In an open loop: the operations that were due so far.
    pub schedule: Option<ScheduleStats>,
    /// Whole seconds, oldest first.
    pub series: Vec<Second>,
    /// The first books of the sample.
    pub stock: Vec<BookStock>,
    /// The number of books in the sample.
    pub books: usize,
    /// Copies at the start over all books.
    pub copies_start: u64,
    /// Copies left over all books.
    pub copies_left: u64,
    /// The error of the last operation, while the store is unavailable.
    pub last_error: Option<String>,
    /// The number of violations found so far.
    pub violations: u64,
    /// The audit's verdict, once the run has ended.
    pub verdict: Option<AuditVerdict>,
}

impl Snapshot {
    /// Operations per second over the whole run.
    pub fn rate(&self) -> f64 {
        super::number::rate(self.requests, self.elapsed)
    }

    /// The last complete second.
    pub fn last_second(&self) -> Second {
        self.series.last().copied().unwrap_or_default()
    }
}
