//! The rules of one entry, given the book before it.

use common::wire::Book;
use common::{ArcStr, Cost, Description, Entry, Kind, Reason, Seq, Stock};

use crate::Violation;

/// A book as it follows from the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookState {
    /// The number of copies.
    pub stock: Stock,
    /// The current price; `None` if the ledger has not stated one.
    pub cost: Option<Cost>,
    /// The number of the last entry that changed the book.
    pub seq: Seq,
    /// The current title; `None` if the ledger has not stated one.
    pub title: Option<ArcStr>,
    /// The topic and the other texts; `None` if and only if the title is.
    pub description: Option<Box<Description>>,
}

impl From<&Book> for BookState {
    fn from(book: &Book) -> Self {
        Self {
            stock: book.stock,
            cost: Some(book.cost),
            seq: book.seq,
            title: Some(book.title.clone()),
            description: Some(Box::new(book.description())),
        }
    }
}

impl BookState {
    /// The book after an entry, even if the entry breaks a rule. `None` after a withdrawal, and if the book is unknown and
    /// the entry states no stock.
    pub fn after(before: Option<Self>, entry: &Entry) -> Option<Self> {
        let stock = match (entry.kind, entry.stock_after) {
            (Kind::Withdrawn, _) => return None,
            (Kind::Refused, _) | (_, None) => return before,
            (_, Some(stock)) => stock,
        };
        let mut book = before.unwrap_or(Self {
            stock,
            cost: entry.unit_cost,
            seq: entry.seq,
            title: None,
            description: None,
        });
        (book.stock, book.seq) = (stock, entry.seq);
        if entry.kind == Kind::Set {
            book.cost = entry.unit_cost;
        }
        if entry.description.is_some() {
            book.title.clone_from(&entry.title);
            book.description.clone_from(&entry.description);
        }
        Some(book)
    }

    /// Compares a book of the catalog with the one that follows from the ledger. A `seq` of 0 is not compared, because a
    /// catalog file has no such column.
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
            ledger.check_description(book)
        }
    }

    fn check_description(&self, book: &Book) -> Option<Violation> {
        let catalog = book.description();
        let ledger = self.description.as_deref().map(Description::texts).unwrap_or_default();
        let title = ("title", (self.title.as_ref(), Some(&book.title)));
        let described = Description::COLUMNS
            .into_iter()
            .zip(ledger.into_iter().zip(catalog.texts()));
        let mut columns = std::iter::once(title).chain(described);
        let (column, (ledger, catalog)) = columns.find(|(_, (ledger, catalog))| ledger != catalog)?;
        Some(Violation::CatalogDescription {
            column,
            catalog: catalog.cloned(),
            ledger: ledger.cloned(),
        })
    }
}

/// Checks an entry against the book before it; `book` is `None` if no book has the number.
pub fn check_entry(entry: &Entry, book: Option<&BookState>) -> Vec<Violation> {
    let before = book.map_or(Stock::ZERO, |book| book.stock);
    let violations = [
        check_stock(entry, book),
        check_fields(entry),
        check_refusal(entry, before),
        check_price(entry, book),
        check_title(entry, book),
    ];
    // Without a violation this allocates nothing.
    violations.into_iter().flatten().collect()
}

fn check_stock(entry: &Entry, book: Option<&BookState>) -> Option<Violation> {
    let &Entry {
        change, stock_after, ..
    } = entry;
    let is_unknown_item = entry.kind == Kind::Refused && entry.reason == Some(Reason::UnknownItem);
    if is_unknown_item {
        return (book.is_some() || stock_after.is_some()).then_some(Violation::KnownBook);
    }
    let before = match book {
        Some(book) => book.stock,
        None if may_describe(entry) => Stock::ZERO,
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

/// Checks that an entry has the fields that its kind requires, and no others.
pub fn check_fields(entry: &Entry) -> Option<Violation> {
    let &Entry { quantity, change, .. } = entry;
    match entry.kind {
        Kind::Sold => match (quantity, entry.order) {
            (Some(quantity), Some(_)) if i64::from(quantity.get()) != change.saturating_neg() => {
                Some(Violation::QuantityMismatch { quantity, change })
            }
            (Some(_), Some(_)) => field_of_another_kind(entry),
            _ => Some(Violation::IncompleteSale),
        },
        Kind::Refused if entry.order.is_none() || entry.reason.is_none() => Some(Violation::IncompleteRefusal),
        Kind::Restocked if entry.order.is_none() => Some(Violation::IncompleteRestock),
        Kind::Withdrawn if entry.stock_after != Some(Stock::ZERO) => Some(Violation::StockAfterWithdrawal),
        Kind::Set if entry.description.is_some() && (entry.title.is_none() || entry.unit_cost.is_none()) => {
            Some(Violation::IncompleteDescription)
        }
        Kind::Refused | Kind::Restocked | Kind::Set | Kind::Withdrawn => field_of_another_kind(entry),
    }
}

fn field_of_another_kind(entry: &Entry) -> Option<Violation> {
    let has_title = match entry.kind {
        Kind::Sold | Kind::Refused => true,
        Kind::Set => entry.description.is_some(),
        Kind::Restocked | Kind::Withdrawn => false,
    };
    if entry.reason.is_some() && entry.kind != Kind::Refused {
        Some(Violation::UnexpectedReason)
    } else if (entry.title.is_some() && !has_title) || (entry.description.is_some() && entry.kind != Kind::Set) {
        Some(Violation::UnexpectedTitle)
    } else {
        None
    }
}

fn check_refusal(entry: &Entry, stock: Stock) -> Option<Violation> {
    let &Entry { change, quantity, .. } = entry;
    if entry.kind != Kind::Refused {
        return None;
    }
    if change != 0 {
        return Some(Violation::RefusalChangesStock { change });
    }
    // A refused stock change has no quantity.
    let quantity = quantity?;
    let is_enough = quantity.get() <= stock.get();
    match entry.reason {
        Some(Reason::SoldOut) if is_enough => Some(Violation::RefusedInStock { quantity, stock }),
        Some(Reason::WithOthers) if !is_enough => Some(Violation::RefusedOutOfStock { quantity, stock }),
        _ => None,
    }
}

/// Whether an entry may create a book or change more than its stock. In ledger format 1 a `set` entry without an id may do so
/// without a description.
fn may_describe(entry: &Entry) -> bool {
    entry.kind == Kind::Set && (entry.description.is_some() || entry.order.is_none())
}

/// Every entry that does not describe the book repeats the current price.
fn check_price(entry: &Entry, book: Option<&BookState>) -> Option<Violation> {
    let in_force = book.filter(|_| !may_describe(entry))?.cost;
    (in_force != entry.unit_cost).then_some(Violation::PriceMismatch {
        stated: entry.unit_cost,
        in_force,
    })
}

/// An order names the current title if the ledger has stated one. A new book and a new price need a description.
fn check_title(entry: &Entry, book: Option<&BookState>) -> Option<Violation> {
    match entry.kind {
        Kind::Sold | Kind::Refused => {
            let in_force = book.map(|book| book.title.as_ref());
            let is_wrong = match in_force {
                Some(Some(title)) => entry.title.as_ref() != Some(title),
                Some(None) => false,
                None => entry.title.is_some(),
            };
            is_wrong.then(|| Violation::TitleMismatch {
                stated: entry.title.clone(),
                in_force: in_force.flatten().cloned(),
            })
        }
        Kind::Set if entry.description.is_none() => {
            let is_known = book.is_some_and(|book| book.cost == entry.unit_cost);
            (!is_known).then_some(Violation::MissingDescription)
        }
        Kind::Set | Kind::Restocked | Kind::Withdrawn => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        Book::new(
            "2".parse().unwrap(),
            "Title".into(),
            Description::new("topic"),
            Cost::default(),
            Stock::ZERO,
            Seq(4),
        )
    }

    #[test]
    fn a_number_of_the_catalog_that_the_ledger_does_not_state_is_found() {
        let (catalog, ledger) = (book(), BookState::from(&book()));
        let found = |change: fn(&mut Book)| {
            let mut changed = catalog.clone();
            change(&mut changed);
            BookState::check_book(Some(&ledger), &changed)
        };
        let stock = found(|book| book.stock = Stock::try_from(1).unwrap());
        assert!(matches!(stock, Some(Violation::CatalogStock { .. })), "{stock:?}");
        let cost = found(|book| book.cost = "0.01".parse().unwrap());
        assert!(matches!(cost, Some(Violation::CatalogCost { .. })), "{cost:?}");
        for seq in [3, 5] {
            let seq = BookState::check_book(
                Some(&ledger),
                &Book {
                    seq: Seq(seq),
                    ..book()
                },
            );
            assert!(matches!(seq, Some(Violation::CatalogSeq { .. })), "{seq:?}");
        }
        assert_eq!(found(|book| book.seq = Seq::ZERO), None, "a catalog file has no seq");
        assert_eq!(BookState::check_book(None, &catalog), Some(Violation::MissingInLedger));
    }

    #[test]
    fn a_text_of_the_catalog_that_the_ledger_does_not_state_is_found() {
        let (book, ledger) = (book(), BookState::from(&book()));
        assert_eq!(BookState::check_book(Some(&ledger), &book), None);
        for column in Description::COLUMNS {
            let mut texts = book.description().texts().map(Option::<&ArcStr>::cloned);
            let (_, text) = Description::COLUMNS
                .iter()
                .zip(&mut texts)
                .find(|(name, _)| **name == column)
                .unwrap();
            *text = Some("another".into());
            let description = Description::from_texts(texts).unwrap().unwrap();
            let changed = Book::new(
                book.item,
                book.title.clone(),
                description,
                book.cost,
                book.stock,
                book.seq,
            );
            match BookState::check_book(Some(&ledger), &changed) {
                Some(Violation::CatalogDescription { column: found, .. }) => assert_eq!(found, column),
                other => panic!("{other:?}"),
            }
        }
    }
}
