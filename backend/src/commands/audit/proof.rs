//! The books as the ledger alone gives them, and every place where it does not add up.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};

use common::wire::Book;
use common::{Cost, Entry, ItemNumber, Kind, OrderId, Reason, Seq, Stock, limits};
use sha2::{Digest as _, Sha256};

use crate::store;

/// How many violations are told in full.
const TOLD_MAX: usize = 20;

/// One place where the store does not follow from its ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Violation {
    seq: Seq,
    item: Option<ItemNumber>,
    what: String,
}

impl Violation {
    /// About no book in particular.
    pub(super) fn at(seq: Seq, what: String) -> Self {
        Self { seq, item: None, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}", self.seq)?;
        if let Some(item) = self.item {
            write!(f, ", book {item}")?;
        }
        write!(f, ": {}", self.what)
    }
}

#[derive(Debug, Clone, Copy)]
struct Shelf {
    stock: Stock,
    cost: Option<Cost>,
    seq: Seq,
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    sold: u64,
    copies: u64,
    takings_cents: u64,
    refused: u64,
    restocked: u64,
    set: u64,
    withdrawn: u64,
}

/// A proof under way.
#[derive(Debug)]
pub(super) struct Proof {
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

/// What was proved.
#[derive(Debug)]
pub(in crate::commands) struct Proven {
    /// The last entry.
    pub(in crate::commands) head: Seq,
    /// SHA-256 over the entries, a line of JSON each, as the catalog's `GET /ledger` shows them.
    pub(in crate::commands) digest: String,
    books: usize,
    totals: Totals,
    remarks: Vec<String>,
    /// The first ones.
    violations: Vec<Violation>,
    violated: u64,
}

impl Proof {
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

    /// Follows the ledger by an entry. One that is wrong is taken at its word, so that it is told once and not with every
    /// later one.
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
            self.violate(Violation {
                seq: entry.seq,
                item: Some(entry.item),
                what,
            });
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
            self.violate(Violation {
                seq: shelf.map_or(at, |shelf| shelf.seq),
                item: Some(book.item),
                what,
            });
        }
        let lost = self.shelves.iter().filter(|(item, _)| !found.contains(item));
        let lost: Vec<Violation> = lost
            .map(|(&item, shelf)| Violation {
                seq: shelf.seq,
                item: Some(item),
                what: "the ledger has it, the catalog does not".to_owned(),
            })
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
            self.violate(Violation {
                seq: entry.seq,
                item: Some(entry.item),
                what: format!("the order {order} was decided by the entry {first} already"),
            });
        } else {
            self.first.insert(order, entry.seq);
        }
    }

    /// The result.
    pub(super) fn end(mut self, remarks: Vec<String>) -> Proven {
        self.violations.sort_by_key(|violation| violation.seq);
        Proven {
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

fn told(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// What is wrong with an entry, given the book as it stood before it.
fn faults(entry: &Entry, shelf: Option<Shelf>) -> Vec<String> {
    let mut faults = Vec::new();
    let before = shelf.map_or(Stock::NONE, |shelf| shelf.stock);
    let is_new = entry.kind == Kind::Set && entry.order.is_none();
    let is_unknown = entry.kind == Kind::Refused && entry.reason == Some(Reason::UnknownItem);
    if shelf.is_none() && !is_new && !is_unknown {
        faults.push("there is no such book".to_owned());
    } else if is_unknown {
        if shelf.is_some() || entry.stock_after.is_some() || entry.change != 0 {
            faults.push("it says that there is no such book, but there is".to_owned());
        }
    } else if entry.stock_after.is_none() || before.changed_by(entry.change) != entry.stock_after {
        let after = told(entry.stock_after);
        faults.push(format!(
            "the stock after it is {after}, which {before} changed by {} is not",
            entry.change
        ));
    }
    faults.extend(columns(entry, before).map(str::to_owned));
    let keeps_cost = entry.kind != Kind::Set || entry.order.is_some();
    if let Some(shelf) = shelf.filter(|shelf| keeps_cost && shelf.cost != entry.unit_cost) {
        let (paid, cost) = (told(entry.unit_cost), told(shelf.cost));
        faults.push(format!("a copy is said to have cost {paid}, but it cost {cost} then"));
    }
    faults
}

/// What is wrong with the columns of an entry among themselves.
fn columns(entry: &Entry, before: Stock) -> Option<&'static str> {
    let quantity = entry.quantity;
    let is_order = quantity.is_some_and(|copies| (1..=limits::QUANTITY_MAX).contains(&copies));
    match entry.kind {
        Kind::Sold if entry.order.is_none() || !is_order => Some("a sale has an order and a quantity"),
        Kind::Sold if quantity.map(i64::from) != Some(-entry.change) => {
            Some("the stock changed by other than the quantity")
        }
        Kind::Refused if entry.order.is_none() || entry.reason.is_none() => Some("a refusal has an order and a reason"),
        Kind::Refused if entry.change != 0 => Some("a refusal changes no stock"),
        Kind::Refused
            if entry.reason == Some(Reason::SoldOut) && quantity.is_some_and(|copies| copies <= before.get()) =>
        {
            Some("it was refused for want of copies that were there")
        }
        Kind::Restocked if entry.order.is_none() => Some("a restock has an id"),
        Kind::Withdrawn if entry.stock_after != Some(Stock::NONE) => Some("a withdrawn book leaves no stock"),
        kind if kind != Kind::Refused && entry.reason.is_some() => Some("only a refusal has a reason"),
        _ => None,
    }
}

impl Proven {
    /// A store that cannot even be read.
    pub(super) fn damaged(head: Seq, error: &store::Error) -> Self {
        let mut proof = Proof::new(Seq::ZERO);
        proof.violate(Violation::at(head, error.to_string()));
        proof.end(Vec::new())
    }

    /// Whether nothing is wrong.
    pub(in crate::commands) fn is_clean(&self) -> bool {
        self.violated == 0
    }

    /// `clean` or `violated`.
    pub(in crate::commands) fn verdict(&self) -> &'static str {
        if self.is_clean() { "clean" } else { "violated" }
    }

    /// For people.
    pub(super) fn text(&self, store: &store::Url) -> String {
        let Totals {
            sold,
            copies,
            takings_cents,
            refused,
            restocked,
            set,
            withdrawn,
        } = self.totals;
        let mut text = format!("{}: {store}", self.verdict());
        for violation in &self.violations {
            let _ = write!(text, "\n  {violation}");
        }
        let more = self.violated.saturating_sub(self.violations.len() as u64);
        if more > 0 {
            let _ = write!(text, "\n  and {more} more");
        }
        let (entries, books) = (self.head, self.books);
        let (units, cents) = (takings_cents / 100, takings_cents % 100);
        let _ = write!(
            text,
            "\n{entries} entries, {books} books: {sold} sold ({copies} copies for {units}.{cents:02}), {refused} refused, \
             {restocked} restocked, {set} set, {withdrawn} withdrawn\nledger {}",
            self.digest
        );
        for remark in &self.remarks {
            let _ = write!(text, "\nnote: {remark}");
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self, store: &store::Url) -> serde_json::Value {
        let totals = self.totals;
        let violations = self.violations.iter();
        let violations: Vec<_> = violations
            .map(|violation| {
                let mut json = serde_json::json!({"seq": violation.seq, "what": violation.what});
                if let Some(item) = violation.item {
                    json["item"] = item.get().into();
                }
                json
            })
            .collect();
        serde_json::json!({
            "verdict": self.verdict(), "store": store.to_string(), "entries": self.head, "books": self.books,
            "sold": totals.sold, "copies": totals.copies, "refused": totals.refused, "restocked": totals.restocked,
            "set": totals.set, "withdrawn": totals.withdrawn, "digest": self.digest, "remarks": self.remarks,
            "violated": self.violated, "violations": violations,
        })
    }
}
