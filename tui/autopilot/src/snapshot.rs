//! A snapshot of a run for a screen.

use std::sync::Arc;
use std::time::Duration;

use common::ItemNumber;

use super::outcome::{Outcomes, Verb};
use super::report::Latency;
use super::tally::Second;

/// The most books in a snapshot; the sums cover all books.
pub(super) const STOCK_ROWS_MAX: usize = 100;

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The sample of books is being read.
    Starting,
    /// The shoppers run.
    Running,
    /// The shoppers are paused.
    Paused,
    /// The workload has finished; the audit runs.
    Closing,
    /// The report is ready.
    Ended,
    /// The run failed.
    Failed,
}

impl Phase {
    /// The word shown on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Closing => "auditing",
            Self::Ended => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// The numbers of one verb.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VerbRow {
    /// The verb.
    pub verb: Verb,
    /// Its declared share of the mix, 0 to 1.
    pub share: f64,
    /// Operations that ended.
    pub requests: u64,
    /// Operations that succeeded.
    pub ok: u64,
    /// Latencies over the whole run.
    pub latency: Latency,
}

/// The numbers of one book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockRow {
    /// Its number.
    pub item: ItemNumber,
    /// Its title, as the store sent it.
    pub title: Arc<str>,
    /// Copies at the start.
    pub start: u32,
    /// Copies sold by this run.
    pub sold: u64,
    /// Copies left.
    pub left: u32,
}

/// A run at one point in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The phase.
    pub phase: Phase,
    /// Its seed.
    pub seed: u64,
    /// The mix's name.
    pub mix: &'static str,
    /// Shoppers at once.
    pub shoppers: u32,
    /// Time since the shoppers began.
    pub elapsed: Duration,
    /// The duration after which it stops.
    pub duration: Option<Duration>,
    /// The number of operations after which it stops.
    pub requests_max: Option<u64>,
    /// Operations that ended.
    pub requests: u64,
    /// Search, lookup, buy.
    pub verbs: [VerbRow; 3],
    /// The number of operations by outcome.
    pub outcomes: Outcomes,
    /// Whole seconds, oldest first.
    pub series: Vec<Second>,
    /// The first books of the sample.
    pub stock: Vec<StockRow>,
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
    pub verdict: Option<&'static str>,
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
