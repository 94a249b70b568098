//! What entries do to the books.

use std::collections::BTreeMap;

use common::{Entry, ItemNumber, Kind, Seq, Stock};

use super::row::position;
use crate::Error;

/// Entries that go on from a head, and what they do to the books altogether.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    /// The last entry before them.
    pub(crate) head: Seq,
    /// The entries.
    pub(crate) entries: &'a [Entry],
    /// The books that they change, by item number.
    pub(crate) shelves: Vec<Shelf>,
    /// The books that they take away.
    pub(crate) gone: Vec<i64>,
}

/// How one book comes out of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shelf {
    pub(crate) item: i64,
    /// What the entries add to the stock.
    pub(crate) change: i64,
    /// The stock after the last of them; −1, which no stock is, where an entry does not say.
    pub(crate) stock: i64,
    /// The last of them.
    pub(crate) seq: i64,
}

impl<'a> Batch<'a> {
    /// Takes entries that each follow the one before.
    ///
    /// # Errors
    /// [`Error::Conflict`] if one does not.
    pub(crate) fn following(head: Seq, entries: &'a [Entry]) -> Result<Self, Error> {
        let mut last = head;
        let mut shelves: BTreeMap<ItemNumber, Option<Shelf>> = BTreeMap::new();
        for entry in entries {
            if entry.seq != last.next() || entry.seq == last {
                return Err(Error::Conflict);
            }
            last = entry.seq;
            match entry.kind {
                Kind::Refused => {}
                Kind::Withdrawn => {
                    shelves.insert(entry.item, None);
                }
                Kind::Sold | Kind::Restocked | Kind::Set => {
                    let before = shelves.get(&entry.item).copied().flatten();
                    let shelf = Shelf {
                        item: entry.item.get().into(),
                        change: before.map_or(0, |shelf| shelf.change).saturating_add(entry.change),
                        stock: entry.stock_after.map_or(-1, |stock: Stock| stock.get().into()),
                        seq: position(entry.seq),
                    };
                    shelves.insert(entry.item, Some(shelf));
                }
            }
        }
        let gone = shelves.iter().filter(|(_, shelf)| shelf.is_none());
        Ok(Self {
            head,
            entries,
            gone: gone.map(|(item, _)| item.get().into()).collect(),
            shelves: shelves.into_values().flatten().collect(),
        })
    }

    /// The last entry with them.
    pub(crate) fn last(&self) -> Seq {
        self.entries.last().map_or(self.head, |entry| entry.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{OrderId, Timestamp};

    fn entry(seq: u64, kind: Kind, item: u64, change: i64, after: u64) -> Entry {
        Entry {
            seq: Seq(seq),
            at: Timestamp::now(),
            kind,
            item: ItemNumber::try_from(item).unwrap(),
            quantity: Some(1),
            change,
            stock_after: Stock::try_from(after).ok(),
            order: Some(OrderId::generate()),
            unit_cost: None,
            reason: None,
        }
    }

    #[test]
    fn each_book_comes_out_once() {
        let entries = [
            entry(5, Kind::Sold, 2, -1, 9),
            entry(6, Kind::Sold, 1, -1, 0),
            entry(7, Kind::Restocked, 2, 5, 14),
            entry(8, Kind::Refused, 1, 0, 0),
            entry(9, Kind::Withdrawn, 3, -1, 0),
        ];
        let batch = Batch::following(Seq(4), &entries).unwrap();
        let shelf = |item, change, stock, seq| Shelf {
            item,
            change,
            stock,
            seq,
        };
        assert_eq!(batch.shelves, [shelf(1, -1, 0, 6), shelf(2, 4, 14, 7)]);
        assert_eq!((batch.gone.as_slice(), batch.last()), ([3].as_slice(), Seq(9)));
    }

    #[test]
    fn entries_that_do_not_follow_are_a_conflict() {
        let entries = [entry(5, Kind::Sold, 2, -1, 9), entry(7, Kind::Sold, 2, -1, 8)];
        for (head, entries) in [
            (Seq(4), &entries[..]),
            (Seq(5), &entries[..1]),
            (Seq(u64::MAX), &entries[..1]),
        ] {
            assert!(matches!(Batch::following(head, entries), Err(Error::Conflict)));
        }
    }
}
