//! The audit: compares the answers that the shoppers received with the ledger and with each other.
//!
//! Checks of the ledger need the shopkeeper's token. A check that cannot be made is listed as skipped, and the verdict
//! is `incomplete`, never `clean`. Orders of other clients in the same ledger are not violations.

mod auditor;
mod book;
mod feed;
mod history;
mod key;
mod memory;
mod operation;
mod replay;

use std::collections::BTreeMap;

pub(super) use auditor::{Audited, Auditor};
pub(super) use feed::follow as follow_feed;
pub(super) use history::{Asked, History, Watermark};
pub(super) use key::{Key, Run, SHOPKEEPER};
pub(super) use memory::{Memory, StockObservation};
pub(super) use operation::{Kind as OperationKind, OperationRecord};

use super::report::{Audit, Verdict, Violation};

/// The most violations reported for one check, so that one check does not hide the others.
const VIOLATIONS_MAX: usize = 7;

/// A check of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    /// Every acknowledged sale is in the ledger exactly once and as acknowledged.
    AcknowledgedSales,
    /// Every acknowledged restock is in the ledger exactly once and as acknowledged.
    AcknowledgedRestocks,
    /// Every order of this run in the ledger was sent, with the same content.
    AskedFor,
    /// No refused order was sold.
    RefusalsStand,
    /// Every sale has the price in force.
    Prices,
    /// The stock at the start plus all changes gives every later stock and the stock at the end.
    StockAddsUp,
    /// No entry takes a stock below 0.
    StockNeverNegative,
    /// Every refusal fits the stock at that point of the ledger.
    RefusalsRight,
    /// The ledger's entries are in order and without gaps.
    LedgerInOrder,
    /// An operation that was answered before another was sent precedes it in the ledger.
    RealTimeOrder,
    /// The same key always gets the same answer.
    OneAnswerPerKey,
    /// No shopper sees an older state of a book than before, own purchases included.
    ReadsGoForward,
    /// The events are in order, and each stock is the one before it plus the change.
    FeedInOrder,
}

impl Check {
    /// The checks that need the ledger.
    pub(super) const OF_LEDGER: [Self; 10] = [
        Self::AcknowledgedSales,
        Self::AcknowledgedRestocks,
        Self::AskedFor,
        Self::RefusalsStand,
        Self::Prices,
        Self::StockAddsUp,
        Self::StockNeverNegative,
        Self::RefusalsRight,
        Self::LedgerInOrder,
        Self::RealTimeOrder,
    ];

    /// The checks that need only the answers.
    pub(super) const OF_ANSWERS: [Self; 3] = [Self::OneAnswerPerKey, Self::ReadsGoForward, Self::FeedInOrder];

    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AcknowledgedSales => "acknowledged_sales",
            Self::AcknowledgedRestocks => "acknowledged_restocks",
            Self::AskedFor => "asked_for",
            Self::RefusalsStand => "refusals_stand",
            Self::Prices => "prices",
            Self::StockAddsUp => "stock_adds_up",
            Self::StockNeverNegative => "stock_never_negative",
            Self::RefusalsRight => "refusals_right",
            Self::LedgerInOrder => "ledger_in_order",
            Self::RealTimeOrder => "real_time_order",
            Self::OneAnswerPerKey => "one_answer_per_key",
            Self::ReadsGoForward => "reads_go_forward",
            Self::FeedInOrder => "feed_in_order",
        }
    }
}

/// The number of things checked, and the violations found.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    looked_at: BTreeMap<Check, u64>,
    violations: Vec<Violation>,
    /// The number of violations, including those that are not reported.
    found: u64,
}

impl Findings {
    /// Counts things that were checked.
    pub(super) fn count(&mut self, check: Check, things: u64) {
        let count = self.looked_at.entry(check).or_default();
        *count = count.saturating_add(things);
    }

    /// Records a violation with the shortest history that shows it.
    pub(super) fn add(&mut self, check: Check, detail: String, history: Vec<String>) {
        self.found = self.found.saturating_add(1);
        self.tell_of(Violation {
            check: check.name(),
            detail,
            history,
        });
    }

    fn tell_of(&mut self, violation: Violation) {
        let of_check = |told: &&Violation| told.check == violation.check;
        if self.violations.iter().filter(of_check).count() < VIOLATIONS_MAX {
            self.violations.push(violation);
        }
    }

    /// The number of violations.
    pub(super) fn violations(&self) -> u64 {
        self.found
    }

    fn merge(&mut self, other: Self) {
        for (check, things) in other.looked_at {
            self.count(check, things);
        }
        self.found = self.found.saturating_add(other.found);
        other
            .violations
            .into_iter()
            .for_each(|violation| self.tell_of(violation));
    }

    /// The audit's result. `skipped` checks could not be made; `others` counts the entries of other clients.
    fn into_audit(self, skipped: &[Check], others: u64) -> Audit {
        let was_made = |check: &Check| !skipped.contains(check);
        let checks = Check::OF_LEDGER.into_iter().chain(Check::OF_ANSWERS).filter(was_made);
        let count = |check: Check| (check.name(), self.looked_at.get(&check).copied().unwrap_or(0));
        let verdict = match (self.found, skipped.is_empty()) {
            (1.., _) => Verdict::Violated,
            (0, true) => Verdict::Clean,
            (0, false) => Verdict::Incomplete,
        };
        Audit {
            verdict,
            checks: checks.map(count).collect(),
            skipped: skipped.iter().map(|check| check.name()).collect(),
            others,
            note: None,
            found: self.found,
            violations: self.violations,
        }
    }
}
