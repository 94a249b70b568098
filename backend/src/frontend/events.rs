//! Stock changes as readers get them: merged within a short window, kept for those who come back.

use std::collections::{BTreeMap, VecDeque};

use common::wire::StockEvent;
use common::{Entry, ItemNumber, Seq, Stock, limits};

/// What an entry means to a reader, if anything: no orders, no refusals.
pub(super) fn moved(entry: &Entry) -> Option<StockEvent> {
    entry.kind.changes_book().then(|| StockEvent {
        seq: entry.seq,
        item: entry.item,
        stock: entry.stock_after.unwrap_or(Stock::ZERO),
        change: entry.change,
        at: entry.at,
    })
}

/// The changes that have not gone out yet, one for each book.
#[derive(Debug, Default)]
pub(super) struct Pending(BTreeMap<ItemNumber, StockEvent>);

impl Pending {
    pub(super) fn add(&mut self, moved: StockEvent) {
        self.0
            .entry(moved.item)
            .and_modify(|earlier| {
                *earlier = StockEvent {
                    change: earlier.change.saturating_add(moved.change),
                    ..moved
                }
            })
            .or_insert(moved);
    }

    /// All of them, in the order of their last entries.
    pub(super) fn take(&mut self) -> Vec<StockEvent> {
        let mut moved: Vec<_> = std::mem::take(&mut self.0).into_values().collect();
        moved.sort_unstable_by_key(|moved| moved.seq);
        moved
    }
}

/// The newest changes, unmerged, as far back as a reader may be behind.
#[derive(Debug, Default)]
pub(super) struct Ring {
    moved: VecDeque<StockEvent>,
    /// Every change after this entry is here.
    start: Seq,
}

impl Ring {
    /// An empty ring that begins after that entry.
    pub(super) fn starting(start: Seq) -> Self {
        Self {
            moved: VecDeque::new(),
            start,
        }
    }

    pub(super) fn add(&mut self, moved: StockEvent) {
        self.moved.push_back(moved);
        let oldest = Seq(moved.seq.0.saturating_sub(limits::SUBSCRIBER_LAG_MAX));
        while self.moved.front().is_some_and(|first| first.seq <= oldest) {
            self.moved.pop_front();
        }
        self.start = self.start.max(oldest);
    }

    /// The changes after `after` up to `until`; nothing where some are gone.
    pub(super) fn between(&self, after: Seq, until: Seq) -> Option<impl Iterator<Item = &StockEvent>> {
        if after < self.start {
            return None;
        }
        let first = self.moved.partition_point(|moved| moved.seq <= after);
        Some(
            self.moved
                .iter()
                .skip(first)
                .take_while(move |moved| moved.seq <= until),
        )
    }
}

#[cfg(test)]
mod tests {
    use common::Timestamp;

    use super::*;

    fn moved(seq: u64, item: u64, stock: u64, change: i64) -> StockEvent {
        StockEvent {
            seq: Seq(seq),
            item: ItemNumber::try_from(item).unwrap(),
            stock: Stock::try_from(stock).unwrap(),
            change,
            at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn changes_of_one_book_merge_and_keep_their_sum_and_the_last_stock() {
        let mut pending = Pending::default();
        for change in [moved(1, 2, 9, -1), moved(2, 1, 4, -1), moved(3, 2, 7, -2)] {
            pending.add(change);
        }
        assert_eq!(pending.take(), [moved(2, 1, 4, -1), moved(3, 2, 7, -3)]);
        assert_eq!(pending.take(), []);
    }

    #[test]
    fn the_ring_gives_every_change_since_or_admits_that_it_cannot() {
        let mut ring = Ring::starting(Seq(10));
        ring.add(moved(12, 1, 3, -1));
        ring.add(moved(15, 1, 2, -1));
        let seqs = |ring: &Ring, after, until| {
            ring.between(Seq(after), Seq(until))
                .map(|moved| moved.map(|moved| moved.seq.0).collect::<Vec<_>>())
        };
        assert_eq!(seqs(&ring, 10, 15), Some(vec![12, 15]));
        assert_eq!(seqs(&ring, 12, 14), Some(vec![]));
        assert_eq!(seqs(&ring, 9, 15), None);
        let far = 15 + limits::SUBSCRIBER_LAG_MAX;
        ring.add(moved(far, 1, 1, -1));
        assert_eq!(seqs(&ring, 14, far), None);
        assert_eq!(seqs(&ring, 15, far), Some(vec![far]));
    }
}
