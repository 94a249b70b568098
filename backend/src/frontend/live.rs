//! Live stock changes: from the catalog's feed and the answers to own purchases, applied to the cache, coalesced and
//! published to all subscribers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::client::{AppendedEntries, Follower};
use common::metrics::Counter;
use common::wire::{Hello, Resync, UpstreamStatus};
use common::{Entry, LatestPosition, Position, Seq, StoreId, limits};
use tokio::sync::{Notify, broadcast, watch};

use super::cache::Cache;
use super::stock_events::{Coalescer, NumberedEvent, RecentEvents};
use crate::http::Frame;

#[cfg(test)]
mod tests;

/// Frames that a subscriber may lag behind; then it gets a `resync`.
const FRAMES_BEHIND_MAX: usize = 256;
/// Frames follow each other more slowly the more subscribers there are: to write a frame to one takes about a third of
/// this, and purchases need the rest.
const FRAME_INTERVAL_EACH: Duration = Duration::from_micros(25);
/// How long a response waits for the feed to bring the request's own change; usually the feed is faster.
const OWN_CHANGE_TIMEOUT: Duration = Duration::from_millis(50);

/// A frame for every subscriber.
#[derive(Debug, Clone)]
pub(super) struct Published {
    /// Serialized once for all.
    pub(super) frame: Frame,
    /// The last entry in it: a subscriber that has it skips the frame. `None` concerns every subscriber.
    pub(super) last_seq: Option<Position>,
}

/// Where a subscriber begins.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) hello: Hello,
    pub(super) live: bool,
    /// The changes since its last event; `None` if it must read everything afresh.
    pub(super) missed: Option<Vec<NumberedEvent>>,
    pub(super) stream: broadcast::Receiver<Published>,
}

#[derive(Debug, Default)]
struct FeedState {
    store: Option<StoreId>,
    /// The last entry that was published.
    published: Position,
    /// The last entry that was applied since the feed's history began.
    last: Option<Entry>,
    /// The last entry before the feed was disconnected. The next connection begins with it, and the two must be equal.
    to_compare: Option<Entry>,
    live: bool,
    /// The head when the feed was connected: entries up to here are older than the connection.
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
    /// The newest entry in any response since the feed's history began.
    observed: LatestPosition,
    /// Subscribers that were told to read everything afresh.
    pub(super) resyncs: Counter,
    /// How often the feed was lost.
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
    pub(super) fn newest_seq(&self) -> Position {
        let observed = self.observed.get();
        self.head().map_or(observed, |head| head.max(observed))
    }

    /// Records the entry in a response.
    pub(super) fn observe_seq(&self, position: Position) {
        self.observed.observe(position);
    }

    /// Waits until that entry is applied, and every entry that existed when the feed was connected.
    pub(super) async fn wait_for_seq(&self, position: Position) {
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

    /// Waits briefly for an entry, while the feed is live: a client that reads what it just changed, through this
    /// front-end, then sees the change even if it sends no `Bookstore-Seq`.
    pub(super) async fn wait_briefly(&self, position: Position) {
        if self.head() < Some(position) && self.state().live {
            // On the heap: few purchases wait, and all have room for this future.
            let waiting = tokio::time::timeout(OWN_CHANGE_TIMEOUT, self.wait_until_applied(position));
            let _ = Box::pin(waiting).await;
        }
    }

    /// Subscribes to the events after `after`, or to future ones. `None` until the feed is connected for the first time.
    pub(super) fn subscribe(&self, after: Option<Position>) -> Option<Subscription> {
        let mut state = self.state();
        // Pending changes are published first, so that `hello` is as new as the feed.
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
        // Under the lock: no event is lost or comes twice between `missed` and the stream.
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

    /// Applies what an own purchase added to the ledger, as far as it is the feed's ledger and continues what is applied.
    /// The rest comes with the feed, which skips what is applied here.
    pub(super) fn apply_written(&self, written: &AppendedEntries) {
        let last = written.entries.last().map(|last| last.seq);
        if last <= self.head().map(|head| head.seq) {
            return;
        }
        let mut state = self.state();
        if state.store == Some(written.store) && state.live && state.to_compare.is_none() {
            let head = self.head().unwrap_or_default();
            self.apply_next(&mut state, continuation(&written.entries, head.seq));
        }
    }

    /// Applies the entries that are not applied yet; waiting tasks wake once.
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
            // A later subscriber begins here.
            state.coalescer.take();
            state.published = head;
        }
    }

    /// The time from one frame to the next.
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

    /// Publishes changes: the first one after a quiet time at once, and those that follow within a window together.
    pub(super) async fn publish_changes(self: Arc<Self>) {
        loop {
            self.changed.notified().await;
            self.flush(&mut self.state());
            tokio::time::sleep(self.frame_interval()).await;
        }
    }

    /// Compares the last entry before the feed was disconnected with the one that the next connection brings. If they differ,
    /// the ledger was replaced by an older copy under the same id, which has grown since.
    fn check_same_history(&self, state: &mut FeedState, entries: &[Entry]) {
        let Some(last) = &state.to_compare else { return };
        let Some(entry) = entries.iter().find(|entry| entry.seq == last.seq) else {
            return;
        };
        if entry == last {
            state.to_compare = None;
        } else if let Some(store) = state.store {
            tracing::warn!(seq = %entry.seq, "the catalog's ledger has another entry here than before; all is read afresh");
            let before = state.feed_start.at(Seq(entry.seq.0.saturating_sub(1)));
            self.start_history(state, store, before, state.feed_start);
        }
    }

    /// Begins another history, of which nothing is known, after an entry.
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

    fn publish(&self, frame: Frame, last_seq: Option<Position>) {
        // Fails without subscribers.
        let _ = self.subscribers.send(Published { frame, last_seq });
    }
}

impl Follower for Live {
    /// After a change of the store, or to an older copy of it, every subscriber must resync.
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

/// Tells subscribers to read everything afresh: events up to `head` were left out.
pub(super) fn resync(head: Position) -> Frame {
    Frame::event("resync", Some(head), &Resync { seq: head.seq })
}

/// Tells subscribers whether the front-end has its catalog: the event `source` of the contract.
pub(super) fn upstream_event(live: bool) -> Frame {
    Frame::event("source", None, &UpstreamStatus { live })
}

/// The whole groups among these entries that follow `head` without a gap.
fn continuation(entries: &[Entry], head: Seq) -> &[Entry] {
    let known = entries.partition_point(|entry| entry.seq <= head);
    let new = entries.get(known..).unwrap_or_default();
    let seqs = (head.0 + 1..).map(Seq);
    let length = new
        .iter()
        .zip(seqs)
        .take_while(|(entry, seq)| entry.seq == *seq)
        .count();
    let new = new.get(..length).unwrap_or_default();
    let whole = new.iter().rposition(|entry| entry.line.is_last());
    whole.and_then(|last| new.get(..=last)).unwrap_or_default()
}
