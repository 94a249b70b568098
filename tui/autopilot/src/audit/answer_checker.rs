//! Checks every entry of the ledger, in order, against the rules of a ledger and against the answers that the shoppers
//! received. Uses no clock and no network.
//!
//! The ledger is a total order of all changes. If every answer agrees with it, and it respects real time (a change answered
//! before another one is invoked precedes it), the purchases are linearizable (Herlihy and Wing 1990).

use std::collections::HashMap;

use common::wire::{Book, OrderLine, OrderLines};
use common::{Entry, ItemNumber, Kind, OrderId, Seq, Stock};
use rules::{LedgerChecker, Rule};

use super::book::AuditedBook;
use super::change::{ChangeKind, ChangeRecord, describe_entry, describe_line, title_digest};
use super::history::ChangeHistory;
use super::key::{OrderKey, RunId};
use super::{Check, Findings};
use crate::sample::BookSample;

#[derive(Debug)]
pub(super) struct AnswerChecker {
    run_id: RunId,
    checker: LedgerChecker,
    books: HashMap<ItemNumber, AuditedBook>,
    /// The last checked entry.
    previous: Option<Entry>,
    /// The requested lines of the order of unknown outcome that the current entries decide.
    unacknowledged: Option<(OrderKey, OrderLines)>,
    /// The change with the latest invocation so far.
    latest: Option<ChangeRecord>,
    others: u64,
    pub(super) findings: Findings,
}

impl AnswerChecker {
    /// A checker that starts from the books as of before the run.
    pub(super) fn new(run_id: RunId, sample: &BookSample) -> Self {
        let audited = |book: &Book| {
            let Book { item, stock, seq, .. } = book;
            let last_change = format!("the sample at the start: item {item} with {stock} as of entry {seq}");
            (*item, AuditedBook::new(*item, last_change))
        };
        Self {
            run_id,
            checker: LedgerChecker::from_sample(
                sample.head.seq,
                sample.books.iter().map(|book| (book.item, book.into())),
            ),
            books: sample.books.iter().map(audited).collect(),
            previous: None,
            unacknowledged: None,
            latest: None,
            others: 0,
            findings: Findings::default(),
        }
    }

    pub(super) fn last(&self) -> Seq {
        self.checker.head()
    }

    /// The number of entries of other clients.
    pub(super) fn others(&self) -> u64 {
        self.others
    }

    /// For each book, the sum of its changes except sales.
    pub(super) fn restocked(&self) -> impl Iterator<Item = (ItemNumber, i64)> {
        self.books.iter().map(|(item, book)| (*item, book.restocked))
    }

    /// Checks and applies an entry. The history must contain every change acknowledged up to it.
    pub(super) fn apply(&mut self, entry: &Entry, history: &mut ChangeHistory) {
        let change = self.take_changes(entry, history);
        self.check_owner(entry, change.as_ref(), history);
        self.check_rules(entry);
        self.previous = Some(entry.clone());
    }

    /// Checks an entry against the rules of a ledger, and applies it to the books.
    fn check_rules(&mut self, entry: &Entry) {
        let Entry { item, seq, kind, .. } = *entry;
        self.findings.count(Check::LedgerInOrder, 1);
        if entry.line.count() > 1 && entry.line.is_last() {
            self.findings.count(Check::OrdersWhole, 1);
        }
        // The sample's books are a little newer than its head: they may reflect this entry.
        let is_checked = self.checker.book(item).is_some_and(|book| book.seq < seq);
        if is_checked {
            self.findings.count(Check::StockAddsUp, 1);
            self.findings.count(Check::StockNeverNegative, 1);
            match kind {
                Kind::Sold => self.findings.count(Check::Prices, 1),
                Kind::Refused => self.findings.count(Check::RefusalsRight, 1),
                Kind::Restocked | Kind::Set | Kind::Withdrawn => {}
            }
        }
        for violation in self.checker.apply(entry) {
            let check = match violation.rule() {
                Rule::Sequence => Check::LedgerInOrder,
                Rule::Group | Rule::Receipt => Check::OrdersWhole,
                Rule::StockNotNegative => Check::StockNeverNegative,
                Rule::Price | Rule::Title => Check::Prices,
                Rule::Refusal => Check::RefusalsRight,
                Rule::StockAddsUp | Rule::Fields | Rule::BookExists => Check::StockAddsUp,
                // `self.checker` does not check these rules.
                Rule::DecidedOnce | Rule::Catalog => Check::StockAddsUp,
            };
            let history = match (self.books.get(&item), &self.previous) {
                (_, Some(previous)) if check == Check::OrdersWhole => {
                    vec![describe_entry(previous), describe_entry(entry)]
                }
                (Some(book), _) => book.history(entry),
                (None, _) => vec![describe_entry(entry)],
            };
            let of_order = match entry.order.filter(|_| entry.line.count() > 1) {
                Some(order) => format!("order {order}: "),
                None => String::new(),
            };
            let detail = format!("{of_order}item {item}: entry {seq}: {violation}");
            self.findings.add(check, detail, history);
        }
        let Some(state) = self.checker.book(item) else {
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

    /// Removes the acknowledged changes up to an entry from the history and returns the one that the entry records. Any
    /// other one is missing in the ledger.
    fn take_changes(&mut self, entry: &Entry, history: &mut ChangeHistory) -> Option<ChangeRecord> {
        let mut found = None;
        while let Some(change) = history.next_until(entry.seq) {
            self.check_real_time(&change);
            let order = self.run_id.order(change.key);
            if change.seq == entry.seq && entry.order == Some(order) && found.is_none() {
                found = Some(change);
            } else {
                let contradiction = (change.seq == entry.seq).then(|| describe_entry(entry));
                self.report_missing(&change, contradiction);
            }
        }
        found
    }

    /// Reports a change without its entry; `contradiction` describes the entry in its place.
    fn report_missing(&mut self, change: &ChangeRecord, contradiction: Option<String>) {
        let check = check_of(change);
        self.findings.count(check, 1);
        let order = self.run_id.order(change.key);
        let detail = format!(
            "order {order} was acknowledged, but is not in the ledger as entry {}",
            change.seq
        );
        let history = [change.describe()].into_iter().chain(contradiction).collect();
        self.findings.add(check, detail, history);
    }

    fn check_real_time(&mut self, change: &ChangeRecord) {
        self.findings.count(Check::RealTimeOrder, 1);
        match self.latest {
            Some(latest) if change.answered_us < latest.invoked_us => {
                let detail = format!(
                    "entry {} was answered before entry {} was requested, but stands after it",
                    change.seq, latest.seq
                );
                let history = vec![latest.describe(), change.describe()];
                self.findings.add(Check::RealTimeOrder, detail, history);
            }
            Some(latest) if change.invoked_us <= latest.invoked_us => {}
            _ => self.latest = Some(*change),
        }
    }

    /// Checks an entry of this run against its request and its answer; counts an entry of another client.
    fn check_owner(&mut self, entry: &Entry, change: Option<&ChangeRecord>, history: &mut ChangeHistory) {
        let Some((order, key)) = entry.order.and_then(|order| Some((order, self.run_id.key(order)?))) else {
            self.others += 1;
            return;
        };
        self.findings.count(Check::AskedFor, 1);
        match change {
            Some(change) => self.check_change(entry, change),
            None => self.check_unacknowledged(entry, order, key, history),
        }
    }

    /// Compares an entry with the answer that acknowledged it.
    fn check_change(&mut self, entry: &Entry, change: &ChangeRecord) {
        let check = check_of(change);
        self.findings.count(check, 1);
        let order = self.run_id.order(change.key);
        let mut wrong = |check, why: &str| {
            let detail = format!("entry {} of order {order} {why}", entry.seq);
            self.findings
                .add(check, detail, vec![change.describe(), describe_entry(entry)]);
        };
        let is_same = match change.kind {
            ChangeKind::Sold(sold) => {
                if entry.line != sold.line {
                    let [is, acknowledged] = [entry.line, sold.line].map(describe_line);
                    wrong(
                        Check::OrdersWhole,
                        &format!("is {is}, but was acknowledged as {acknowledged}"),
                    );
                }
                if title_digest(entry.title.as_ref()) != sold.title {
                    wrong(check, "has another title than its receipt");
                }
                entry.kind == Kind::Sold && entry.quantity == Some(sold.quantity) && entry.unit_cost == sold.cost
            }
            ChangeKind::Restocked(copies) => entry.kind == Kind::Restocked && entry.change == i64::from(copies),
        };
        let is_same_stock = change.stock.is_none() || entry.stock_after == change.stock;
        if !is_same || entry.item != change.item || !is_same_stock {
            wrong(check, "is not what was acknowledged");
        }
    }

    /// Checks an entry with this run's id that no answer acknowledged.
    fn check_unacknowledged(&mut self, entry: &Entry, order: OrderId, key: OrderKey, history: &mut ChangeHistory) {
        let sender = key.describe();
        if entry.line.is_first() {
            self.unacknowledged = history.take_unknown(key).map(|lines| (key, lines));
        }
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
        let requested = self.unacknowledged.as_ref().filter(|(open, _)| *open == key);
        let Some((_, lines)) = requested else {
            return wrong(Check::AcknowledgedSales, "which another entry has decided already");
        };
        if usize::from(entry.line.count()) != lines.len() {
            let why = format!(
                "which requested {} lines, as {}",
                lines.len(),
                describe_line(entry.line)
            );
            return wrong(Check::OrdersWhole, &why);
        }
        let requested = lines.get(usize::from(entry.line.number()) - 1);
        // A restock has no quantity.
        let is_requested = |line: &OrderLine| {
            line.item == entry.item && (key.shopper == super::SHOPKEEPER || entry.quantity == Some(line.quantity))
        };
        if let Some(line) = requested.filter(|line| !is_requested(line)) {
            let why = format!("which requested {} of item {}", line.quantity, line.item);
            wrong(Check::AskedFor, &why);
        }
    }

    pub(super) fn record_end(&mut self, item: ItemNumber, stock: Stock, seq: Seq) {
        if let (Some(book), Some(expected)) = (self.books.get_mut(&item), self.checker.book(item)) {
            book.record_end(stock, seq, expected, &mut self.findings);
        }
    }

    /// Reports that the ledger ends before an entry that an answer named.
    pub(super) fn report_early_end(&mut self, seen: Seq) {
        let detail = format!("the ledger ends at entry {}, but entry {seen} was seen", self.last());
        self.findings.add(Check::LedgerInOrder, detail, Vec::new());
    }

    /// Ends the check at the end of the ledger: acknowledged changes beyond it are missing.
    pub(super) fn close(&mut self, history: &mut ChangeHistory) {
        while let Some(change) = history.next_until(Seq(u64::MAX)) {
            self.check_real_time(&change);
            self.report_missing(&change, None);
        }
        if let Some(violation) = self.checker.check_complete() {
            let last = self.previous.iter().map(describe_entry).collect();
            self.findings.add(Check::OrdersWhole, violation.to_string(), last);
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

fn check_of(change: &ChangeRecord) -> Check {
    match change.kind {
        ChangeKind::Sold(..) => Check::AcknowledgedSales,
        ChangeKind::Restocked(_) => Check::AcknowledgedRestocks,
    }
}

#[cfg(test)]
mod tests;
