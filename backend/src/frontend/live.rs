//! Live stock changes: read from the catalog's feed, applied to the cache, coalesced and published to all subscribers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::backoff::Backoff;
use common::client::{CatalogClient, ReconnectingStream, StreamItem};
use common::wire::{Hello, Resync, UpstreamStatus};
use common::{Entry, LatestPosition, Position, Seq, StoreId, limits};
use futures::FutureExt;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cache::Cache;
use super::stock_events::{Coalescer, NumberedEvent, ReplayBuffer};
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
/// Entries that are applied together.
const ENTRIES_AT_ONCE: usize = 1_024;
/// Delays before the feed is opened again.
const RECONNECT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

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
    live: bool,
    /// The head when the feed was connected: entries up to here are older than the connection.
    feed_start: Position,
    replay: ReplayBuffer,
    coalescer: Coalescer,
}

/// The live events of one front-end.
#[derive(Debug)]
pub(super) struct Live {
    state: Mutex<FeedState>,
    /// The last entry that was applied; `None` until the feed is connected for the first time.
    applied: watch::Sender<Option<Position>>,
    subscribers: broadcast::Sender<Published>,
    cache: Cache,
    /// The newest entry in any response since the feed's history began.
    observed: LatestPosition,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            applied: watch::Sender::new(None),
            subscribers: broadcast::Sender::new(FRAMES_BEHIND_MAX),
            cache: Cache::default(),
            observed: LatestPosition::default(),
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
            let _ = tokio::time::timeout(OWN_CHANGE_TIMEOUT, self.wait_until_applied(position)).await;
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
            Some(after) => state.replay.between(after.seq, seq),
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

    /// Applies entries that arrived together; waiting tasks wake once.
    fn apply(&self, entries: &[Entry]) {
        let Some(last) = entries.last() else { return };
        #[cfg(feature = "fault-injection")]
        let entries = &*crate::fault_injection::reorder_feed(entries);
        self.cache.apply(entries);
        let mut state = self.state();
        for event in entries.iter().filter_map(NumberedEvent::of) {
            state.replay.add(event);
            state.coalescer.add(event);
        }
        let head = state.published.at(last.seq);
        self.applied.send_replace(Some(head));
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

    /// The feed is connected. After a change of the store, or to an older copy of it, every subscriber must resync.
    fn on_hello(&self, hello: &Hello, after: Option<Position>) {
        let mut state = self.state();
        let head = hello.position();
        let continues = state.store == Some(hello.store) && head >= state.published;
        if !continues {
            let is_first = state.store.is_none();
            let start = head.start_of_stream(after);
            *state = FeedState {
                store: Some(hello.store),
                published: start,
                replay: ReplayBuffer::starting_after(start.seq),
                ..FeedState::default()
            };
            if !is_first {
                self.publish(resync(head), None);
            }
            self.cache.reset(start);
            self.observed.reset(start);
            self.applied.send_replace(Some(start));
        }
        state.feed_start = head;
        self.set_live(&mut state, true);
    }

    fn on_disconnect(&self) {
        let mut state = self.state();
        self.flush(&mut state);
        self.set_live(&mut state, false);
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

/// Tells subscribers to read everything afresh: events up to `head` were left out.
pub(super) fn resync(head: Position) -> Frame {
    Frame::event("resync", Some(head), &Resync { seq: head.seq })
}

/// Tells subscribers whether the front-end has its catalog: the event `source` of the contract.
pub(super) fn upstream_event(live: bool) -> Frame {
    Frame::event("source", None, &UpstreamStatus { live })
}

/// The catalog's feed; a seam for tests.
trait Feed {
    async fn next(&mut self) -> StreamItem<Entry>;
    fn reconnect(&mut self);
}

impl Feed for ReconnectingStream<Entry> {
    async fn next(&mut self) -> StreamItem<Entry> {
        self.next().await
    }

    fn reconnect(&mut self) {
        self.reconnect();
    }
}

/// Follows the catalog's feed until the front-end stops.
pub(super) async fn follow(live: Arc<Live>, catalog: CatalogClient, stopping: CancellationToken) {
    let feed = ReconnectingStream::new(None, RECONNECT, move |after| {
        let catalog = catalog.clone();
        let open = async move {
            let after = match after {
                Some(after) => after,
                None => {
                    let head = catalog.ledger(Seq::ZERO, 1).await?.position();
                    let oldest = Seq(head.seq.0.saturating_sub(limits::SUBSCRIBER_LAG_MAX));
                    if oldest == Seq::ZERO {
                        head.at(oldest)
                    } else {
                        // The end of the group: a page ends with one.
                        let page = catalog.ledger(oldest, 1).await?;
                        head.at(page.entries.last().map_or(oldest, |last| last.seq))
                    }
                }
            };
            catalog.feed(Some(after)).await
        };
        open.boxed()
    });
    tokio::select! {
        () = follow_feed(&live, feed) => {}
        () = stopping.cancelled() => {}
    }
}

async fn follow_feed(live: &Live, mut feed: impl Feed) {
    let (mut flush_at, mut last_flush): (Option<Instant>, Option<Instant>) = (None, None);
    let mut entries = Vec::new();
    loop {
        let mut next = tokio::select! {
            item = feed.next() => Some(item),
            () = tokio::time::sleep_until(flush_at.unwrap_or_else(Instant::now)), if flush_at.is_some() => {
                live.flush(&mut live.state());
                (flush_at, last_flush) = (None, Some(Instant::now()));
                continue;
            }
        };
        // Entries that have arrived already are applied together, as far as their groups are whole.
        while let Some(StreamItem::Event(entry)) = next {
            entries.push(entry);
            next = match entries.len() {
                ENTRIES_AT_ONCE.. => None,
                _ => feed.next().now_or_never(),
            };
        }
        let whole = entries.iter().rposition(|entry: &Entry| entry.line.is_last());
        if let Some(last) = whole {
            live.apply(entries.get(..=last).unwrap_or_default());
            entries.drain(..=last);
            // The first change after a quiet time is published at once; those that follow share a window.
            let now = Instant::now();
            flush_at.get_or_insert_with(|| last_flush.map_or(now, |last| now.max(last + live.frame_interval())));
        }
        if next.is_some() {
            // The next connection begins with the first line of a group that is not whole.
            entries.clear();
        }
        match next {
            Some(StreamItem::Connected { hello, after, .. }) => {
                live.on_hello(&hello, after);
                if after.is_some_and(|after| !hello.position().satisfies(after)) {
                    // The store lost entries: the next connection begins at its head.
                    feed.reconnect();
                }
            }
            Some(StreamItem::Disconnected { error, .. }) => {
                tracing::debug!(%error, "the catalog's feed is disconnected");
                live.on_disconnect();
            }
            _ => {}
        }
    }
}
