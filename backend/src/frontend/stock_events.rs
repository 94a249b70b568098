//! Stock changes for subscribers: coalesced within a short window, and buffered for those that reconnect.

use std::collections::{BTreeMap, VecDeque};

use common::wire::StockEvent;
use common::{Entry, ItemNumber, Seq, Stock, limits};

/// The event of an entry that changes a book; `None` for others. Subscribers see no orders and no refusals.
pub(super) fn stock_event(entry: &Entry) -> Option<StockEvent> {
    entry.kind.changes_book().then(|| StockEvent {
        seq: entry.seq,
        item: entry.item,
        stock: entry.stock_after.unwrap_or(Stock::ZERO),
        change: entry.change,
        at: entry.at,
    })
}

/// The events that are not published yet, one for each book.
#[derive(Debug, Default)]
pub(super) struct Coalescer(BTreeMap<ItemNumber, StockEvent>);

impl Coalescer {
    pub(super) fn add(&mut self, event: StockEvent) {
        self.0
            .entry(event.item)
            .and_modify(|earlier| {
                *earlier = StockEvent {
                    change: earlier.change.saturating_add(event.change),
                    ..event
                }
            })
            .or_insert(event);
    }

    /// Removes all events; they are in the order of their last entries.
    pub(super) fn take(&mut self) -> Vec<StockEvent> {
        let mut events: Vec<_> = std::mem::take(&mut self.0).into_values().collect();
        events.sort_unstable_by_key(|event| event.seq);
        events
    }
}

/// The events of the last [`limits::SUBSCRIBER_LAG_MAX`] entries, not coalesced.
#[derive(Debug, Default)]
pub(super) struct ReplayBuffer {
    events: VecDeque<StockEvent>,
    /// Every event after this entry is in the buffer.
    start: Seq,
}

impl ReplayBuffer {
    /// An empty buffer for the events after `start`.
    pub(super) fn starting_after(start: Seq) -> Self {
        Self {
            events: VecDeque::new(),
            start,
        }
    }

    pub(super) fn add(&mut self, event: StockEvent) {
        self.events.push_back(event);
        let oldest = Seq(event.seq.0.saturating_sub(limits::SUBSCRIBER_LAG_MAX));
        while self.events.front().is_some_and(|first| first.seq <= oldest) {
            self.events.pop_front();
        }
        self.start = self.start.max(oldest);
    }

    /// The events after `after` up to `last`; `None` if some of them, or too many entries, lie before the buffer.
    pub(super) fn between(&self, after: Seq, last: Seq) -> Option<Vec<StockEvent>> {
        if after < self.start || last.distance_from(after) > limits::SUBSCRIBER_LAG_MAX {
            return None;
        }
        let first = self.events.partition_point(|event| event.seq <= after);
        let events = self.events.iter().skip(first).take_while(|event| event.seq <= last);
        Some(events.copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use common::Timestamp;

    use super::*;

    fn event(seq: u64, item: u64, stock: u64, change: i64) -> StockEvent {
        StockEvent {
            seq: Seq(seq),
            item: ItemNumber::try_from(item).unwrap(),
            stock: Stock::try_from(stock).unwrap(),
            change,
            at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn changes_of_one_book_coalesce_to_their_sum_and_the_last_stock() {
        let mut coalescer = Coalescer::default();
        for change in [event(1, 2, 9, -1), event(2, 1, 4, -1), event(3, 2, 7, -2)] {
            coalescer.add(change);
        }
        assert_eq!(coalescer.take(), [event(2, 1, 4, -1), event(3, 2, 7, -3)]);
        assert_eq!(coalescer.take(), []);
    }

    #[test]
    fn the_buffer_returns_every_event_since_or_none_if_some_are_gone() {
        let mut buffer = ReplayBuffer::starting_after(Seq(10));
        buffer.add(event(12, 1, 3, -1));
        buffer.add(event(15, 1, 2, -1));
        let seqs = |buffer: &ReplayBuffer, after, last| {
            let events = buffer.between(Seq(after), Seq(last))?;
            Some(events.iter().map(|event| event.seq.0).collect::<Vec<_>>())
        };
        assert_eq!(seqs(&buffer, 10, 15), Some(vec![12, 15]));
        assert_eq!(seqs(&buffer, 12, 14), Some(vec![]));
        assert_eq!(seqs(&buffer, 9, 15), None);
        let far = 15 + limits::SUBSCRIBER_LAG_MAX;
        buffer.add(event(far, 1, 1, -1));
        assert_eq!(seqs(&buffer, 14, far), None);
        assert_eq!(seqs(&buffer, 15, far), Some(vec![far]));
    }
}
