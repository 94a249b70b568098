//! The report of a run, word for word as the contract has it.

use std::collections::BTreeMap;

use common::ItemNumber;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::faults::FaultsReport;
use super::outcome::Outcomes;
use super::series::Overview;
use super::workload::{Share, Workload};

/// The version of the report's form.
pub(super) const SCHEMA: u32 = 1;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of this form, 1.
    pub schema: u32,
    /// The seed that gives the same plan again.
    pub seed: u64,
    /// The plan's name: equal names, equal plans.
    pub plan: String,
    /// The mix's name.
    pub mix: &'static str,
    /// Shoppers at once, at the end.
    pub shoppers: u32,
    /// From the first operation to the last, in seconds.
    pub elapsed_s: f64,
    /// Operations that ended; a request that was sent again counts once.
    pub requests: u64,
    /// Operations a second.
    pub rate: f64,
    /// By verb.
    pub operations: Operations,
    /// By outcome.
    pub outcomes: Outcomes,
    /// By book.
    pub stock: Vec<StockLine>,
    /// What was asked for, and how near the plan came to it.
    pub workload: Workload,
    /// What was done to the store, where it was mishandled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<FaultsReport>,
    /// Whether the store was right.
    pub audit: Audit,
    /// The seconds, for pictures.
    #[serde(skip)]
    pub overview: Overview,
}

impl Report {
    /// Each verb, its numbers, and its part of the mix.
    pub(super) fn verbs(&self) -> [(&'static str, &Operation, &Share); 3] {
        let (operations, shares) = (&self.operations, &self.workload.shares);
        [
            ("search", &operations.search, &shares.search),
            ("lookup", &operations.lookup, &shares.lookup),
            ("buy", &operations.buy, &shares.buy),
        ]
    }
}

/// Numbers by verb.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operations {
    /// Searches of a topic.
    pub search: Operation,
    /// Lookups of a book.
    pub lookup: Operation,
    /// Purchases.
    pub buy: Operation,
}

/// The numbers of one verb.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Operation {
    /// Operations that ended.
    pub requests: u64,
    /// Operations that succeeded.
    pub ok: u64,
    /// The others.
    pub failed: u64,
    /// How long the answers took, lost ones that were asked for again included.
    pub latency_us: Latency,
}

/// Latencies in microseconds; 0 without an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half of the answers came within it.
    pub p50: u64,
    /// 95 in 100.
    pub p95: u64,
    /// 99 in 100.
    pub p99: u64,
    /// 999 in 1,000.
    pub p999: u64,
    /// All of them.
    pub max: u64,
}

impl Latency {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            p50: histogram.value_at_quantile(0.5),
            p95: histogram.value_at_quantile(0.95),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

/// The copies of one book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockLine {
    /// The book.
    pub item: ItemNumber,
    /// Copies at the start.
    pub start: u32,
    /// Copies sold by this run.
    pub sold: u64,
    /// Copies added less copies taken away other than by sales; 0 if the ledger could not be read.
    pub restocked: i64,
    /// Copies at the end.
    pub end: u32,
    /// The title, for the summary.
    #[serde(skip)]
    pub title: String,
}

/// The result of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The verdict.
    pub verdict: Verdict,
    /// The checks that were made, each with the number of things checked.
    pub checks: BTreeMap<&'static str, u64>,
    /// Checks that could not be made.
    pub skipped: Vec<&'static str>,
    /// Ledger entries of other clients.
    pub others: u64,
    /// Why checks could not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The number of violations.
    pub found: u64,
    /// The violations; at most seven of each check.
    pub violations: Vec<Violation>,
}

/// A violation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The check that found it.
    pub check: &'static str,
    /// What was expected, and what was found.
    pub detail: String,
    /// The shortest history that shows it, one line for each operation or entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
}

/// The audit's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every check was made and found nothing.
    Clean,
    /// A check found a violation.
    Violated,
    /// No violation was found, but some checks could not be made.
    Incomplete,
}

impl Verdict {
    /// The word in the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Violated => "violated",
            Self::Incomplete => "incomplete",
        }
    }
}
