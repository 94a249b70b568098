//! An event stream that reconnects and resumes after the last event that it delivered.

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::{Error, EventStream};
use crate::backoff::Backoff;
use crate::wire::Hello;
use crate::{Code, Position, StoreId};

/// A connection that was open for this long was stable: it resets backoff and attempts.
const STABLE_AFTER: Duration = Duration::from_secs(2);

/// An item of a [`ReconnectingStream`].
#[derive(Debug, Clone, PartialEq)]
pub enum StreamItem<E> {
    /// A connection is being opened.
    Connecting {
        /// The number of the attempt since the last stable connection, from 1.
        attempt: u32,
    },
    /// The connection is open.
    Connected {
        /// The store and its ledger's current head.
        hello: Hello,
        /// The requested position, after which events follow; `None` for new events only.
        after: Option<Position>,
        /// Whether the last connection had another store.
        store_changed: bool,
    },
    /// An event.
    Event(E),
    /// The connection was lost, or the attempt failed.
    Disconnected {
        /// The cause.
        error: Error,
        /// The number of the next attempt.
        attempt: u32,
        /// The delay before the next attempt.
        retry_in: Duration,
    },
}

type Open<E> = Box<dyn FnMut(Option<Position>) -> BoxFuture<'static, Result<EventStream<E>, Error>> + Send>;

/// An endless event stream. It connects, reconnects and waits only while [`next`](Self::next) is awaited.
pub struct ReconnectingStream<E> {
    open: Open<E>,
    backoff: Backoff,
    attempt: u32,
    position: Option<Position>,
    store: Option<StoreId>,
    state: State<E>,
}

enum State<E> {
    Disconnected,
    Waiting { until: Instant },
    Opening(BoxFuture<'static, Result<EventStream<E>, Error>>),
    Open { since: Instant, stream: EventStream<E> },
}

impl<E> ReconnectingStream<E> {
    /// A stream of the events after `after`, or of new events only. `open` makes one connection that resumes after its
    /// argument.
    pub fn new<F>(after: Option<Position>, backoff: Backoff, open: F) -> Self
    where
        F: FnMut(Option<Position>) -> BoxFuture<'static, Result<EventStream<E>, Error>> + Send + 'static,
    {
        Self {
            open: Box::new(open),
            backoff,
            attempt: 1,
            position: after,
            store: None,
            state: State::Disconnected,
        }
    }

    /// The next item. Cancel safe.
    pub async fn next(&mut self) -> StreamItem<E> {
        loop {
            match &mut self.state {
                State::Disconnected => {
                    self.state = State::Opening((self.open)(self.position));
                    return StreamItem::Connecting { attempt: self.attempt };
                }
                State::Waiting { until } => {
                    sleep_until(*until).await;
                    self.state = State::Disconnected;
                }
                State::Opening(opening) => {
                    return match opening.await {
                        Ok(stream) => self.connected(stream),
                        Err(error) => self.disconnected(None, error),
                    };
                }
                State::Open { since, stream } => {
                    let since = *since;
                    return match stream.next().await {
                        Ok(event) => {
                            let position = stream.position();
                            self.position = Some(position);
                            if position.epoch != stream.hello().epoch {
                                // The history was replaced: the next `hello` names its store.
                                self.reconnect();
                            }
                            StreamItem::Event(event)
                        }
                        Err(error) => self.disconnected(Some(since), error),
                    };
                }
            }
        }
    }

    /// The position after which the next connection resumes.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Drops the connection, or ends the wait for the next attempt: the next item is [`StreamItem::Connecting`].
    pub fn reconnect(&mut self) {
        if let State::Open { since, .. } = self.state {
            self.count_attempt(Some(since));
        }
        self.state = State::Disconnected;
    }

    fn connected(&mut self, stream: EventStream<E>) -> StreamItem<E> {
        let (hello, after) = (stream.hello(), stream.after());
        let last_store = self.store.replace(hello.store);
        let store_changed = last_store.is_some_and(|store| store != hello.store);
        self.position = Some(stream.position());
        let since = Instant::now();
        self.state = State::Open { since, stream };
        StreamItem::Connected {
            hello,
            after,
            store_changed,
        }
    }

    fn disconnected(&mut self, connected_at: Option<Instant>, error: Error) -> StreamItem<E> {
        if error.code() == Some(Code::InvalidRequest) {
            // The server rejects the position.
            self.position = None;
        }
        self.count_attempt(connected_at);
        let retry_in = self.backoff.next_delay();
        self.state = State::Waiting {
            until: Instant::now() + retry_in,
        };
        StreamItem::Disconnected {
            error,
            attempt: self.attempt,
            retry_in,
        }
    }

    /// Counts an attempt since the last stable connection; `connected_at` is when the lost connection was made.
    fn count_attempt(&mut self, connected_at: Option<Instant>) {
        if connected_at.is_some_and(|connected_at| connected_at.elapsed() >= STABLE_AFTER) {
            self.backoff.reset();
            self.attempt = 1;
        } else {
            self.attempt = self.attempt.saturating_add(1);
        }
    }
}
