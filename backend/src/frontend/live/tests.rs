use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::client::{Error, Freshness};
use common::wire::{Book, StockEvent};
use common::{Stock, Timestamp};

use super::*;
use crate::fixture::{self, at, book, item};
use crate::frontend::cache::CacheKey;

/// A feed of items at given times; pending after the last one.
struct ScriptedFeed {
    items: VecDeque<(Instant, StreamItem<Entry>)>,
    reconnects: Arc<AtomicUsize>,
}

impl Feed for ScriptedFeed {
    async fn next(&mut self) -> StreamItem<Entry> {
        if let Some((at, _)) = self.items.front() {
            tokio::time::sleep_until(*at).await;
        }
        match self.items.pop_front() {
            Some((_, item)) => item,
            None => std::future::pending().await,
        }
    }

    fn reconnect(&mut self) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }
}

/// A front-end's events over a feed that brings each item so many milliseconds after the start.
struct Shop {
    live: Arc<Live>,
    reconnects: Arc<AtomicUsize>,
    follower: tokio::task::JoinHandle<()>,
}

impl Shop {
    fn start(items: Vec<(u64, StreamItem<Entry>)>) -> Self {
        let (live, reconnects) = (Arc::new(Live::new()), Arc::default());
        let start = Instant::now();
        let at = |(millis, item)| (start + Duration::from_millis(millis), item);
        let feed = ScriptedFeed {
            items: items.into_iter().map(at).collect(),
            reconnects: Arc::clone(&reconnects),
        };
        let followed = Arc::clone(&live);
        let follower = tokio::spawn(async move { follow_feed(&followed, feed).await });
        Self {
            live,
            reconnects,
            follower,
        }
    }

    /// Subscribes once the feed is connected.
    async fn subscribe(&self, after: Option<u64>) -> Subscription {
        self.live.wait_for_seq(at(0)).await;
        self.live.subscribe(after.map(at)).unwrap()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

fn hello(Position { epoch, seq }: Position, store: StoreId) -> Hello {
    Hello { seq, store, epoch }
}

fn connected(seq: u64, store: StoreId, after: u64) -> StreamItem<Entry> {
    StreamItem::Connected {
        hello: hello(at(seq), store),
        after: Some(at(after)),
        store_changed: false,
    }
}

fn disconnected() -> StreamItem<Entry> {
    StreamItem::Disconnected {
        error: Error::Lost {
            url: "http://catalog".to_owned(),
            why: "the connection closed".to_owned(),
        },
        attempt: 1,
        retry_in: Duration::ZERO,
    }
}

fn sold(seq: u64, stock_after: u64) -> StreamItem<Entry> {
    StreamItem::Event(fixture::sold(seq, 2, stock_after))
}

fn stock_frame(seq: u64, stock: u64, change: i64) -> Frame {
    let event = StockEvent {
        seq: Seq(seq),
        item: item(2),
        stock: Stock::try_from(stock).unwrap(),
        change,
        at: Timestamp::from_micros(0),
    };
    Frame::event("stock", Some(at(seq)), &event)
}

#[tokio::test(start_paused = true)]
async fn the_first_sale_is_published_at_once_and_those_that_follow_share_a_window() {
    let store = StoreId::generate();
    let items = vec![
        (0, connected(4, store, 4)),
        (10, sold(5, 9)),
        (20, sold(6, 8)),
        (30, sold(7, 7)),
    ];
    let shop = Shop::start(items);
    let start = Instant::now();
    let mut stream = shop.subscribe(None).await.stream;
    assert_eq!(stream.recv().await.unwrap().frame, stock_frame(5, 9, -1));
    assert_eq!(start.elapsed().as_millis(), 10);
    assert_eq!(stream.recv().await.unwrap().frame, stock_frame(7, 7, -2));
    assert_eq!(start.elapsed(), Duration::from_millis(10) + limits::COALESCE_WINDOW);
}

#[tokio::test(start_paused = true)]
async fn a_lost_feed_is_announced_and_resumes_without_a_resync() {
    let store = StoreId::generate();
    let items = vec![
        (0, connected(4, store, 4)),
        (10, sold(5, 9)),
        (10, disconnected()),
        (500, connected(6, store, 5)),
        (500, sold(6, 8)),
    ];
    let shop = Shop::start(items);
    let mut stream = shop.subscribe(None).await.stream;
    for expected in [
        stock_frame(5, 9, -1),
        upstream_event(false),
        upstream_event(true),
        stock_frame(6, 8, -1),
    ] {
        assert_eq!(stream.recv().await.unwrap().frame, expected);
    }
    let missed = shop.subscribe(Some(4)).await.missed.unwrap();
    assert_eq!(
        missed.iter().map(|missed| missed.event.seq.0).collect::<Vec<_>>(),
        [5, 6]
    );
    assert!(shop.subscribe(Some(7)).await.missed.is_none(), "ahead of the feed");
}

/// A line of an order of two, of books 2 and 3.
fn line(number: u16) -> StreamItem<Entry> {
    let seq = u64::from(number) + 4;
    StreamItem::Event(Entry {
        line: common::GroupLine::new(number, 2).unwrap(),
        ..fixture::sold(seq, u64::from(number) + 1, 9)
    })
}

#[tokio::test(start_paused = true)]
async fn an_order_is_applied_when_its_last_line_has_arrived_and_resumed_after_as_a_whole() {
    let store = StoreId::generate();
    let items = vec![
        (0, connected(4, store, 4)),
        (10, line(1)),
        (20, disconnected()),
        (30, connected(6, store, 4)),
        (30, line(1)),
        (40, line(2)),
    ];
    let shop = Shop::start(items);
    let mut stream = shop.subscribe(None).await.stream;
    for expected in [upstream_event(false), upstream_event(true)] {
        assert_eq!(stream.recv().await.unwrap().frame, expected);
        assert_eq!(shop.live.head(), Some(at(4)));
    }
    let published = stream.recv().await.unwrap();
    let mut expected = Vec::new();
    for (seq, number, id) in [(5, 2, None), (6, 3, Some(at(6)))] {
        let event = StockEvent {
            seq: Seq(seq),
            item: item(number),
            stock: Stock::try_from(9).unwrap(),
            change: -1,
            at: Timestamp::from_micros(0),
        };
        crate::http::write_event(&mut expected, "stock", id, &event);
    }
    assert_eq!(
        (published.frame, published.last_seq),
        (Frame::new(expected), Some(at(6)))
    );
}

#[tokio::test(start_paused = true)]
async fn another_store_or_a_shorter_ledger_makes_every_subscriber_resync() {
    let (store, other) = (StoreId::generate(), StoreId::generate());
    for (seq, store_after, reconnects) in [(9, other, 0), (2, store, 1)] {
        let items = vec![
            (0, connected(4, store, 4)),
            (10, disconnected()),
            (20, connected(seq, store_after, 4)),
        ];
        let shop = Shop::start(items);
        let mut stream = shop.subscribe(None).await.stream;
        for expected in [upstream_event(false), resync(at(seq)), upstream_event(true)] {
            assert_eq!(stream.recv().await.unwrap().frame, expected);
        }
        assert_eq!(shop.reconnects.load(Ordering::Relaxed), reconnects);
        assert_eq!(shop.live.subscribe(None).unwrap().hello.store, store_after);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_an_own_change_ends_when_it_is_applied_or_soon() {
    let items = vec![(0, connected(4, StoreId::generate(), 4)), (10, sold(5, 9))];
    let shop = Shop::start(items);
    shop.live.wait_for_seq(at(4)).await;
    shop.live.cache().insert_book(book(2, 10, 2), at(4));
    let start = Instant::now();
    shop.live.wait_briefly(at(5)).await;
    assert_eq!(start.elapsed().as_millis(), 10);
    let hit = shop.live.cache().get(CacheKey::Book(item(2)), Freshness::from(at(5)));
    assert_eq!(
        serde_json::from_slice::<Book>(&hit.unwrap().json).unwrap().stock.get(),
        9
    );
    shop.live.wait_briefly(at(6)).await;
    assert_eq!(start.elapsed(), Duration::from_millis(10) + OWN_CHANGE_TIMEOUT);
}
