//! The report of a run. Its fields and their order are a public JSON format.

use std::collections::BTreeMap;

use common::ItemNumber;
use serde::Serialize;
use strum::Display;

use super::basket::BasketCounts;
use super::faults::FaultsReport;
use super::operation_stats::OperationStats;
use super::outcome::{ByOperation, Outcomes};
use super::schedule::ScheduleStats;
use super::series::Overview;
use super::workload::Workload;

/// The version of the report's format.
pub(super) const SCHEMA: u32 = 1;

/// The result of a run, as JSON, as text and as HTML.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub(super) schema: u32,
    pub(super) seed: u64,
    /// The fingerprint of the plans; equal plans have equal fingerprints.
    pub(super) plan: String,
    pub(super) mix: &'static str,
    /// Number of concurrent shoppers at the end.
    pub(super) shoppers: u32,
    pub(super) elapsed_s: f64,
    /// Operations that ended; an operation with retries counts once.
    pub(super) requests: u64,
    /// Operations per second.
    pub(super) rate: f64,
    pub(super) operations: ByOperation<OperationStats>,
    pub(super) outcomes: Outcomes,
    /// The statistics of lines of purchases; absent if every order has one book.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) baskets: Option<BasketStats>,
    /// The statistics of the schedule; absent in a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schedule: Option<ScheduleStats>,
    pub(super) stock: Vec<StockLine>,
    pub(super) workload: Workload,
    /// The injected faults, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) faults: Option<FaultsReport>,
    pub(super) audit: Audit,
    #[serde(skip)]
    pub(super) overview: Overview,
}

impl Report {
    /// Adds the faults that were injected into the run.
    pub fn with_faults(&self, faults: FaultsReport) -> Self {
        let faults = Some(faults);
        Self { faults, ..self.clone() }
    }

    /// The audit's verdict.
    pub fn verdict(&self) -> AuditVerdict {
        self.audit.verdict
    }
}

/// The statistics of lines of the purchases that ended.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct BasketStats {
    pub(super) lines: u64,
    /// The mean number of lines.
    pub(super) lines_per_order: f64,
    /// Purchases of several lines of which exactly one had too little stock.
    pub(super) refused_for_one_line: u64,
}

impl From<BasketCounts> for BasketStats {
    fn from(counts: BasketCounts) -> Self {
        Self {
            lines: counts.lines,
            lines_per_order: counts.lines_per_order(),
            refused_for_one_line: counts.refused_for_one_line,
        }
    }
}

/// The stock of one book.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StockLine {
    pub(super) item: ItemNumber,
    pub(super) start: u32,
    /// Copies sold by this run.
    pub(super) sold: u64,
    /// Sum of all changes except sales, in copies; 0 if the ledger could not be read.
    pub(super) restocked: i64,
    pub(super) end: u32,
    #[serde(skip)]
    pub(super) title: String,
}

/// The result of the audit.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Audit {
    pub(super) verdict: AuditVerdict,
    /// The checks that were made, each with its number of checked objects.
    pub(super) checks: BTreeMap<&'static str, u64>,
    /// Checks that could not be made.
    pub(super) skipped: Vec<&'static str>,
    /// The number of ledger entries of other clients.
    pub(super) others: u64,
    /// Why checks could not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    /// The number of violations.
    pub(super) found: u64,
    /// The violations; at most seven of each check.
    pub(super) violations: Vec<Violation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Violation {
    pub(super) check: &'static str,
    /// What was expected, and what was found.
    pub(super) detail: String,
    /// The shortest history that shows the violation, one line for each operation or entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) history: Vec<String>,
}

/// The audit's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum AuditVerdict {
    /// Every check was made and found no violation.
    Clean,
    /// A check found a violation.
    Violated,
    /// No violation was found, but some checks could not be made.
    Incomplete,
}
