//! Replays the ledger: checks every entry against the rules of a ledger and against the answers that the shoppers
//! received. One pass, in order; no clock and no network.
//!
//! The ledger is one order of all operations. If every answer agrees with it, and it respects real time (an operation
//! that was answered before another was invoked precedes it), the purchases are linearizable (Herlihy and Wing 1990).

use std::collections::HashMap;

use common::wire::Book;
use common::{Entry, ItemNumber, Kind, OrderId, Seq, Stock};
use rules::{BookState, LedgerReplay, Rule};

use super::book::AuditedBook;
use super::history::History;
use super::key::{Key, Run};
use super::operation::{OperationKind, OperationRecord, describe_entry};
use super::{Check, Findings};
use crate::sample::BookSample;

#[derive(Debug)]
pub(super) struct Replay {
    run: Run,
    ledger: LedgerReplay,
    books: HashMap<ItemNumber, AuditedBook>,
    /// Of the operations so far, the one that was invoked last.
    latest: Option<OperationRecord>,
    others: u64,
    pub(super) findings: Findings,
}

impl Replay {
    /// Starts from the books as they were read before the run.
    pub(super) fn new(run: Run, sample: &BookSample) -> Self {
        let state = |book: &Book| BookState {
            stock: book.stock,
            cost: Some(book.cost),
            seq: book.seq,
        };
        let audited = |book: &Book| {
            let Book { item, stock, seq, .. } = book;
            let last_change = format!("the sample at the start: item {item} with {stock} as of entry {seq}");
            (*item, AuditedBook::new(*item, last_change))
        };
        Self {
            run,
            ledger: LedgerReplay::from_sample(sample.head, sample.books.iter().map(|book| (book.item, state(book)))),
            books: sample.books.iter().map(audited).collect(),
            latest: None,
            others: 0,
            findings: Findings::default(),
        }
    }

    pub(super) fn last(&self) -> Seq {
        self.ledger.head()
    }

    /// The number of entries that this run did not cause.
    pub(super) fn others(&self) -> u64 {
        self.others
    }

    /// For each book, the sum of its changes other than sales.
    pub(super) fn restocked(&self) -> impl Iterator<Item = (ItemNumber, i64)> {
        self.books.iter().map(|(item, book)| (*item, book.restocked))
    }

    /// Replays an entry. Everything that was acknowledged up to it is in the history.
    pub(super) fn apply(&mut self, entry: &Entry, history: &mut History) {
        let operation = self.take_operations(entry, history);
        self.check_owner(entry, operation.as_ref(), history);
        self.check_rules(entry);
    }

    /// Checks an entry against the rules of a ledger, and applies it.
    fn check_rules(&mut self, entry: &Entry) {
        let Entry { item, seq, kind, .. } = *entry;
        self.findings.count(Check::LedgerInOrder, 1);
        // The books were read a little after the ledger's head was: they may contain this entry.
        let is_checked = self.ledger.book(item).is_some_and(|book| book.seq < seq);
        if is_checked {
            self.findings.count(Check::StockAddsUp, 1);
            self.findings.count(Check::StockNeverNegative, 1);
            match kind {
                Kind::Sold => self.findings.count(Check::Prices, 1),
                Kind::Refused => self.findings.count(Check::RefusalsRight, 1),
                Kind::Restocked | Kind::Set | Kind::Withdrawn => {}
            }
        }
        for violation in self.ledger.apply(entry) {
            let check = match violation.rule() {
                Rule::Sequence => Check::LedgerInOrder,
                Rule::StockNotNegative => Check::StockNeverNegative,
                Rule::Price => Check::Prices,
                Rule::Refusal => Check::RefusalsRight,
                Rule::StockAddsUp | Rule::Fields | Rule::BookExists | Rule::DecidedOnce | Rule::Catalog => {
                    Check::StockAddsUp
                }
            };
            let history = match self.books.get(&item) {
                Some(book) => book.history(entry),
                None => vec![describe_entry(entry)],
            };
            let detail = format!("item {item}: entry {seq}: {violation}");
            self.findings.add(check, detail, history);
        }
        let Some(state) = self.ledger.book(item) else {
            self.books.remove(&item);
            return;
        };
        match self.books.get_mut(&item) {
            Some(book) if is_checked => {
                book.record(entry);
                book.check_end(state, &mut self.findings);
            }
            Some(_) => {}
            None => {
                self.books.insert(item, AuditedBook::new(item, describe_entry(entry)));
            }
        }
    }

    /// Takes the acknowledged operations up to an entry and returns the one that the entry records. Any other is
    /// missing.
    fn take_operations(&mut self, entry: &Entry, history: &mut History) -> Option<OperationRecord> {
        let mut found = None;
        while let Some(operation) = history.next_until(entry.seq) {
            self.check_real_time(&operation);
            let order = self.run.order(operation.key);
            if operation.seq == entry.seq && entry.order == Some(order) && found.is_none() {
                found = Some(operation);
            } else {
                let contradiction = (operation.seq == entry.seq).then(|| describe_entry(entry));
                self.missing(&operation, contradiction);
            }
        }
        found
    }

    /// An operation without its entry; `contradiction` describes the entry in its place.
    fn missing(&mut self, operation: &OperationRecord, contradiction: Option<String>) {
        let check = check_of(operation);
        self.findings.count(check, 1);
        let order = self.run.order(operation.key);
        let detail = format!(
            "order {order} was acknowledged and is not in the ledger as entry {}",
            operation.seq
        );
        let history = [operation.describe()].into_iter().chain(contradiction).collect();
        self.findings.add(check, detail, history);
    }

    fn check_real_time(&mut self, operation: &OperationRecord) {
        self.findings.count(Check::RealTimeOrder, 1);
        match self.latest {
            Some(latest) if operation.answered_us < latest.invoked_us => {
                let detail = format!(
                    "entry {} was answered before entry {} was requested, but stands after it",
                    operation.seq, latest.seq
                );
                let history = vec![latest.describe(), operation.describe()];
                self.findings.add(Check::RealTimeOrder, detail, history);
            }
            Some(latest) if operation.invoked_us <= latest.invoked_us => {}
            _ => self.latest = Some(*operation),
        }
    }

    /// Checks whether the entry belongs to this run, and if so, whether request and answer agree with it.
    fn check_owner(&mut self, entry: &Entry, operation: Option<&OperationRecord>, history: &mut History) {
        let Some((order, key)) = entry.order.and_then(|order| Some((order, self.run.key(order)?))) else {
            self.others += 1;
            return;
        };
        self.findings.count(Check::AskedFor, 1);
        match operation {
            Some(operation) => self.check_operation(entry, operation),
            None => self.check_unacknowledged(entry, order, key, history),
        }
    }

    /// Compares an entry with the answer that acknowledged it.
    fn check_operation(&mut self, entry: &Entry, operation: &OperationRecord) {
        let check = check_of(operation);
        self.findings.count(check, 1);
        let is_same = match operation.kind {
            OperationKind::Sold(quantity, cost) => {
                entry.kind == Kind::Sold && entry.quantity == Some(quantity.get()) && entry.unit_cost == cost
            }
            OperationKind::Restocked(copies) => entry.kind == Kind::Restocked && entry.change == i64::from(copies),
        };
        let is_same_stock = operation.stock.is_none() || entry.stock_after == operation.stock;
        if !is_same || entry.item != operation.item || !is_same_stock {
            let detail = format!("entry {} is not what was acknowledged", entry.seq);
            self.findings
                .add(check, detail, vec![operation.describe(), describe_entry(entry)]);
        }
    }

    /// Checks an entry with this run's mark that no answer acknowledged.
    fn check_unacknowledged(&mut self, entry: &Entry, order: OrderId, key: Key, history: &mut History) {
        let sender = key.describe();
        let mut wrong = |check, why: &str| {
            let detail = format!("entry {} is {} for {sender} ({order}), {why}", entry.seq, entry.kind);
            self.findings.add(check, detail, vec![describe_entry(entry)]);
        };
        if !history.was_sent(key) {
            return wrong(Check::AskedFor, "which never requested it");
        }
        if history.was_refused(key) {
            if entry.kind != Kind::Refused {
                wrong(Check::RefusalsStand, "which got a refusal");
            }
            return;
        }
        match history.take_unknown(key) {
            Some(requested) if key.shopper == super::SHOPKEEPER || entry.kind == Kind::Refused => {
                if entry.item != requested.item {
                    wrong(Check::AskedFor, &format!("which requested item {}", requested.item));
                }
            }
            Some(requested) if (entry.item, entry.quantity) != (requested.item, Some(requested.quantity.get())) => {
                wrong(
                    Check::AskedFor,
                    &format!("which requested {} of item {}", requested.quantity, requested.item),
                );
            }
            Some(_) => {}
            None => wrong(Check::AcknowledgedSales, "which another entry has decided already"),
        }
    }

    pub(super) fn record_end(&mut self, item: ItemNumber, stock: Stock, seq: Seq) {
        if let (Some(book), Some(ledger)) = (self.books.get_mut(&item), self.ledger.book(item)) {
            book.record_end(stock, seq, ledger, &mut self.findings);
        }
    }

    /// Reports that the ledger ends before an entry that an answer named.
    pub(super) fn ends_early(&mut self, seen: Seq) {
        let detail = format!("the ledger ends at entry {}, but entry {seen} was seen", self.last());
        self.findings.add(Check::LedgerInOrder, detail, Vec::new());
    }

    /// Ends the replay: operations that were acknowledged beyond the ledger's end are missing.
    pub(super) fn close(&mut self, history: &mut History) {
        while let Some(operation) = history.next_until(Seq(u64::MAX)) {
            self.check_real_time(&operation);
            self.missing(&operation, None);
        }
        for (item, book) in &self.books {
            if let Some((stock, seq)) = book.end {
                let detail =
                    format!("item {item} has {stock} as of entry {seq}, and the ledger has no such entry of it");
                self.findings.add(Check::StockAddsUp, detail, Vec::new());
            }
        }
    }
}

fn check_of(operation: &OperationRecord) -> Check {
    match operation.kind {
        OperationKind::Sold(..) => Check::AcknowledgedSales,
        OperationKind::Restocked(_) => Check::AcknowledgedRestocks,
    }
}

#[cfg(test)]
mod tests;
