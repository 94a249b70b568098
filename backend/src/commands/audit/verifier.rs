//! The books as the ledger alone gives them, and every place where it does not add up.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use common::wire::Book;
use common::{Entry, ItemNumber, Kind, OrderId, Seq};
use sha2::{Digest as _, Sha256};

use super::report::{AuditReport, Totals, Violation};
use super::rules::{Shelf, faults, told};

/// How many violations are told in full.
const TOLD_MAX: usize = 20;

/// A proof under way.
#[derive(Debug)]
pub(super) struct Verifier {
    head: Seq,
    shelves: HashMap<ItemNumber, Shelf>,
    orders: Vec<u128>,
    /// Where a doubled order came first, once they are looked for.
    first: HashMap<OrderId, Seq>,
    totals: Totals,
    digest: Sha256,
    line: Vec<u8>,
    violations: Vec<Violation>,
    violated: u64,
}

impl Verifier {
    /// Of a ledger that ends with `head`.
    pub(super) fn new(head: Seq) -> Self {
        Self {
            head: Seq::ZERO,
            shelves: HashMap::new(),
            orders: Vec::with_capacity(usize::try_from(head.0).unwrap_or_default()),
            first: HashMap::new(),
            totals: Totals::default(),
            digest: Sha256::new(),
            line: Vec::new(),
            violations: Vec::new(),
            violated: 0,
        }
    }

    /// Notes what is wrong.
    pub(super) fn violate(&mut self, violation: Violation) {
        self.violated += 1;
        if self.violations.len() < TOLD_MAX {
            self.violations.push(violation);
        }
    }

    /// Follows the ledger by an entry. One that is wrong is taken at its word, so that it is told once and not with
    /// every later one.
    pub(super) fn take(&mut self, entry: &Entry) {
        let expected = self.head.next();
        if entry.seq != expected {
            self.violate(Violation::at(
                entry.seq,
                format!("it stands where the entry {expected} should"),
            ));
        }
        self.head = entry.seq;
        if let Some(order) = entry.order {
            let (high, low) = order.as_u64_pair();
            self.orders.push((u128::from(high) << 64) | u128::from(low));
        }
        self.digest(entry);
        let shelf = self.shelves.get(&entry.item).copied();
        for what in faults(entry, shelf) {
            self.violate(Violation::of(entry.seq, entry.item, what));
        }
        self.count(entry);
        self.apply(entry, shelf);
    }

    fn digest(&mut self, entry: &Entry) {
        self.line.clear();
        // Writing into memory does not fail.
        let _ = serde_json::to_writer(&mut self.line, entry);
        self.line.push(b'\n');
        self.digest.update(&self.line);
    }

    fn count(&mut self, entry: &Entry) {
        let totals = &mut self.totals;
        match entry.kind {
            Kind::Sold => {
                let (quantity, cost) = (entry.quantity.unwrap_or_default(), entry.unit_cost.unwrap_or_default());
                totals.sold += 1;
                totals.copies += u64::from(quantity);
                totals.takings_cents = totals
                    .takings_cents
                    .saturating_add(u64::from(quantity) * u64::from(cost.cents()));
            }
            Kind::Refused => totals.refused += 1,
            Kind::Restocked => totals.restocked += 1,
            Kind::Set => totals.set += 1,
            Kind::Withdrawn => totals.withdrawn += 1,
        }
    }

    fn apply(&mut self, entry: &Entry, shelf: Option<Shelf>) {
        let seq = entry.seq;
        match (entry.kind, entry.stock_after) {
            (Kind::Refused, _) => {}
            (Kind::Withdrawn, _) => {
                self.shelves.remove(&entry.item);
            }
            (kind, Some(stock)) => {
                let cost = match kind {
                    Kind::Set => entry.unit_cost,
                    _ => shelf.and_then(|shelf| shelf.cost),
                };
                self.shelves.insert(entry.item, Shelf { stock, cost, seq });
            }
            (_, None) => {}
        }
    }

    /// Holds the books against those of the store, as they are to stand after the entry `at`.
    pub(super) fn compare(&mut self, books: &[Book], at: Seq) {
        let mut found = HashSet::with_capacity(books.len());
        for book in books {
            found.insert(book.item);
            let shelf = self.shelves.get(&book.item).copied();
            let what = match shelf {
                None => "the catalog has it, the ledger does not".to_owned(),
                Some(shelf) if shelf.stock != book.stock => {
                    format!("the catalog has a stock of {}, the ledger {}", book.stock, shelf.stock)
                }
                Some(shelf) if shelf.cost != Some(book.cost) => {
                    format!(
                        "the catalog has a cost of {}, the ledger {}",
                        book.cost,
                        told(shelf.cost)
                    )
                }
                // A catalog file does not say which entry changed a book last.
                Some(shelf) if shelf.seq != book.seq && book.seq > Seq::ZERO => {
                    format!("the catalog says that the entry {} changed it last", book.seq)
                }
                Some(_) => continue,
            };
            let seq = shelf.map_or(at, |shelf| shelf.seq);
            self.violate(Violation::of(seq, book.item, what));
        }
        let lost = self.shelves.iter().filter(|(item, _)| !found.contains(item));
        let lost: Vec<Violation> = lost
            .map(|(&item, shelf)| Violation::of(shelf.seq, item, "the ledger has it, the catalog does not".to_owned()))
            .collect();
        lost.into_iter().for_each(|violation| self.violate(violation));
    }

    /// The orders that more than one entry claims to have decided.
    pub(super) fn doubled_orders(&mut self) -> HashSet<OrderId> {
        self.orders.sort_unstable();
        let pairs = self.orders.windows(2).filter(|pair| pair[0] == pair[1]);
        let doubled = pairs.map(|pair| OrderId::from(uuid::Uuid::from_u128(pair[0])));
        doubled.collect()
    }

    /// Looks at every entry again, for those of doubled orders.
    pub(super) fn find_double(&mut self, doubled: &HashSet<OrderId>, entry: &Entry) {
        let Some(order) = entry.order.filter(|order| doubled.contains(order)) else {
            return;
        };
        if let Some(&first) = self.first.get(&order) {
            let what = format!("the order {order} was decided by the entry {first} already");
            self.violate(Violation::of(entry.seq, entry.item, what));
        } else {
            self.first.insert(order, entry.seq);
        }
    }

    /// The result.
    pub(super) fn end(mut self, remarks: Vec<String>) -> AuditReport {
        self.violations.sort_by_key(|violation| violation.seq);
        AuditReport {
            head: self.head,
            digest: self
                .digest
                .finalize()
                .iter()
                .fold("sha256:".to_owned(), |mut text, byte| {
                    // Writing into memory does not fail.
                    let _ = write!(text, "{byte:02x}");
                    text
                }),
            books: self.shelves.len(),
            totals: self.totals,
            remarks,
            violations: self.violations,
            violated: self.violated,
        }
    }
}

#[cfg(test)]
mod tests {
    use common::{Cost, Reason, Stock, Timestamp};

    use super::*;

    fn entry(seq: u64, kind: Kind, change: i64, after: u64) -> Entry {
        let is_ordered = !matches!(kind, Kind::Set | Kind::Withdrawn);
        Entry {
            seq: Seq(seq),
            at: Timestamp::from_micros(0),
            kind,
            item: ItemNumber::try_from(1).unwrap(),
            quantity: match kind {
                Kind::Sold => u32::try_from(-change).ok(),
                Kind::Refused => Some(9),
                _ => None,
            },
            change,
            stock_after: Stock::try_from(after).ok(),
            order: is_ordered.then(|| uuid::Uuid::from_u128(u128::from(seq)).into()),
            unit_cost: Cost::try_from(4_000).ok(),
            reason: (kind == Kind::Refused).then_some(Reason::SoldOut),
        }
    }

    fn history() -> Vec<Entry> {
        let set_by_hand = Entry {
            order: Some(uuid::Uuid::from_u128(6).into()),
            ..entry(6, Kind::Set, 1, 10)
        };
        let unknown = Entry {
            item: ItemNumber::try_from(2).unwrap(),
            stock_after: None,
            unit_cost: None,
            reason: Some(Reason::UnknownItem),
            ..entry(7, Kind::Refused, 0, 0)
        };
        let dearer = Entry {
            unit_cost: Cost::try_from(5_000).ok(),
            ..entry(8, Kind::Set, 0, 10)
        };
        let sold = Entry {
            unit_cost: dearer.unit_cost,
            ..entry(9, Kind::Sold, -10, 0)
        };
        vec![
            entry(1, Kind::Set, 5, 5),
            entry(2, Kind::Sold, -2, 3),
            entry(3, Kind::Refused, 0, 3),
            entry(4, Kind::Restocked, 7, 10),
            entry(5, Kind::Restocked, -1, 9),
            set_by_hand,
            unknown,
            dearer,
            sold,
        ]
    }

    fn prove(entries: &[Entry]) -> AuditReport {
        let mut proof = Verifier::new(Seq(entries.len() as u64));
        entries.iter().for_each(|entry| proof.take(entry));
        let doubled = proof.doubled_orders();
        entries.iter().for_each(|entry| proof.find_double(&doubled, entry));
        proof.end(Vec::new())
    }

    #[test]
    fn a_sound_history_is_clean() {
        let proven = prove(&history());
        assert!(proven.is_clean(), "{:?}", proven.violations);
        assert_eq!((proven.totals.copies, proven.totals.takings_cents), (12, 58_000));
    }

    #[test]
    fn every_single_change_of_an_entry_is_found_where_it_is() {
        type Change = fn(&mut Entry);
        let changes: [(u64, Change); 16] = [
            (2, |entry| entry.stock_after = Stock::try_from(4).ok()),
            (2, |entry| entry.stock_after = None),
            (2, |entry| entry.change = -1),
            (2, |entry| entry.quantity = Some(3)),
            (2, |entry| entry.quantity = None),
            (2, |entry| entry.order = None),
            (2, |entry| entry.unit_cost = Cost::try_from(1).ok()),
            (2, |entry| entry.unit_cost = None),
            (2, |entry| entry.item = ItemNumber::try_from(3).unwrap()),
            (2, |entry| entry.reason = Some(Reason::SoldOut)),
            (3, |entry| entry.quantity = Some(3)),
            (3, |entry| entry.reason = None),
            (3, |entry| entry.reason = Some(Reason::UnknownItem)),
            (4, |entry| entry.order = None),
            (6, |entry| entry.unit_cost = Cost::try_from(1).ok()),
            (7, |entry| entry.item = ItemNumber::try_from(1).unwrap()),
        ];
        for (number, (seq, change)) in changes.into_iter().enumerate() {
            let mut entries = history();
            change(entries.iter_mut().find(|entry| entry.seq == Seq(seq)).unwrap());
            let proven = prove(&entries);
            assert_eq!(proven.violations[0].seq, Some(Seq(seq)), "change {number}");
        }
    }

    #[test]
    fn a_gap_a_doubled_order_and_a_sale_of_a_withdrawn_book_are_found() {
        let mut gap = history();
        gap.remove(6);
        assert_eq!(prove(&gap).violations[0].seq, Some(Seq(8)));
        let mut doubled = history();
        doubled[8].order = doubled[1].order;
        let proven = prove(&doubled);
        assert_eq!((proven.violated, proven.violations[0].seq), (1, Some(Seq(9))));
        let mut withdrawn = history();
        withdrawn[7] = entry(8, Kind::Withdrawn, -10, 0);
        assert_eq!(prove(&withdrawn).violations[0].seq, Some(Seq(9)));
    }

    #[test]
    fn many_violations_are_counted_and_the_first_ones_told() {
        let mut proof = Verifier::new(Seq::ZERO);
        for seq in 1..=100 {
            proof.take(&entry(seq, Kind::Sold, -1, 7));
        }
        let proven = proof.end(Vec::new());
        assert_eq!((proven.violations.len(), proven.violations[0].seq), (20, Some(Seq(1))));
        assert!(proven.violated >= 100);
    }
}
