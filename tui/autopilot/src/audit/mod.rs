//! The audit: what the store told the shoppers, held against its ledger and against itself.
//!
//! Checks of the ledger need the shopkeeper's token. What cannot be checked is listed, and then the verdict is
//! `incomplete`, never `clean`. Other people's traffic on the same store is in the ledger too, and is no fault.

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

/// Violations of one check that are told of at the most, so that one that finds much does not hide the others.
const VIOLATIONS_MAX: usize = 7;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    /// Every acknowledged sale is in the ledger exactly once, as it was acknowledged.
    AcknowledgedSales,
    /// Every acknowledged change of a stock is in the ledger exactly once, as it was acknowledged.
    AcknowledgedRestocks,
    /// Every order in the ledger that bears this run's mark was asked for, as it stands there.
    AskedFor,
    /// Nothing was sold that had been refused.
    RefusalsStand,
    /// Every sale has the price that stood on the shelf.
    Prices,
    /// For each book: stock at the start, and all changes, make every stock after and the stock at the end.
    StockAddsUp,
    /// No entry takes a stock below nothing.
    StockNeverNegative,
    /// Refusals are right by the stock of their moment.
    RefusalsRight,
    /// The ledger's entries come in order, without a gap.
    LedgerInOrder,
    /// A purchase that was answered before another was asked for stands before it in the ledger.
    RealTimeOrder,
    /// The same key gets the same answer.
    OneAnswerPerKey,
    /// No shopper sees a book as it was before, own purchases included.
    ReadsGoForward,
    /// The event stream's entries come in order, and their changes make their stocks.
    FeedInOrder,
}

impl Check {
    /// Those that need the ledger.
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

    /// Those that need nothing but the answers.
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

/// What was looked at, and what was wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    looked_at: BTreeMap<Check, u64>,
    violations: Vec<Violation>,
    /// How many violations there were, those that are not told of included.
    found: u64,
}

impl Findings {
    /// Counts things that were looked at.
    pub(super) fn count(&mut self, check: Check, things: u64) {
        let count = self.looked_at.entry(check).or_default();
        *count = count.saturating_add(things);
    }

    /// Notes a violation, with the smallest history that shows it.
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

    /// How many violations there are.
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

    /// The verdict, where `skipped` could not be checked and `others` entries are of other people's.
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
