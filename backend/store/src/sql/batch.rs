//! What entries do to the books.

use std::collections::BTreeMap;

use common::{Entry, ItemNumber, Kind, Seq, Stock};

use super::row::seq_column;
use crate::Error;

/// Consecutive entries after a head, and their total effect on the books.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    /// The last entry before them.
    pub(crate) head: Seq,
    pub(crate) entries: &'a [Entry],
    /// One for each changed book, by item number.
    pub(crate) deltas: Vec<StockDelta>,
    /// Numbers of the withdrawn books.
    pub(crate) removed: Vec<i64>,
}

/// The total effect of a batch on one book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StockDelta {
    pub(crate) item: i64,
    /// The sum of the entries' changes.
    pub(crate) change: i64,
    /// The stock after the last of them; −1, which no stock is, if the entry has none.
    pub(crate) stock: i64,
    /// The last of them.
    pub(crate) seq: i64,
}

impl<'a> Batch<'a> {
    /// # Errors
    /// [`Error::Conflict`] if the entries are not consecutive after `head`.
    pub(crate) fn new(head: Seq, entries: &'a [Entry]) -> Result<Self, Error> {
        let mut last = head;
        let mut changed: BTreeMap<ItemNumber, Option<StockDelta>> = BTreeMap::new();
        for entry in entries {
            // At the largest number `next` stays where it is.
            if entry.seq != last.next() || entry.seq == last {
                return Err(Error::Conflict);
            }
            last = entry.seq;
            match entry.kind {
                Kind::Refused => {}
                Kind::Withdrawn => {
                    changed.insert(entry.item, None);
                }
                Kind::Sold | Kind::Restocked | Kind::Set => {
                    let earlier = changed.get(&entry.item).copied().flatten();
                    let delta = StockDelta {
                        item: entry.item.get().into(),
                        change: earlier.map_or(0, |delta| delta.change).saturating_add(entry.change),
                        stock: entry.stock_after.map_or(-1, |stock: Stock| stock.get().into()),
                        seq: seq_column(entry.seq),
                    };
                    changed.insert(entry.item, Some(delta));
                }
            }
        }
        let removed = changed.iter().filter(|(_, delta)| delta.is_none());
        Ok(Self {
            head,
            entries,
            removed: removed.map(|(item, _)| item.get().into()).collect(),
            deltas: changed.into_values().flatten().collect(),
        })
    }

    /// The last entry including the batch.
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
    fn a_batch_has_one_delta_for_each_changed_book() {
        let entries = [
            entry(5, Kind::Sold, 2, -1, 9),
            entry(6, Kind::Sold, 1, -1, 0),
            entry(7, Kind::Restocked, 2, 5, 14),
            entry(8, Kind::Refused, 1, 0, 0),
            entry(9, Kind::Withdrawn, 3, -1, 0),
        ];
        let batch = Batch::new(Seq(4), &entries).unwrap();
        let delta = |item, change, stock, seq| StockDelta {
            item,
            change,
            stock,
            seq,
        };
        assert_eq!(batch.deltas, [delta(1, -1, 0, 6), delta(2, 4, 14, 7)]);
        assert_eq!((batch.removed.as_slice(), batch.last()), ([3].as_slice(), Seq(9)));
    }

    #[test]
    fn entries_that_are_not_consecutive_are_a_conflict() {
        let entries = [entry(5, Kind::Sold, 2, -1, 9), entry(7, Kind::Sold, 2, -1, 8)];
        for (head, entries) in [
            (Seq(4), &entries[..]),
            (Seq(5), &entries[..1]),
            (Seq(u64::MAX), &entries[..1]),
        ] {
            assert!(matches!(Batch::new(head, entries), Err(Error::Conflict)));
        }
    }
}
