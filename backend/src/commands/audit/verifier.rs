//! One pass over a ledger: the rules are checked, the entries counted and digested.

use std::collections::HashSet;
use std::fmt::Write as _;

use common::wire::Book;
use common::{Entry, Seq};
use rules::{BookState, DecidedOrders, DuplicateOrders, LedgerChecker};
use sha2::{Digest as _, Sha256};

use super::report::{AuditReport, Finding};

/// An audit under way.
#[derive(Debug)]
pub(super) struct Verifier {
    checker: LedgerChecker,
    orders: DecidedOrders,
    digest: Sha256,
    /// A buffer for the JSON of an entry.
    line: Vec<u8>,
    report: AuditReport,
}

impl Verifier {
    /// Prepares for a ledger whose last entry is `head`.
    pub(super) fn new(head: Seq) -> Self {
        Self {
            checker: LedgerChecker::new(),
            orders: DecidedOrders::with_capacity(usize::try_from(head.0).unwrap_or_default()),
            digest: Sha256::new(),
            line: Vec::new(),
            report: AuditReport::default(),
        }
    }

    pub(super) fn add(&mut self, violation: Finding) {
        self.report.add(violation);
    }

    pub(super) fn apply(&mut self, entry: &Entry) {
        self.orders.add(entry);
        self.line.clear();
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut self.line, entry);
        self.line.push(b'\n');
        self.digest.update(&self.line);
        self.report.totals.add(entry);
        for violation in self.checker.apply(entry) {
            self.report.add(Finding::of(entry, &violation));
        }
    }

    /// Checks that the ledger ends with a whole group, and that it leads to the catalog's books after the entry `at`.
    pub(super) fn check_end(&mut self, books: &[Book], at: Seq) {
        if let Some(violation) = self.checker.check_complete() {
            self.report.add(Finding::at(at, violation.to_string()));
        }
        for book in books {
            let ledger = self.checker.book(book.item);
            if let Some(violation) = BookState::check_book(ledger, book) {
                let seq = ledger.map_or(at, |ledger| ledger.seq);
                self.report.add(Finding::of_book(seq, book.item, &violation));
            }
        }
        let in_catalog: HashSet<_> = books.iter().map(|book| book.item).collect();
        for (item, ledger) in self.checker.books().filter(|(item, _)| !in_catalog.contains(item)) {
            let violation = Finding::of_book(ledger.seq, item, &rules::Violation::MissingInCatalog);
            self.report.add(violation);
        }
    }

    /// Moves out the orders that were decided twice, for a second pass.
    pub(super) fn take_duplicates(&mut self) -> DuplicateOrders {
        std::mem::take(&mut self.orders).into_duplicates()
    }

    pub(super) fn finish(self, remarks: Vec<String>) -> AuditReport {
        let mut report = self.report;
        report.violations.sort_by_key(|violation| violation.seq);
        let mut digest = "sha256:".to_owned();
        for byte in self.digest.finalize() {
            // Writing to memory does not fail.
            let _ = write!(digest, "{byte:02x}");
        }
        AuditReport {
            head: self.checker.head(),
            digest,
            books: self.checker.books().len(),
            remarks,
            ..report
        }
    }
}

#[cfg(test)]
mod tests {
    use common::{Description, Kind};

    use super::*;
    use crate::fixture::{book, sold};

    #[test]
    fn a_clean_ledger_is_counted_and_compared_with_the_books() {
        let set = Entry {
            kind: Kind::Set,
            change: 5,
            quantity: None,
            order: None,
            description: Some(Box::new(Description::new("t"))),
            ..sold(1, 1, 5)
        };
        let mut verifier = Verifier::new(Seq(3));
        for entry in [set, sold(2, 1, 4), sold(3, 1, 3)] {
            verifier.apply(&entry);
        }
        assert!(verifier.take_duplicates().is_empty());
        verifier.check_end(&[book(1, 3, 3)], Seq(3));
        assert!(verifier.report.is_clean(), "{:?}", verifier.report.violations);
        verifier.check_end(&[book(2, 3, 3)], Seq(3));
        let report = verifier.finish(Vec::new());
        assert_eq!((report.totals.copies, report.totals.revenue_cents), (2, 8_000));
        assert_eq!((report.violated, report.books), (2, 1));
    }

    #[test]
    fn many_violations_are_counted_and_the_first_ones_listed() {
        let mut verifier = Verifier::new(Seq::ZERO);
        for seq in 1..=100 {
            verifier.apply(&sold(seq, 1, 7));
        }
        let report = verifier.finish(Vec::new());
        assert_eq!((report.violations.len(), report.violations[0].seq), (20, Some(Seq(1))));
        assert!(report.violated >= 100);
    }
}
