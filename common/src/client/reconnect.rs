//! An event stream that reconnects by itself and resumes after the last event that it delivered.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::{Error, EventStream, LedgerEvent};
use crate::backoff::Backoff;
use crate::wire::Hello;
use crate::{Code, Seq, StoreId};

/// A connection that was open for this long worked: the next delay is short again.
const STABLE_AFTER: Duration = Duration::from_secs(2);

/// What a [`ReconnectingStream`] reports.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamItem<E> {
    /// A connection is being opened.
    Connecting {
        /// Counts from 1; 1 again after a connection that worked.
        attempt: u32,
    },
    /// The connection is open.
    Connected {
        /// The store, and the last entry of its ledger now.
        hello: Hello,
        /// The events after this entry follow; `None` for the events from now on.
        after: Option<Seq>,
        /// Whether this is another store than that of the last connection.
        store_changed: bool,
    },
    /// An event.
    Event(E),
    /// The connection was lost, or was not made.
    Disconnected {
        /// The cause.
        error: Error,
        /// The number of the next attempt.
        attempt: u32,
        /// The delay before the next attempt.
        retry_in: Duration,
    },
}

type Open<E> = Box<dyn FnMut(Option<Seq>) -> BoxFuture<'static, Result<EventStream<E>, Error>> + Send>;

/// An event stream that never ends. It connects, reconnects and waits only while [`next`](Self::next) is awaited.
pub struct ReconnectingStream<E> {
    open: Open<E>,
    backoff: Backoff,
    attempt: u32,
    position: Option<Seq>,
    store: Option<StoreId>,
    state: State<E>,
}

enum State<E> {
    Disconnected,
    Waiting {
        until: Instant,
    },
    Opening {
        since: Instant,
        opening: BoxFuture<'static, Result<EventStream<E>, Error>>,
    },
    Open {
        since: Instant,
        stream: EventStream<E>,
    },
}

impl<E> std::fmt::Debug for ReconnectingStream<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReconnectingStream")
            .field("position", &self.position)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl<E: LedgerEvent> ReconnectingStream<E> {
    /// A stream of the events after `after`, or of those from now on. `open` makes one connection that resumes after the
    /// entry it is given.
    pub fn new<F>(after: Option<Seq>, backoff: Backoff, open: F) -> Self
    where
        F: FnMut(Option<Seq>) -> BoxFuture<'static, Result<EventStream<E>, Error>> + Send + 'static,
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

    /// The next item. Dropping the future loses nothing.
    pub async fn next(&mut self) -> StreamItem<E> {
        loop {
            match &mut self.state {
                State::Disconnected => {
                    let (since, opening) = (Instant::now(), (self.open)(self.position));
                    self.state = State::Opening { since, opening };
                    return StreamItem::Connecting { attempt: self.attempt };
                }
                State::Waiting { until } => {
                    sleep_until(*until).await;
                    self.state = State::Disconnected;
                }
                State::Opening { since, opening } => {
                    let (since, opened) = (*since, opening.await);
                    return match opened {
                        Ok(stream) => self.connected(since, stream),
                        Err(error) => self.disconnected(since, error),
                    };
                }
                State::Open { since, stream } => {
                    let since = *since;
                    return match stream.next().await {
                        Ok(event) => {
                            self.position = self.position.map(|position| event.advance(position));
                            StreamItem::Event(event)
                        }
                        Err(error) => self.disconnected(since, error),
                    };
                }
            }
        }
    }

    /// The entry after which the next connection resumes.
    pub fn position(&self) -> Option<Seq> {
        self.position
    }

    /// Drops the connection, or ends the wait for the next attempt: the next item is [`StreamItem::Connecting`].
    pub fn reconnect(&mut self) {
        if let State::Open { since, .. } = self.state {
            self.count_attempt(since);
        }
        self.state = State::Disconnected;
    }

    fn connected(&mut self, since: Instant, stream: EventStream<E>) -> StreamItem<E> {
        let (hello, after) = (stream.hello(), stream.after());
        let store_changed = self
            .store
            .replace(hello.store)
            .is_some_and(|store| store != hello.store);
        self.position = Some(after.map_or(hello.seq, |after| after.min(hello.seq)));
        self.state = State::Open { since, stream };
        StreamItem::Connected {
            hello,
            after,
            store_changed,
        }
    }

    fn disconnected(&mut self, since: Instant, error: Error) -> StreamItem<E> {
        if error.code() == Some(Code::InvalidRequest) {
            // The server does not accept the position.
            self.position = None;
        }
        self.count_attempt(since);
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

    fn count_attempt(&mut self, since: Instant) {
        if since.elapsed() >= STABLE_AFTER {
            self.backoff.reset();
            self.attempt = 1;
        } else {
            self.attempt = self.attempt.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use futures::{FutureExt, StreamExt};

    use super::super::events::parse_shop_event;
    use super::super::{ServiceEndpoint, ShopClient, ShopEvent, http_client};
    use super::*;
    use crate::{Problem, limits};

    const STORE: &str = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e";
    const OTHER_STORE: &str = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4f";
    const SILENCE: &str = "";

    fn hello(seq: u64, store: &str) -> String {
        format!("event: hello\ndata: {{\"seq\":{seq},\"store\":\"{store}\"}}\n\n")
    }

    fn stock(seq: u64) -> String {
        format!(
            "event: stock\nid: {seq}\ndata: {{\"seq\":{seq},\"item\":1,\"stock\":5,\"change\":-1,\
             \"at\":\"2026-01-31T12:00:00.000000Z\"}}\n\n"
        )
    }

    fn resync(seq: u64) -> String {
        format!("event: resync\ndata: {{\"seq\":{seq}}}\n\n")
    }

    /// A stream over these connections, each the text that it receives, and the positions that they were opened with.
    /// A connection ends after its text; one that ends in [`SILENCE`] stays open. After the last one all attempts fail.
    #[expect(clippy::type_complexity, reason = "used by the tests alone")]
    fn scripted(
        after: Option<u64>,
        connections: Vec<Vec<String>>,
    ) -> (ReconnectingStream<ShopEvent>, Arc<Mutex<Vec<Option<Seq>>>>) {
        let opened_after = Arc::new(Mutex::new(Vec::new()));
        let (log, mut connections) = (Arc::clone(&opened_after), connections.into_iter());
        let stream = ReconnectingStream::new(after.map(Seq), Backoff::RECONNECT, move |after| {
            log.lock().unwrap().push(after);
            let texts = connections.next();
            async move {
                let texts = texts.ok_or_else(|| Error::unreachable("http://shop", "refused"))?;
                let is_open = texts.last().is_some_and(|text| text == SILENCE);
                let chunks = futures::stream::iter(texts).map(|text| Ok(Bytes::from(text)));
                let chunks = if is_open {
                    chunks.chain(futures::stream::pending()).boxed()
                } else {
                    chunks.boxed()
                };
                EventStream::from_chunks("http://shop".to_owned(), chunks, after, parse_shop_event).await
            }
            .boxed()
        });
        (stream, opened_after)
    }

    /// The item in short: what the tests compare.
    fn short(item: &StreamItem<ShopEvent>) -> String {
        match item {
            StreamItem::Connecting { attempt } => format!("connecting {attempt}"),
            StreamItem::Connected {
                hello,
                after,
                store_changed,
            } => format!(
                "connected at {}{}{}",
                hello.seq,
                after.map_or(String::new(), |after| format!(" after {after}")),
                if *store_changed { ", another store" } else { "" }
            ),
            StreamItem::Event(ShopEvent::Stock(event)) => format!("stock {}", event.seq),
            StreamItem::Event(ShopEvent::Resync(resync)) => format!("resync {}", resync.seq),
            StreamItem::Event(ShopEvent::Upstream(status)) => format!("upstream {}", status.live),
            StreamItem::Disconnected { attempt, .. } => format!("disconnected, next is {attempt}"),
        }
    }

    async fn assert_items(stream: &mut ReconnectingStream<ShopEvent>, expected: &[&str]) {
        for expected in expected {
            assert_eq!(short(&stream.next().await), *expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_step_is_reported_and_a_new_connection_resumes_after_the_last_event() {
        let (mut stream, opened_after) = scripted(
            None,
            vec![
                vec![hello(4, STORE), stock(5), stock(6)],
                vec![hello(9, STORE), stock(7), resync(3)],
                vec![hello(9, OTHER_STORE), SILENCE.to_owned()],
            ],
        );
        let expected = [
            "connecting 1",
            "connected at 4",
            "stock 5",
            "stock 6",
            "disconnected, next is 2",
            "connecting 2",
            "connected at 9 after 6",
            "stock 7",
            "resync 3",
            "disconnected, next is 3",
            "connecting 3",
            "connected at 9 after 3, another store",
        ];
        assert_items(&mut stream, &expected).await;
        assert_eq!(*opened_after.lock().unwrap(), [None, Some(Seq(6)), Some(Seq(3))]);
    }

    #[tokio::test(start_paused = true)]
    async fn delays_grow_up_to_eight_seconds_and_are_short_again_after_a_stable_connection() {
        let (mut stream, _) = scripted(None, vec![vec![hello(4, STORE), SILENCE.to_owned()]]);
        assert_items(&mut stream, &["connecting 1", "connected at 4"]).await;
        // Silence longer than the heartbeat's limit ends a connection that was stable until then.
        let connected_at = Instant::now();
        for (index, limit_ms) in [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000].into_iter().enumerate() {
            let StreamItem::Disconnected {
                attempt,
                retry_in,
                error,
            } = stream.next().await
            else {
                panic!("the stream did not disconnect");
            };
            if index == 0 {
                assert_eq!(connected_at.elapsed(), limits::HEARTBEAT_TIMEOUT);
                assert!(matches!(error, Error::Lost { .. }));
            }
            assert_eq!(attempt as usize, index + 1);
            assert!(retry_in <= Duration::from_millis(limit_ms));
            let since = Instant::now();
            assert_eq!(short(&stream.next().await), format!("connecting {attempt}"));
            // The timer of tokio counts milliseconds.
            assert!(since.elapsed() >= retry_in && since.elapsed() <= retry_in + Duration::from_millis(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reconnecting_on_request_ends_a_wait_and_an_open_connection() {
        let connection = || vec![hello(4, STORE), SILENCE.to_owned()];
        let (mut stream, _) = scripted(Some(2), vec![vec![], connection(), connection()]);
        assert_items(&mut stream, &["connecting 1", "disconnected, next is 2"]).await;
        stream.reconnect();
        let before = Instant::now();
        assert_items(&mut stream, &["connecting 2", "connected at 4 after 2"]).await;
        stream.reconnect();
        assert_items(&mut stream, &["connecting 3", "connected at 4 after 2"]).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_wait_for_the_next_item_loses_nothing() {
        let (mut stream, _) = scripted(None, vec![vec![hello(4, STORE), stock(5)]]);
        let mut items = Vec::new();
        while items.len() < 5 {
            tokio::select! {
                biased;
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
                item = stream.next() => items.push(short(&item)),
            }
            assert!(stream.next().now_or_never().is_none_or(|item| {
                items.push(short(&item));
                true
            }));
        }
        let expected = [
            "connecting 1",
            "connected at 4",
            "stock 5",
            "disconnected, next is 2",
            "connecting 2",
        ];
        assert_eq!(items[..5], expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_position_that_the_server_does_not_accept_is_dropped() {
        let mut refusal = Some(Problem::new(Code::InvalidRequest, "no such position"));
        let mut stream = ReconnectingStream::<ShopEvent>::new(Some(Seq(7)), Backoff::RECONNECT, move |after| {
            let refusal = refusal.take();
            async move {
                assert_eq!(after, refusal.is_some().then_some(Seq(7)));
                let error = refusal.map(|problem| Error::Problem(Box::new(problem)));
                Err(error.unwrap_or_else(|| Error::unreachable("http://shop", "refused")))
            }
            .boxed()
        });
        assert_items(&mut stream, &["connecting 1", "disconnected, next is 2"]).await;
        assert_eq!(stream.position(), None);
        assert_items(&mut stream, &["connecting 2", "disconnected, next is 3"]).await;
    }

    /// Answers one request with a stream of these events; returns its `Last-Event-ID`.
    fn serve_stream(socket: &mut TcpStream, events: &[String]) -> Option<String> {
        let lines = BufReader::new(socket.try_clone().unwrap()).lines();
        let head: Vec<_> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        assert_eq!(head[0], "GET /events HTTP/1.1");
        let response = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        socket.write_all(response.as_bytes()).unwrap();
        for event in events {
            socket.write_all(event.as_bytes()).unwrap();
        }
        let field = |line: &String| line.strip_prefix("last-event-id: ").map(str::to_owned);
        head.iter().find_map(field)
    }

    #[tokio::test]
    async fn a_shop_is_followed_over_two_connections() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let mut first = listener.accept().unwrap().0;
            assert_eq!(
                serve_stream(&mut first, &[hello(4, STORE), ":\n\n".to_owned(), stock(5)]),
                None
            );
            drop(first);
            let mut second = listener.accept().unwrap().0;
            (serve_stream(&mut second, &[hello(6, STORE), stock(6)]), second)
        });
        let shop = ShopClient::new(ServiceEndpoint::parse(http_client().unwrap(), &url).unwrap(), None);
        let mut stream = shop.follow_events(None);
        let expected = [
            "connecting 1",
            "connected at 4",
            "stock 5",
            "disconnected, next is 2",
            "connecting 2",
            "connected at 6 after 5",
            "stock 6",
        ];
        assert_items(&mut stream, &expected).await;
        assert_eq!(server.join().unwrap().0.as_deref(), Some("5"));
    }
}
