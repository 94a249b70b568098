use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};

use super::*;
use crate::client::events::parse_shop_event;
use crate::client::{ServiceEndpoint, ShopClient, ShopEvent, http_client};
use crate::{Problem, Seq, limits};

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
    format!("event: resync\nid: {seq}\ndata: {{\"seq\":{seq}}}\n\n")
}

/// A stream over connections that receive these texts, and the positions with which they are opened. A connection closes
/// after its text, unless that ends in [`SILENCE`]. After the last connection all attempts fail.
#[expect(clippy::type_complexity, reason = "used by the tests alone")]
fn scripted(
    after: Option<u64>,
    connections: Vec<Vec<String>>,
) -> (ReconnectingStream<ShopEvent>, Arc<Mutex<Vec<Option<Position>>>>) {
    let opened_after = Arc::new(Mutex::new(Vec::new()));
    let (log, mut connections) = (Arc::clone(&opened_after), connections.into_iter());
    let stream = ReconnectingStream::new(after.map(|seq| Seq(seq).into()), Backoff::RECONNECT, move |after| {
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

/// A short form of an item, which the tests compare.
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

/// Asserts the next items in short form, separated by ` | `.
async fn assert_items(stream: &mut ReconnectingStream<ShopEvent>, expected: &str) {
    for expected in expected.split(" | ") {
        assert_eq!(short(&stream.next().await), expected);
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
    let expected = "connecting 1 | connected at 4 | stock 5 | stock 6 | disconnected, next is 2 | connecting 2 | \
        connected at 9 after 6 | stock 7 | resync 3 | disconnected, next is 3 | connecting 3 | \
        connected at 9 after 3, another store";
    assert_items(&mut stream, expected).await;
    assert_eq!(
        *opened_after.lock().unwrap(),
        [None, Some(Seq(6).into()), Some(Seq(3).into())]
    );
}

#[tokio::test(start_paused = true)]
async fn delays_grow_up_to_eight_seconds_and_are_short_again_after_a_stable_connection() {
    let (mut stream, _) = scripted(None, vec![vec![hello(4, STORE), SILENCE.to_owned()]]);
    assert_items(&mut stream, "connecting 1 | connected at 4").await;
    // A heartbeat timeout ends a connection that was stable.
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
        // Tokio's timer has a resolution of a millisecond.
        assert!(since.elapsed() >= retry_in && since.elapsed() <= retry_in + Duration::from_millis(1));
    }
}

#[tokio::test(start_paused = true)]
async fn reconnecting_on_request_ends_a_wait_and_an_open_connection() {
    let connection = || vec![hello(4, STORE), SILENCE.to_owned()];
    let (mut stream, _) = scripted(Some(2), vec![vec![], connection(), connection()]);
    assert_items(&mut stream, "connecting 1 | disconnected, next is 2").await;
    stream.reconnect();
    let before = Instant::now();
    assert_items(&mut stream, "connecting 2 | connected at 4 after 2").await;
    stream.reconnect();
    assert_items(&mut stream, "connecting 3 | connected at 4 after 2").await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_next_item_is_cancel_safe() {
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
    let expected = "connecting 1 | connected at 4 | stock 5 | disconnected, next is 2 | connecting 2";
    assert_eq!(items[..5].join(" | "), expected);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_the_server_rejects_is_dropped() {
    let mut refusal = Some(Problem::new(Code::InvalidRequest, "no such position"));
    let mut stream = ReconnectingStream::<ShopEvent>::new(Some(Seq(7).into()), Backoff::RECONNECT, move |after| {
        let refusal = refusal.take();
        async move {
            assert_eq!(after, refusal.is_some().then_some(Seq(7).into()));
            let error = refusal.map(|problem| Error::Problem(Box::new(problem)));
            Err(error.unwrap_or_else(|| Error::unreachable("http://shop", "refused")))
        }
        .boxed()
    });
    assert_items(&mut stream, "connecting 1 | disconnected, next is 2").await;
    assert_eq!(stream.position(), None);
    assert_items(&mut stream, "connecting 2 | disconnected, next is 3").await;
}

#[tokio::test(start_paused = true)]
async fn the_stream_reconnects_when_the_history_is_replaced() {
    let again = format!("event: hello\ndata: {{\"seq\":4,\"store\":\"{OTHER_STORE}\",\"epoch\":1}}\n\n");
    let other_history = "event: resync\nid: 3.1\ndata: {\"seq\":3}\n\n".to_owned();
    let (mut stream, opened_after) = scripted(
        Some(5),
        vec![
            vec![hello(9, STORE), stock(6), other_history, SILENCE.to_owned()],
            vec![again, SILENCE.to_owned()],
        ],
    );
    let expected = "connecting 1 | connected at 9 after 5 | stock 6 | resync 3 | connecting 2 | \
        connected at 4 after 3.1, another store";
    assert_items(&mut stream, expected).await;
    assert_eq!(*opened_after.lock().unwrap(), [Some(Seq(5).into()), "3.1".parse().ok()]);
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
    let expected = "connecting 1 | connected at 4 | stock 5 | disconnected, next is 2 | connecting 2 | \
        connected at 6 after 5 | stock 6";
    assert_items(&mut stream, expected).await;
    assert_eq!(server.join().unwrap().0.as_deref(), Some("5"));
}
