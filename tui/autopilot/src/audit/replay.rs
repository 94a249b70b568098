//! The ledger, replayed: every entry is held against the shelves as they must be by the entries before it, and against what
//! the shoppers were told. One pass, in order, each entry once; no clock and no network.
//!
//! Because the ledger is one order of everything, replaying it as a sequence of purchases proves them linearizable
//! (Herlihy and Wing 1990), if that order also respects real time: who was answered before another asked stands first.

use std::collections::HashMap;

use common::{Entry, ItemNumber, Kind, OrderId, Seq, Stock};

use super::book::Book;
use super::history::History;
use super::key::{Key, Run};
use super::operation::{Kind as OperationKind, OperationRecord};
use super::{Check, Findings};
use crate::sample::BookSample;

/// The state of the replay.
#[derive(Debug)]
pub(super) struct Replay {
    run: Run,
    books: HashMap<ItemNumber, Book>,
    /// The last entry that was replayed.
    last: Seq,
    /// Of the acts so far, the one that was asked for last.
    latest: Option<OperationRecord>,
    others: u64,
    pub(super) findings: Findings,
}

impl Replay {
    /// From a shelf as it was read at the start.
    pub(super) fn new(run: Run, sample: &BookSample) -> Self {
        let books = sample.books.iter().map(|book| (book.item, Book::from(book)));
        Self {
            run,
            books: books.collect(),
            last: sample.head,
            latest: None,
            others: 0,
            findings: Findings::default(),
        }
    }

    /// The last entry that was replayed.
    pub(super) fn last(&self) -> Seq {
        self.last
    }

    /// Entries of other people's.
    pub(super) fn others(&self) -> u64 {
        self.others
    }

    /// What was added to each book other than by sales.
    pub(super) fn restocked(&self) -> impl Iterator<Item = (ItemNumber, i64)> {
        self.books.iter().map(|(item, book)| (*item, book.restocked))
    }

    /// Replays an entry. What was acknowledged up to it is in the history.
    pub(super) fn follow(&mut self, entry: &Entry, history: &mut History) {
        self.check_order(entry);
        let act = self.take_acts(entry, history);
        self.check_owner(entry, act.as_ref(), history);
        self.check_book(entry);
        self.last = self.last.max(entry.seq);
    }

    fn check_order(&mut self, entry: &Entry) {
        self.findings.count(Check::LedgerInOrder, 1);
        if entry.seq != self.last.next() {
            let detail = format!("entry {} comes after entry {}", entry.seq, self.last);
            self.findings.add(Check::LedgerInOrder, detail, vec![tell(entry)]);
        }
    }

    /// Takes the acts up to an entry: the one that it is, and those that are none of the ledger's.
    fn take_acts(&mut self, entry: &Entry, history: &mut History) -> Option<OperationRecord> {
        let mut found = None;
        while let Some(act) = history.next_until(entry.seq) {
            self.check_real_time(&act);
            let order = self.run.order(act.key);
            if act.seq == entry.seq && entry.order == Some(order) && found.is_none() {
                found = Some(act);
            } else {
                let there = (act.seq == entry.seq).then(|| tell(entry));
                self.missing(&act, there);
            }
        }
        found
    }

    /// An act without its entry.
    pub(super) fn missing(&mut self, act: &OperationRecord, there: Option<String>) {
        let check = check_of(act);
        self.findings.count(check, 1);
        let order = self.run.order(act.key);
        let detail = format!(
            "order {order} was acknowledged and is not in the ledger as entry {}",
            act.seq
        );
        self.findings
            .add(check, detail, [act.tell()].into_iter().chain(there).collect());
    }

    fn check_real_time(&mut self, act: &OperationRecord) {
        self.findings.count(Check::RealTimeOrder, 1);
        match self.latest {
            Some(latest) if act.answered_us < latest.invoked_us => {
                let detail = format!(
                    "entry {} was answered before entry {} was asked for, and stands after it",
                    act.seq, latest.seq
                );
                self.findings
                    .add(Check::RealTimeOrder, detail, vec![latest.tell(), act.tell()]);
            }
            Some(latest) if act.invoked_us <= latest.invoked_us => {}
            _ => self.latest = Some(*act),
        }
    }

    /// Whose an entry is, and whether it is what was asked for and told.
    fn check_owner(&mut self, entry: &Entry, act: Option<&OperationRecord>, history: &mut History) {
        let Some((order, key)) = entry.order.and_then(|order| Some((order, self.run.key(order)?))) else {
            self.others += 1;
            return;
        };
        self.findings.count(Check::AskedFor, 1);
        match act {
            Some(act) => self.check_act(entry, act),
            None => self.check_unacknowledged(entry, order, key, history),
        }
    }

    /// An entry against what was acknowledged of it.
    fn check_act(&mut self, entry: &Entry, act: &OperationRecord) {
        let check = check_of(act);
        self.findings.count(check, 1);
        let is_same = match act.kind {
            OperationKind::Sold(quantity, cost) => {
                entry.kind == Kind::Sold && entry.quantity == Some(quantity.get()) && entry.unit_cost == cost
            }
            OperationKind::Restocked(copies) => entry.kind == Kind::Restocked && entry.change == i64::from(copies),
        };
        let is_same_stock = act.stock.is_none() || entry.stock_after == act.stock;
        if !is_same || entry.item != act.item || !is_same_stock {
            let detail = format!("entry {} is not what was acknowledged", entry.seq);
            self.findings.add(check, detail, vec![act.tell(), tell(entry)]);
        }
    }

    /// An entry with this run's mark that nobody was told of as such.
    fn check_unacknowledged(&mut self, entry: &Entry, order: OrderId, key: Key, history: &mut History) {
        let whose = key.tell();
        let mut wrong = |check, why: &str| {
            let detail = format!("entry {} says {} for {whose} ({order}), {why}", entry.seq, entry.kind);
            self.findings.add(check, detail, vec![tell(entry)]);
        };
        if !history.was_asked(key) {
            return wrong(Check::AskedFor, "who never asked for it");
        }
        if history.was_refused(key) {
            if entry.kind != Kind::Refused {
                wrong(Check::RefusalsStand, "who was told that it is refused");
            }
            return;
        }
        match history.settle(key) {
            Some(asked) if key.shopper == super::SHOPKEEPER || entry.kind == Kind::Refused => {
                if entry.item != asked.item {
                    wrong(Check::AskedFor, &format!("who asked for item {}", asked.item));
                }
            }
            Some(asked) if (entry.item, entry.quantity) != (asked.item, Some(asked.quantity.get())) => {
                wrong(
                    Check::AskedFor,
                    &format!("who asked for {} of item {}", asked.quantity, asked.item),
                );
            }
            Some(_) => {}
            None => wrong(
                Check::AcknowledgedSales,
                "whose order another entry has decided already",
            ),
        }
    }

    /// An entry against the shelf.
    fn check_book(&mut self, entry: &Entry) {
        if entry.kind == Kind::Withdrawn {
            self.books.remove(&entry.item);
        } else if let Some(book) = self.books.get_mut(&entry.item) {
            book.follow(entry, &mut self.findings);
        } else if let Some(met) = Book::met(entry) {
            self.books.insert(entry.item, met);
        }
    }

    /// Notes a book as it was read at the end.
    pub(super) fn ends(&mut self, item: ItemNumber, stock: Stock, seq: Seq) {
        if let Some(book) = self.books.get_mut(&item) {
            book.ends(stock, seq, &mut self.findings);
        }
    }

    /// The ledger ends before an entry of which an answer told. It was asked for nothing older, so it cannot be held back.
    pub(super) fn ends_early(&mut self, seen: Seq) {
        let detail = format!("the ledger ends at entry {}, and entry {seen} was seen", self.last);
        self.findings.add(Check::LedgerInOrder, detail, Vec::new());
    }

    /// Closes the replay: what was acknowledged beyond the ledger's end is not in it.
    pub(super) fn close(&mut self, history: &mut History) {
        while let Some(act) = history.next_until(Seq(u64::MAX)) {
            self.check_real_time(&act);
            self.missing(&act, None);
        }
        let unread: Vec<_> = self
            .books
            .iter()
            .filter_map(|(item, book)| Some((*item, book.end?)))
            .collect();
        for (item, (stock, seq)) in unread {
            let detail = format!("item {item} has {stock} as of entry {seq}, and the ledger has no such entry of it");
            self.findings.add(Check::StockAddsUp, detail, Vec::new());
        }
    }
}

fn check_of(act: &OperationRecord) -> Check {
    match act.kind {
        OperationKind::Sold(..) => Check::AcknowledgedSales,
        OperationKind::Restocked(_) => Check::AcknowledgedRestocks,
    }
}

/// An entry in words, as a line of a history.
pub(super) fn tell(entry: &Entry) -> String {
    let mut line = format!("entry {}: {}", entry.seq, entry.kind);
    if let Some(quantity) = entry.quantity {
        line += &format!(" {quantity}");
    }
    line += &format!(" of item {}, change {}", entry.item, entry.change);
    if let Some(stock) = entry.stock_after {
        line += &format!(", stock {stock}");
    }
    if let Some(cost) = entry.unit_cost {
        line += &format!(", cost {cost}");
    }
    if let Some(order) = entry.order {
        line += &format!(", order {order}");
    }
    line
}

#[cfg(test)]
mod tests;
