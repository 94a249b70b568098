//! The snapshot of a run that a screen shows.

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

/// The most rows of a snapshot's stock table; its sums cover all books.
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
    /// The settings at the start of the run.
    pub settings: Settings,
    /// Number of concurrent shoppers.
    pub shoppers: u32,
    /// Measured time of the workload so far.
    pub elapsed: Duration,
    /// Operations that ended.
    pub requests: u64,
    /// Operations that ended, by kind.
    pub operations: ByOperation<OperationStats>,
    /// The number of operations by outcome.
    pub outcomes: Outcomes,
    /// The counts of lines of purchases; `None` if every order has one book.
    pub baskets: Option<BasketCounts>,
    /// The statistics of the schedule so far; `None` in a closed loop.
    pub schedule: Option<ScheduleStats>,
    /// The last whole seconds, oldest first.
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
