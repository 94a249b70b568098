//! What a screen needs to know of a run, at one moment.

use std::sync::Arc;
use std::time::Duration;

use common::ItemNumber;

use super::outcome::{Outcomes, Verb};
use super::report::Latency;
use super::tally::Second;

/// Books that a snapshot names; the sums are over all.
pub(super) const STOCK_ROWS_MAX: usize = 100;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It reads the shelf.
    Starting,
    /// Shoppers shop.
    Running,
    /// Shoppers wait.
    Paused,
    /// It has stopped and audits.
    Closing,
    /// The report is there.
    Ended,
    /// It could not run.
    Failed,
}

impl Phase {
    /// A word for people.
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

/// One verb's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VerbRow {
    /// Which one.
    pub verb: Verb,
    /// Its declared part of the mix, 0 to 1.
    pub share: f64,
    /// Operations that ended.
    pub requests: u64,
    /// Of these, those that brought what was wanted.
    pub ok: u64,
    /// How long the answers took, over the whole run.
    pub latency: Latency,
}

/// One book's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockRow {
    /// Its number.
    pub item: ItemNumber,
    /// Its title, as the store sent it.
    pub title: Arc<str>,
    /// Copies at the start.
    pub start: u32,
    /// Copies sold to this autopilot.
    pub sold: u64,
    /// Copies left.
    pub left: u32,
}

/// A run at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Where it stands.
    pub phase: Phase,
    /// Its seed.
    pub seed: u64,
    /// The mix's name.
    pub mix: &'static str,
    /// Shoppers at once.
    pub shoppers: u32,
    /// Since the shoppers began.
    pub elapsed: Duration,
    /// When it will stop by itself.
    pub duration: Option<Duration>,
    /// After how many operations it will stop by itself.
    pub requests_max: Option<u64>,
    /// Operations that ended.
    pub requests: u64,
    /// Search, lookup, buy.
    pub verbs: [VerbRow; 3],
    /// How often each outcome came.
    pub outcomes: Outcomes,
    /// Whole seconds, oldest first.
    pub series: Vec<Second>,
    /// The first books of the shelf.
    pub stock: Vec<StockRow>,
    /// How many books there are in all.
    pub books: usize,
    /// Copies at the start over all books.
    pub copies_start: u64,
    /// Copies left over all books.
    pub copies_left: u64,
    /// Why the store is away, while it is.
    pub last_error: Option<String>,
    /// Violations that the audit has found so far.
    pub violations: u64,
    /// The audit's verdict, once there is one.
    pub verdict: Option<&'static str>,
}

impl Snapshot {
    /// Operations a second over the whole run.
    pub fn rate(&self) -> f64 {
        super::report::rate(self.requests, self.elapsed)
    }

    /// The last whole second.
    pub fn last_second(&self) -> Second {
        self.series.last().copied().unwrap_or_default()
    }
}
