//! The rules of one entry, given the book as the entries before it leave it.

use common::wire::Book;
use common::{Cost, Entry, Kind, Reason, Seq, Stock, limits};

use crate::Violation;

/// A book as it follows from the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookState {
    /// Copies left.
    pub stock: Stock,
    /// The price in force; absent if the ledger never stated one.
    pub cost: Option<Cost>,
    /// The entry that changed the book last.
    pub seq: Seq,
}

impl From<&Book> for BookState {
    fn from(book: &Book) -> Self {
        Self {
            stock: book.stock,
            cost: Some(book.cost),
            seq: book.seq,
        }
    }
}

impl BookState {
    /// The book after an entry, which is taken at its word even if it breaks a rule; `None` once it is withdrawn, and for
    /// an unknown book to which the entry gives no stock.
    pub fn after(before: Option<Self>, entry: &Entry) -> Option<Self> {
        match (entry.kind, entry.stock_after) {
            (Kind::Withdrawn, _) => None,
            (Kind::Refused, _) | (_, None) => before,
            (kind, Some(stock)) => Some(Self {
                stock,
                cost: match (kind, before) {
                    (Kind::Set, _) | (_, None) => entry.unit_cost,
                    (_, Some(before)) => before.cost,
                },
                seq: entry.seq,
            }),
        }
    }

    /// Compares a book of the catalog with the one that follows from the ledger. A `seq` of 0 is not compared: a catalog
    /// file does not say which entry changed a book last.
    pub fn check_book(ledger: Option<&Self>, book: &Book) -> Option<Violation> {
        let Some(ledger) = ledger else {
            return Some(Violation::MissingInLedger);
        };
        if ledger.stock != book.stock {
            Some(Violation::CatalogStock {
                catalog: book.stock,
                ledger: ledger.stock,
            })
        } else if ledger.cost != Some(book.cost) {
            Some(Violation::CatalogCost {
                catalog: book.cost,
                ledger: ledger.cost,
            })
        } else if ledger.seq != book.seq && book.seq > Seq::ZERO {
            Some(Violation::CatalogSeq {
                catalog: book.seq,
                ledger: ledger.seq,
            })
        } else {
            None
        }
    }
}

/// Checks that an entry follows the entry `last`.
pub fn check_sequence(last: Seq, entry: &Entry) -> Option<Violation> {
    let expected = last.next();
    (entry.seq != expected).then_some(Violation::OutOfSequence { expected })
}

/// Checks an entry against the book as it was before the entry; `None` if no book had the number.
pub fn check_entry(entry: &Entry, book: Option<&BookState>) -> Vec<Violation> {
    let before = book.map_or(Stock::ZERO, |book| book.stock);
    let violations = [
        check_stock(entry, book),
        check_fields(entry),
        check_refusal(entry, before),
        check_price(entry, book),
    ];
    // Most entries break no rule, and then this allocates nothing.
    violations.into_iter().flatten().collect()
}

fn check_stock(entry: &Entry, book: Option<&BookState>) -> Option<Violation> {
    let Entry {
        change, stock_after, ..
    } = *entry;
    let is_unknown_item = entry.kind == Kind::Refused && entry.reason == Some(Reason::UnknownItem);
    if is_unknown_item {
        return (book.is_some() || stock_after.is_some()).then_some(Violation::KnownBook);
    }
    let is_new = entry.kind == Kind::Set && entry.order.is_none();
    let before = match book {
        Some(book) => book.stock,
        None if is_new => Stock::ZERO,
        None => return Some(Violation::UnknownBook),
    };
    if i64::from(before.get()).saturating_add(change) < 0 {
        Some(Violation::NegativeStock { before, change })
    } else if stock_after.is_none() || before.checked_add_signed(change) != stock_after {
        Some(Violation::StockMismatch {
            before,
            change,
            stated: stock_after,
        })
    } else {
        None
    }
}

/// Checks the fields of an entry that its kind requires.
pub fn check_fields(entry: &Entry) -> Option<Violation> {
    let Entry { quantity, change, .. } = *entry;
    match entry.kind {
        Kind::Sold => {
            let quantity = quantity.filter(|copies| (1..=limits::QUANTITY_MAX).contains(copies));
            match (quantity, entry.order) {
                (Some(quantity), Some(_)) if i64::from(quantity) != change.saturating_neg() => {
                    Some(Violation::QuantityMismatch { quantity, change })
                }
                (Some(_), Some(_)) => reason_of_another_kind(entry),
                _ => Some(Violation::IncompleteSale),
            }
        }
        Kind::Refused if entry.order.is_none() || entry.reason.is_none() => Some(Violation::IncompleteRefusal),
        Kind::Refused => None,
        Kind::Restocked if entry.order.is_none() => Some(Violation::IncompleteRestock),
        Kind::Withdrawn if entry.stock_after != Some(Stock::ZERO) => Some(Violation::StockAfterWithdrawal),
        Kind::Restocked | Kind::Set | Kind::Withdrawn => reason_of_another_kind(entry),
    }
}

fn reason_of_another_kind(entry: &Entry) -> Option<Violation> {
    entry.reason.map(|_| Violation::UnexpectedReason)
}

fn check_refusal(entry: &Entry, stock: Stock) -> Option<Violation> {
    let Entry { change, quantity, .. } = *entry;
    match (entry.kind, entry.reason, quantity) {
        (Kind::Refused, ..) if change != 0 => Some(Violation::RefusalChangesStock { change }),
        // A refused stock change has no quantity.
        (Kind::Refused, Some(Reason::SoldOut), Some(quantity)) if quantity <= stock.get() => {
            Some(Violation::RefusedInStock { quantity, stock })
        }
        _ => None,
    }
}

/// A `set` without an id may change the price; every other entry repeats the price in force.
fn check_price(entry: &Entry, book: Option<&BookState>) -> Option<Violation> {
    let sets_price = entry.kind == Kind::Set && entry.order.is_none();
    let in_force = book.filter(|_| !sets_price)?.cost;
    (in_force != entry.unit_cost).then_some(Violation::PriceMismatch {
        stated: entry.unit_cost,
        in_force,
    })
}
