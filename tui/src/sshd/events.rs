//! One event stream of the shop, shared by all sessions of the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::client::{ShopEvent, StreamItem};
use common::wire::{Hello, Resync, UpstreamStatus};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::time::Instant;

use super::limits::QUEUED_BATCHES_MAX;
use crate::connect::ShopConnection;
use crate::event_forwarder;
use crate::message::Event;

/// Shortest time between two batches; no session draws more often.
const BATCH_INTERVAL: Duration = Duration::from_millis(33);
/// Most events of a batch.
const BATCH_MAX: usize = 1_024;

type Item = StreamItem<ShopEvent>;

/// The events of one connection, forwarded to any number of sessions.
#[derive(Debug)]
pub(super) struct SharedEvents {
    batches: broadcast::Sender<Arc<[Item]>>,
    /// Locked while a batch is sent, so that a new session misses none.
    state: Mutex<State>,
    reconnect: Arc<Notify>,
}

/// The state that a new session starts with.
#[derive(Debug)]
struct State {
    /// The state of the connection; an open connection has the `seq` of the last event.
    connection: Item,
    upstream_is_live: bool,
}

impl State {
    fn apply(&mut self, item: &Item) {
        let seq = match item {
            StreamItem::Event(ShopEvent::Stock(event)) => event.seq,
            StreamItem::Event(ShopEvent::Resync(resync)) => resync.seq,
            StreamItem::Event(ShopEvent::Upstream(upstream)) => {
                self.upstream_is_live = upstream.live;
                return;
            }
            StreamItem::Connected { hello, .. } => {
                self.upstream_is_live = true;
                self.connection = connected(*hello);
                return;
            }
            item => {
                self.connection = item.clone();
                return;
            }
        };
        if let StreamItem::Connected { hello, .. } = &mut self.connection {
            hello.seq = hello.seq.max(seq);
        }
    }

    fn items(&self) -> Vec<Item> {
        let mut items = vec![self.connection.clone()];
        if !self.upstream_is_live {
            items.push(StreamItem::Event(ShopEvent::Upstream(UpstreamStatus { live: false })));
        }
        items
    }
}

/// The item of an open connection for a new session.
fn connected(hello: Hello) -> Item {
    StreamItem::Connected {
        hello,
        after: None,
        store_changed: false,
    }
}

impl SharedEvents {
    /// Starts to follow the shop's events.
    pub(super) fn start(connection: ShopConnection) -> Arc<Self> {
        let (batches, _) = broadcast::channel(QUEUED_BATCHES_MAX);
        let shared = Arc::new(Self {
            batches,
            state: Mutex::new(State {
                connection: StreamItem::Connecting { attempt: 1 },
                upstream_is_live: true,
            }),
            reconnect: Arc::default(),
        });
        let (sender, events) = mpsc::channel(BATCH_MAX);
        tokio::spawn(event_forwarder::forward_events(
            connection,
            sender,
            Arc::clone(&shared.reconnect),
        ));
        tokio::spawn(Arc::clone(&shared).forward(events));
        shared
    }

    /// Groups events into batches and sends them to the sessions.
    async fn forward(self: Arc<Self>, mut events: mpsc::Receiver<Event>) {
        let mut next_batch = Instant::now();
        while let Some(event) = events.recv().await {
            let mut batch = Vec::from_iter(item(event));
            while batch.len() < BATCH_MAX {
                tokio::select! {
                    biased;
                    Some(event) = events.recv() => batch.extend(item(event)),
                    () = tokio::time::sleep_until(next_batch) => break,
                }
            }
            next_batch = Instant::now() + BATCH_INTERVAL;
            let mut state = self.lock();
            batch.iter().for_each(|item| state.apply(item));
            // Fails if there is no session.
            let _ = self.batches.send(batch.into());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current state, and the batches after it.
    fn subscribe(&self) -> (Vec<Item>, broadcast::Receiver<Arc<[Item]>>) {
        let state = self.lock();
        (state.items(), self.batches.subscribe())
    }

    /// Forwards events to a session until its receiver is dropped. A session that misses a batch loads everything again.
    pub(super) async fn follow(self: Arc<Self>, events: mpsc::Sender<Event>, reconnect: Arc<Notify>) {
        let (known, mut batches) = self.subscribe();
        let mut batch: Arc<[Item]> = known.into();
        loop {
            for item in batch.iter().cloned() {
                if events.send(Event::Stream(item)).await.is_err() {
                    return;
                }
            }
            batch = tokio::select! {
                received = batches.recv() => match received {
                    Ok(batch) => batch,
                    Err(RecvError::Lagged(_)) => {
                        let (mut known, newer) = self.subscribe();
                        batches = newer;
                        if let Some(StreamItem::Connected { hello, .. }) = known.first() {
                            known.push(StreamItem::Event(ShopEvent::Resync(Resync { seq: hello.seq })));
                        }
                        known.into()
                    }
                    Err(RecvError::Closed) => return,
                },
                () = reconnect.notified() => {
                    self.reconnect.notify_one();
                    [].into()
                }
                () = events.closed() => return,
            };
        }
    }
}

/// The stream item of an event. Sessions do not get other events, such as the shop's address.
fn item(event: Event) -> Option<Item> {
    match event {
        Event::Stream(item) => Some(item),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use common::Seq;
    use common::wire::StockEvent;

    use super::*;

    fn shared() -> (Arc<SharedEvents>, mpsc::Sender<Event>) {
        let (sender, events) = mpsc::channel(BATCH_MAX);
        let shared = Arc::new(SharedEvents {
            batches: broadcast::channel(2).0,
            state: Mutex::new(State {
                connection: StreamItem::Connecting { attempt: 1 },
                upstream_is_live: true,
            }),
            reconnect: Arc::default(),
        });
        tokio::spawn(Arc::clone(&shared).forward(events));
        (shared, sender)
    }

    fn hello(seq: u64) -> Item {
        let hello = format!(r#"{{"seq":{seq},"store":"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4f"}}"#);
        connected(serde_json::from_str(&hello).unwrap())
    }

    fn stock(seq: u64) -> Item {
        let event = format!(r#"{{"seq":{seq},"item":1,"stock":4,"change":-1,"at":"2026-01-31T12:00:00.000000Z"}}"#);
        let event: StockEvent = serde_json::from_str(&event).unwrap();
        StreamItem::Event(ShopEvent::Stock(event))
    }

    async fn next(events: &mut mpsc::Receiver<Event>) -> Item {
        item(events.recv().await.unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_begins_with_the_present_and_then_gets_what_all_get() {
        let (shared, sender) = shared();
        sender.send(Event::Stream(hello(4))).await.unwrap();
        sender.send(Event::Stream(stock(5))).await.unwrap();
        tokio::time::sleep(2 * BATCH_INTERVAL).await;
        let (forwarded, mut events) = mpsc::channel(8);
        tokio::spawn(Arc::clone(&shared).follow(forwarded, Arc::default()));
        assert_eq!(next(&mut events).await, hello(5));
        sender.send(Event::Stream(stock(6))).await.unwrap();
        assert_eq!(next(&mut events).await, stock(6));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_too_far_behind_loads_everything_again() {
        let (shared, sender) = shared();
        sender.send(Event::Stream(hello(1))).await.unwrap();
        tokio::time::sleep(BATCH_INTERVAL).await;
        // It holds one event; the session does not read.
        let (forwarded, mut events) = mpsc::channel(1);
        tokio::spawn(Arc::clone(&shared).follow(forwarded, Arc::default()));
        for seq in 2..=9 {
            sender.send(Event::Stream(stock(seq))).await.unwrap();
            tokio::time::sleep(2 * BATCH_INTERVAL).await;
        }
        let mut last = next(&mut events).await;
        while !matches!(last, StreamItem::Event(ShopEvent::Resync(_))) {
            last = next(&mut events).await;
        }
        let seq = Seq(9);
        assert_eq!(last, StreamItem::Event(ShopEvent::Resync(Resync { seq })));
    }
}
