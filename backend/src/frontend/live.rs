//! Live stock changes: from the catalog's feed and the answers to own purchases, applied to the cache, coalesced, and published
//! to all subscribers.

mod own_changes;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::client::Follower;
use common::metrics::Counter;
use common::wire::{Hello, Resync, UpstreamStatus};
use common::{Entry, LatestPosition, Position, Seq, StoreId, limits};
use tokio::sync::{Notify, broadcast, watch};

use super::cache::Cache;
use super::stock_events::{Coalescer, NumberedEvent, RecentEvents};
use crate::http::Frame;

/// Number of frames that a subscriber may lag behind before it gets a `resync`.
const FRAMES_BEHIND_MAX: usize = 256;
/// The frame interval grows by this for each subscriber; writing one frame takes a third of it, and purchases need the rest.
const FRAME_INTERVAL_EACH: Duration = Duration::from_micros(25);
/// A frame for every subscriber.
#[derive(Debug, Clone)]
pub(super) struct Published {
    /// Serialized once for all subscribers.
    pub(super) frame: Frame,
    /// The last entry in the frame: a subscriber that already has it skips the frame. No subscriber skips `None`.
    pub(super) last_position: Option<Position>,
}

/// The start of a subscriber's stream.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) hello: Hello,
    pub(super) live: bool,
    /// The changes since the subscriber's last event; `None` if it must read everything again.
    pub(super) missed: Option<Vec<NumberedEvent>>,
    pub(super) stream: broadcast::Receiver<Published>,
}

#[derive(Debug, Default)]
struct FeedState {
    store: Option<StoreId>,
    /// The last entry that was published.
    published: Position,
    /// The last entry that was applied in this history.
    last: Option<Entry>,
    /// The last entry before the feed was disconnected. The next connection sends this entry first; if it differs, the ledger
    /// was replaced.
    to_compare: Option<Entry>,
    live: bool,
    /// The head when the feed was connected: entries up to it are older than the connection.
    feed_start: Position,
    recent_events: RecentEvents,
    coalescer: Coalescer,
}

/// The live events of one front-end.
#[derive(Debug)]
pub(super) struct Live {
    state: Mutex<FeedState>,
    /// The last entry that was applied; `None` until the feed is connected for the first time.
    applied: watch::Sender<Option<Position>>,
    subscribers: broadcast::Sender<Published>,
    /// Notified when there are changes to publish.
    changed: Notify,
    cache: Cache,
    /// The newest entry in any response since this history began.
    observed: LatestPosition,
    /// Number of `resync` events sent.
    pub(super) resyncs: Counter,
    /// Number of disconnections of the feed.
    pub(super) disconnects: Counter,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            applied: watch::Sender::new(None),
            subscribers: broadcast::Sender::new(FRAMES_BEHIND_MAX),
            changed: Notify::new(),
            cache: Cache::default(),
            observed: LatestPosition::default(),
            resyncs: Counter::default(),
            disconnects: Counter::default(),
        }
    }

    /// The cache, which the feed keeps up to date.
    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The last entry that was applied; `None` until the feed is connected for the first time.
    pub(super) fn head(&self) -> Option<Position> {
        *self.applied.borrow()
    }

    /// Whether the feed is connected.
    pub(super) fn is_live(&self) -> bool {
        self.state().live
    }

    /// The number of event streams.
    pub(super) fn subscribers(&self) -> usize {
        self.subscribers.receiver_count()
    }

    /// The store of the feed.
    pub(super) fn store(&self) -> Option<StoreId> {
        self.state().store
    }

    /// The newest entry that the front-end knows.
    pub(super) fn newest_position(&self) -> Position {
        let observed = self.observed.get();
        self.head().map_or(observed, |head| head.max(observed))
    }

    /// Records the position in a response.
    pub(super) fn observe_position(&self, position: Position) {
        self.observed.observe(position);
    }

    /// Waits until the feed reaches `position`, and the head at the time of the connection.
    pub(super) async fn wait_for_position(&self, position: Position) {
        self.wait_until_applied(position).await;
        let feed_start = self.state().feed_start;
        self.wait_until_applied(feed_start).await;
    }

    async fn wait_until_applied(&self, position: Position) {
        let mut applied = self.applied.subscribe();
        let is_applied = |applied: &Option<Position>| applied.is_some_and(|applied| applied >= position);
        // `self` holds the sender, so the wait cannot fail.
        let _ = applied.wait_for(is_applied).await;
    }

    /// Subscribes to the events after `after`, or to future ones. `None` until the feed is connected for the first time.
    pub(super) fn subscribe(&self, after: Option<Position>) -> Option<Subscription> {
        let mut state = self.state();
        // Publishes pending changes, so that `hello` is as new as the feed.
        self.flush(&mut state);
        let Position { epoch, seq } = state.published;
        let hello = Hello {
            seq,
            store: state.store?,
            epoch,
        };
        let missed = match after {
            None => Some(Vec::new()),
            Some(after) if after.epoch != epoch || after.seq > seq => None,
            Some(after) => state.recent_events.between(after.seq, seq),
        };
        // Under the lock, so that every event is either in `missed` or in the stream.
        Some(Subscription {
            hello,
            live: state.live,
            missed,
            stream: self.subscribers.subscribe(),
        })
    }

    fn state(&self) -> MutexGuard<'_, FeedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the entries that are not applied yet, and then wakes the waiting tasks.
    fn apply_next(&self, state: &mut FeedState, entries: &[Entry]) {
        let Some(head) = self.head() else { return };
        let known = entries.partition_point(|entry| entry.seq <= head.seq);
        let entries = entries.get(known..).unwrap_or_default();
        let Some(last) = entries.last() else { return };
        state.last = Some(last.clone());
        #[cfg(feature = "fault-injection")]
        let entries = &*crate::fault_injection::reorder_feed(entries);
        self.cache.apply(entries);
        let has_subscribers = self.subscribers.receiver_count() > 0;
        for event in entries.iter().filter_map(NumberedEvent::of) {
            state.recent_events.add(event);
            if has_subscribers {
                state.coalescer.add(event);
            }
        }
        let head = head.at(last.seq);
        self.applied.send_replace(Some(head));
        if has_subscribers {
            self.changed.notify_one();
        } else {
            // Later subscribers begin after these entries.
            state.coalescer.take();
            state.published = head;
        }
    }

    fn frame_interval(&self) -> Duration {
        let subscribers = u32::try_from(self.subscribers.receiver_count()).unwrap_or(u32::MAX);
        limits::COALESCE_WINDOW.max(FRAME_INTERVAL_EACH.saturating_mul(subscribers))
    }

    /// Publishes the pending changes.
    fn flush(&self, state: &mut FeedState) {
        let head = self.head().unwrap_or_default();
        if state.published == head {
            return;
        }
        state.published = head;
        let events = state.coalescer.take();
        if !events.is_empty() {
            let mut frame = Vec::with_capacity(events.len().saturating_mul(160));
            for event in &events {
                event.write_to(&mut frame, head);
            }
            self.publish(Frame::new(frame), Some(head));
        }
    }

    /// Publishes changes until it is cancelled: the first one at once, and those within a frame interval after it together.
    pub(super) async fn publish_changes(self: Arc<Self>) {
        loop {
            self.changed.notified().await;
            self.flush(&mut self.state());
            tokio::time::sleep(self.frame_interval()).await;
        }
    }

    /// Compares the last entry before the feed was disconnected with the same entry of the next connection. If they differ, the
    /// ledger was restored from an older backup under the same id, and has grown since.
    fn check_same_history(&self, state: &mut FeedState, entries: &[Entry]) {
        let Some(last) = &state.to_compare else { return };
        let Some(entry) = entries.iter().find(|entry| entry.seq == last.seq) else {
            return;
        };
        if entry == last {
            state.to_compare = None;
        } else if let Some(store) = state.store {
            tracing::warn!(seq = %entry.seq, "the catalog's ledger has another entry at this position than before; \
                                              all books are read again");
            let before = state.feed_start.at(Seq(entry.seq.0.saturating_sub(1)));
            self.start_history(state, store, before, state.feed_start);
        }
    }

    /// Discards what is known of the ledger; the feed continues after `after`.
    fn start_history(&self, state: &mut FeedState, store: StoreId, after: Position, head: Position) {
        let is_first = state.store.is_none();
        *state = FeedState {
            store: Some(store),
            published: after,
            live: state.live,
            feed_start: head,
            recent_events: RecentEvents::starting_after(after.seq),
            ..FeedState::default()
        };
        if !is_first {
            self.resyncs.add(self.subscribers.receiver_count() as u64);
            self.publish(resync(head), None);
        }
        self.cache.reset(after);
        self.observed.reset(after);
        self.applied.send_replace(Some(after));
    }

    fn set_live(&self, state: &mut FeedState, live: bool) {
        self.cache.set_live(live);
        if std::mem::replace(&mut state.live, live) != live {
            self.publish(upstream_event(live), None);
        }
    }

    fn publish(&self, frame: Frame, last_position: Option<Position>) {
        // Fails if there are no subscribers.
        let _ = self.subscribers.send(Published { frame, last_position });
    }
}

impl Follower for Live {
    /// Every subscriber must resync after a change of the store, or after a restore of an older backup.
    fn connected(&self, hello: &Hello, after: Position) {
        let mut state = self.state();
        let known = self.head().unwrap_or_default();
        let continues = state.store == Some(hello.store) && after <= known && known <= hello.position();
        if !continues {
            self.start_history(&mut state, hello.store, after, hello.position());
        }
        state.feed_start = hello.position();
        self.set_live(&mut state, true);
    }

    fn apply(&self, entries: &[Entry]) {
        let mut state = self.state();
        self.check_same_history(&mut state, entries);
        self.apply_next(&mut state, entries);
    }

    fn disconnected(&self) {
        let mut state = self.state();
        self.disconnects.add(u64::from(state.live));
        state.to_compare = state.last.clone();
        self.flush(&mut state);
        self.set_live(&mut state, false);
    }
}

/// The event that makes a subscriber read everything again; events up to `head` are skipped.
pub(super) fn resync(head: Position) -> Frame {
    Frame::event("resync", Some(head), &Resync { seq: head.seq })
}

/// The event `source`: whether the front-end has a connection to its catalog.
pub(super) fn upstream_event(live: bool) -> Frame {
    Frame::event("source", None, &UpstreamStatus { live })
}
