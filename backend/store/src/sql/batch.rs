//! The total effect of a batch on the table of books.

use std::collections::BTreeMap;

use common::wire::Book;
use common::{Entry, ItemNumber, Kind, Seq, Stock};

use super::row::{item_column, seq_column};
use crate::Error;
use crate::batch::check_batch;

/// Consecutive entries and their total effect on the books.
#[derive(Debug)]
pub(crate) struct SqlBatch<'a> {
    /// The number of the last entry before the batch.
    pub(crate) head: Seq,
    pub(crate) entries: &'a [Entry],
    /// One delta for each book of which only the stock changes, by item number.
    pub(crate) deltas: Vec<StockDelta>,
    /// The books that are new or have a new description.
    pub(crate) described: Vec<Book>,
    /// The numbers of the withdrawn books.
    pub(crate) removed: Vec<i64>,
}

/// The total effect of a batch on the stock of one book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StockDelta {
    pub(crate) item: i64,
    /// The sum of the entries' changes.
    pub(crate) change: i64,
    /// The stock after the last entry; −1, which is no valid stock, if it does not follow from the entries.
    pub(crate) stock: i64,
    /// The number of the last entry.
    pub(crate) seq: i64,
}

enum Effect {
    Stock(StockDelta),
    Described(Book),
    Removed,
}

impl Effect {
    /// The effect of an entry that changes only the stock, after an earlier effect.
    fn add(earlier: Option<Self>, entry: &Entry) -> Self {
        let (change, stock) = match earlier {
            Some(Self::Described(book)) if book.stock.checked_add_signed(entry.change) == entry.stock_after => {
                return Self::Described(Book {
                    stock: entry.stock_after.unwrap_or(book.stock),
                    seq: entry.seq,
                    ..book
                });
            }
            Some(Self::Stock(delta)) => (delta.change, entry.stock_after),
            None => (0, entry.stock_after),
            Some(Self::Described(_) | Self::Removed) => (0, None),
        };
        Self::Stock(StockDelta {
            item: item_column(entry.item),
            change: change.saturating_add(entry.change),
            stock: stock.map_or(-1, |stock: Stock| stock.get().into()),
            seq: seq_column(entry.seq),
        })
    }
}

impl<'a> SqlBatch<'a> {
    /// Checks the entries and combines their effects.
    ///
    /// # Errors
    /// Those of [`check_batch`].
    pub(crate) fn new(head: Seq, entries: &'a [Entry]) -> Result<Self, Error> {
        check_batch(head, entries)?;
        let mut effects: BTreeMap<ItemNumber, Effect> = BTreeMap::new();
        for entry in entries {
            let effect = match (entry.kind, entry.described()) {
                (Kind::Refused, _) => continue,
                (Kind::Withdrawn, _) => Effect::Removed,
                (_, Some(book)) => Effect::Described(book),
                (_, None) => Effect::add(effects.remove(&entry.item), entry),
            };
            effects.insert(entry.item, effect);
        }
        let mut batch = Self {
            head,
            entries,
            deltas: Vec::new(),
            described: Vec::new(),
            removed: Vec::new(),
        };
        for (item, effect) in effects {
            match effect {
                Effect::Stock(delta) => batch.deltas.push(delta),
                Effect::Described(book) => batch.described.push(book),
                Effect::Removed => batch.removed.push(item_column(item)),
            }
        }
        Ok(batch)
    }

    /// The number of the last entry after the batch.
    pub(crate) fn last(&self) -> Seq {
        self.entries.last().map_or(self.head, |entry| entry.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{book, entry};

    fn changed(seq: u64, kind: Kind, item: u32, change: i64, after: u32) -> Entry {
        let book = book(item, "Title", after);
        entry(Seq(seq), kind, &book, change, book.stock)
    }

    #[test]
    fn a_batch_has_one_effect_for_each_changed_book() {
        let described = Book {
            seq: Seq(10),
            ..book(4, "Four", 5)
        };
        let entries = [
            changed(5, Kind::Sold, 2, -1, 9),
            changed(6, Kind::Sold, 1, -1, 0),
            changed(7, Kind::Restocked, 2, 5, 14),
            changed(8, Kind::Refused, 1, 0, 0),
            changed(9, Kind::Withdrawn, 3, -1, 0),
            crate::conformance::described(&described, 5),
            changed(11, Kind::Sold, 4, -1, 4),
        ];
        let batch = SqlBatch::new(Seq(4), &entries).unwrap();
        let delta = |item, change, stock, seq| StockDelta {
            item,
            change,
            stock,
            seq,
        };
        assert_eq!(batch.deltas, [delta(1, -1, 0, 6), delta(2, 4, 14, 7)]);
        assert_eq!((batch.removed.as_slice(), batch.last()), ([3].as_slice(), Seq(11)));
        let stock = Stock::try_from(4).unwrap();
        let sold = Book {
            stock,
            seq: Seq(11),
            ..described
        };
        assert_eq!(batch.described, [sold]);
    }

    #[test]
    fn a_stock_that_does_not_follow_within_the_batch_matches_no_book() {
        for first in [
            crate::conformance::described(
                &Book {
                    seq: Seq(1),
                    ..book(1, "One", 5)
                },
                5,
            ),
            changed(1, Kind::Withdrawn, 1, -5, 0),
        ] {
            let entries = [first, changed(2, Kind::Sold, 1, -1, 3)];
            assert_eq!(SqlBatch::new(Seq::ZERO, &entries).unwrap().deltas[0].stock, -1);
        }
    }
}
