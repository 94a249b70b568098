//! The audit: compares the answers that the shoppers received with the ledger and with each other.
//!
//! Checks of the ledger need the shopkeeper's token. A check that cannot be made is reported as skipped, and the verdict
//! is `incomplete`, never `clean`. Orders of other clients in the same ledger are not violations.
//!
//! [`Check::StockAddsUp`] and [`Check::StockNeverNegative`] together find an oversold book.

mod answer_checker;
mod auditor;
mod book;
mod change;
mod events;
mod history;
mod key;
mod last_seen;

use std::collections::BTreeMap;

pub(super) use auditor::{Audited, Auditor};
pub(super) use change::{ChangeKind, ChangeRecord, SoldLine, title_digest};
pub(super) use events::follow as follow_events;
pub(super) use history::{ChangeHistory, ChangeOutcome, Watermark};
pub(super) use key::{OrderKey, RunId, SHOPKEEPER};
pub(super) use last_seen::{LastSeen, StockObservation};

use strum::{IntoStaticStr, VariantArray};

use super::report::{Audit, AuditVerdict, Violation};

/// The most violations reported for one check, so that one check does not hide the others.
const VIOLATIONS_MAX: usize = 7;

/// A check of the audit, with its name in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub(super) enum Check {
    /// Every acknowledged sale is in the ledger as acknowledged, and no order or change is in it twice.
    AcknowledgedSales,
    /// Every acknowledged restock is in the ledger as acknowledged; [`Self::AcknowledgedSales`] reports one done twice.
    AcknowledgedRestocks,
    /// Every order of this run in the ledger was sent with the same content.
    AskedFor,
    /// No refused order was sold.
    RefusalsStand,
    /// Every order has all its lines in the ledger, all sold or all refused, and in its receipt.
    OrdersWhole,
    /// Every order has the price and the title of its time.
    Prices,
    /// The stock at the start plus all changes equals every later stock and the stock at the end.
    /// [`Self::AcknowledgedSales`] reports an order done twice.
    StockAddsUp,
    /// No entry takes a stock below 0: no book is oversold.
    StockNeverNegative,
    /// Every refusal agrees with the stock at that point of the ledger.
    RefusalsRight,
    /// The ledger's entries are in order and without gaps.
    LedgerInOrder,
    /// A change answered before another one is sent precedes it in the ledger.
    RealTimeOrder,
    /// The same key always gets the same answer.
    OneAnswerPerKey,
    /// No shopper sees an older state of a book than before, own purchases included.
    ReadsGoForward,
    /// The events are in order, and each stock is the previous one plus the change.
    FeedInOrder,
}

impl Check {
    /// Whether it is always reported; otherwise only if purchases can have several lines or it found a violation.
    fn is_for_every_order(self) -> bool {
        self != Self::OrdersWhole
    }

    /// Whether it needs the ledger; otherwise the answers suffice.
    fn needs_ledger(self) -> bool {
        !matches!(self, Self::OneAnswerPerKey | Self::ReadsGoForward | Self::FeedInOrder)
    }
}

/// The number of checked objects of each check, and the violations.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    checked: BTreeMap<Check, u64>,
    violations: Vec<Violation>,
    /// The number of violations, reported or not.
    found: u64,
}

impl Findings {
    pub(super) fn count(&mut self, check: Check, objects: u64) {
        let count = self.checked.entry(check).or_default();
        *count = count.saturating_add(objects);
    }

    /// Records a violation with the shortest history that shows it.
    pub(super) fn add(&mut self, check: Check, detail: String, history: Vec<String>) {
        self.found = self.found.saturating_add(1);
        let check = check.into_str();
        self.report(Violation { check, detail, history });
    }

    fn report(&mut self, violation: Violation) {
        let of_check = |reported: &&Violation| reported.check == violation.check;
        if self.violations.iter().filter(of_check).count() < VIOLATIONS_MAX {
            self.violations.push(violation);
        }
    }

    pub(super) fn violations(&self) -> u64 {
        self.found
    }

    fn merge(&mut self, other: Self) {
        for (check, objects) in other.checked {
            self.count(check, objects);
        }
        self.found = self.found.saturating_add(other.found);
        for violation in other.violations {
            self.report(violation);
        }
    }

    /// Whether the check has found a violation.
    fn has_violated(&self, check: Check) -> bool {
        let mut violations = self.violations.iter();
        violations.any(|violation| violation.check == check.into_str())
    }

    /// The result of the audit. `others` is the number of entries of other clients.
    fn into_audit(self, made: &[Check], skipped: &[Check], others: u64) -> Audit {
        let count = |check: &Check| (check.into_str(), self.checked.get(check).copied().unwrap_or(0));
        let verdict = match (self.found, skipped.is_empty()) {
            (1.., _) => AuditVerdict::Violated,
            (0, true) => AuditVerdict::Clean,
            (0, false) => AuditVerdict::Incomplete,
        };
        Audit {
            verdict,
            checks: made.iter().map(count).collect(),
            skipped: skipped.iter().map(Check::into_str).collect(),
            others,
            note: None,
            found: self.found,
            violations: self.violations,
        }
    }
}
