//! Stock changes for subscribers: coalesced within a short window, and kept for subscribers that reconnect.

use std::collections::{BTreeMap, VecDeque};

use common::wire::StockEvent;
use common::{Entry, ItemNumber, Position, Seq, Stock, Timestamp, limits};

use crate::http::write_event;

/// An event, with what its id needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberedEvent {
    pub(super) event: StockEvent,
    /// Whether the event has an id, because its entry ends a group: a subscriber may resume after it.
    has_id: bool,
    /// Whether more than the stock may have changed. Never merged with other events of the book.
    is_described: bool,
}

impl NumberedEvent {
    /// The event of an entry that changes a book; `None` for refusals. An event does not name the order.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let event = StockEvent {
            seq: entry.seq,
            item: entry.item,
            stock: entry.stock_after.unwrap_or(Stock::ZERO),
            change: entry.change,
            at: entry.at,
        };
        entry.kind.changes_book().then_some(Self {
            event,
            has_id: entry.line.is_last(),
            is_described: entry.description.is_some(),
        })
    }

    /// Appends the event to a frame. `head` is any position in its history.
    pub(super) fn write_to(&self, frame: &mut Vec<u8>, head: Position) {
        let id = self.has_id.then_some(head.at(self.event.seq));
        write_event(frame, "stock", id, &self.event);
    }
}

/// The pending events. Merges changes of one stock within [`limits::COALESCE_WINDOW`].
#[derive(Debug, Default)]
pub(super) struct Coalescer {
    /// The last event of each book, and the time of its first change.
    last: BTreeMap<ItemNumber, (NumberedEvent, Timestamp)>,
    earlier: Vec<NumberedEvent>,
}

impl Coalescer {
    pub(super) fn add(&mut self, mut new: NumberedEvent) {
        let at = new.event.at;
        let mut begun = at;
        if let Some((last, since)) = self.last.remove(&new.event.item) {
            let apart_us = at.as_micros().abs_diff(since.as_micros());
            let is_described = last.is_described || new.is_described;
            if u128::from(apart_us) <= limits::COALESCE_WINDOW.as_micros() && !is_described {
                new.event.change = new.event.change.saturating_add(last.event.change);
                begun = since;
            } else {
                self.earlier.push(last);
            }
        }
        self.last.insert(new.event.item, (new, begun));
    }

    /// Removes and returns all events, in the order of their last entries.
    pub(super) fn take(&mut self) -> Vec<NumberedEvent> {
        let mut events = std::mem::take(&mut self.earlier);
        events.extend(std::mem::take(&mut self.last).into_values().map(|(event, _)| event));
        events.sort_unstable_by_key(|numbered| numbered.event.seq);
        events
    }
}

/// The events of the last [`limits::SUBSCRIBER_LAG_MAX`] entries, not coalesced, for subscribers that reconnect.
#[derive(Debug, Default)]
pub(super) struct RecentEvents {
    events: VecDeque<NumberedEvent>,
    /// `events` has every event after this entry.
    start: Seq,
}

impl RecentEvents {
    /// No events yet; the next one is after `start`.
    pub(super) fn starting_after(start: Seq) -> Self {
        Self {
            events: VecDeque::new(),
            start,
        }
    }

    pub(super) fn add(&mut self, new: NumberedEvent) {
        self.events.push_back(new);
        let oldest = Seq(new.event.seq.0.saturating_sub(limits::SUBSCRIBER_LAG_MAX));
        while self.events.front().is_some_and(|first| first.event.seq <= oldest) {
            self.events.pop_front();
        }
        self.start = self.start.max(oldest);
    }

    /// The events after `after` up to `last`; `None` if some of them are no longer kept.
    pub(super) fn between(&self, after: Seq, last: Seq) -> Option<Vec<NumberedEvent>> {
        if after < self.start || last.distance_from(after) > limits::SUBSCRIBER_LAG_MAX {
            return None;
        }
        let first = self.events.partition_point(|numbered| numbered.event.seq <= after);
        let rest = self.events.iter().skip(first);
        let events = rest.take_while(|numbered| numbered.event.seq <= last);
        Some(events.copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, item: u64, stock: u64, change: i64) -> NumberedEvent {
        event_at(0, seq, item, stock, change)
    }

    fn event_at(at_ms: i64, seq: u64, item: u64, stock: u64, change: i64) -> NumberedEvent {
        let event = StockEvent {
            seq: Seq(seq),
            item: ItemNumber::try_from(item).unwrap(),
            stock: Stock::try_from(stock).unwrap(),
            change,
            at: Timestamp::from_micros(at_ms * 1_000),
        };
        NumberedEvent {
            event,
            has_id: true,
            is_described: false,
        }
    }

    #[test]
    fn a_change_of_more_than_the_stock_stays_apart_from_sales() {
        let mut coalescer = Coalescer::default();
        let described = NumberedEvent {
            is_described: true,
            ..event(2, 2, 9, 0)
        };
        let events = [event(1, 2, 9, -1), described, event(3, 2, 8, -1), event(4, 2, 7, -1)];
        events.into_iter().for_each(|event| coalescer.add(event));
        assert_eq!(coalescer.take(), [events[0], described, event(4, 2, 7, -2)]);
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
    fn changes_further_apart_than_the_window_stay_apart_however_late_they_are_published() {
        let window_ms = i64::try_from(limits::COALESCE_WINDOW.as_millis()).unwrap();
        let mut coalescer = Coalescer::default();
        for (at_ms, seq) in [(0, 1), (window_ms, 2), (window_ms + 1, 3), (2 * window_ms, 4)] {
            coalescer.add(event_at(at_ms, seq, 2, 10 - seq, -1));
        }
        coalescer.add(event_at(0, 5, 1, 4, -1));
        let expected = [
            event_at(window_ms, 2, 2, 8, -2),
            event_at(2 * window_ms, 4, 2, 6, -2),
            event_at(0, 5, 1, 4, -1),
        ];
        assert_eq!(coalescer.take(), expected);
    }

    #[test]
    fn recent_events_return_every_event_since_or_none_if_some_are_gone() {
        let mut recent = RecentEvents::starting_after(Seq(10));
        recent.add(event(12, 1, 3, -1));
        recent.add(event(15, 1, 2, -1));
        let seqs = |recent: &RecentEvents, after, last| {
            let events = recent.between(Seq(after), Seq(last))?;
            Some(events.iter().map(|numbered| numbered.event.seq.0).collect::<Vec<_>>())
        };
        assert_eq!(seqs(&recent, 10, 15), Some(vec![12, 15]));
        assert_eq!(seqs(&recent, 12, 14), Some(vec![]));
        assert_eq!(seqs(&recent, 9, 15), None);
        let far = 15 + limits::SUBSCRIBER_LAG_MAX;
        recent.add(event(far, 1, 1, -1));
        assert_eq!(seqs(&recent, 14, far), None);
        assert_eq!(seqs(&recent, 15, far), Some(vec![far]));
    }
}
