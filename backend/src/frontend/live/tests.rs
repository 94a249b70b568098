use common::client::{AppendedEntries, Freshness};
use common::wire::{Book, StockEvent};
use common::{Epoch, Stock, Timestamp};
use tokio::time::Instant;

use super::own_changes::OWN_CHANGE_TIMEOUT;
use super::*;
use crate::fixture::{self, at, book, item};
use crate::frontend::cache::CacheKey;

/// A call that the catalog makes to a follower.
enum Step {
    Connected { head: u64, store: StoreId, after: u64 },
    Entry(Entry),
    Disconnected,
}

use Step::{Connected, Disconnected};

impl Step {
    fn take(self, live: &Live) {
        match self {
            Connected { head, store, after } => {
                let epoch = Epoch::FIRST;
                let hello = Hello {
                    seq: Seq(head),
                    store,
                    epoch,
                };
                live.connected(&hello, at(after).min(at(head)));
            }
            Self::Entry(entry) => live.apply(&[entry]),
            Disconnected => live.disconnected(),
        }
    }
}

/// A front-end's events over a feed; each step has its time in milliseconds after the start.
struct Shop {
    live: Arc<Live>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Shop {
    fn start(steps: Vec<(u64, Step)>) -> Self {
        let live = Arc::new(Live::new());
        let (followed, start) = (Arc::clone(&live), Instant::now());
        let follow = async move {
            for (millis, step) in steps {
                tokio::time::sleep_until(start + Duration::from_millis(millis)).await;
                step.take(&followed);
            }
        };
        let publish = Arc::clone(&live).publish_changes();
        let tasks = [tokio::spawn(follow), tokio::spawn(publish)];
        Self { live, tasks }
    }

    /// Subscribes once the feed is connected.
    async fn subscribe(&self, after: Option<u64>) -> Subscription {
        self.live.wait_for_position(at(0)).await;
        self.live.subscribe(after.map(at)).unwrap()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

fn connected(head: u64, store: StoreId, after: u64) -> Step {
    Connected { head, store, after }
}

fn sold(seq: u64, stock_after: u64) -> Step {
    Step::Entry(fixture::sold(seq, 2, stock_after))
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
        (10, Disconnected),
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
    assert!(
        shop.subscribe(Some(7)).await.missed.is_none(),
        "a position ahead of the feed has missed events"
    );
}

/// A line of an order of two, of books 2 and 3.
fn line(number: u16) -> Entry {
    let seq = u64::from(number) + 4;
    Entry {
        line: common::GroupPosition::new(number, 2).unwrap(),
        ..fixture::sold(seq, u64::from(number) + 1, 9)
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_is_resumed_after_as_a_whole() {
    let shop = Shop::start(vec![(0, connected(4, StoreId::generate(), 4))]);
    let mut stream = shop.subscribe(None).await.stream;
    shop.live.apply(&[line(1), line(2)]);
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
        (published.frame, published.last_position),
        (Frame::new(expected), Some(at(6)))
    );
}

/// Applies the answer to an own purchase, with the position of its last entry.
fn apply_written(live: &Live, store: StoreId, entries: &[Entry]) {
    let position = at(entries.last().unwrap().seq.0);
    let json = serde_json::to_vec(entries).unwrap().into();
    live.apply_written(&AppendedEntries::new(store, json), position);
}

#[test]
fn an_answer_is_applied_as_far_as_it_continues_the_feed_of_its_store_and_the_feed_skips_it() {
    let (live, store) = (Live::new(), StoreId::generate());
    let written = |store, entries: &[Entry]| {
        apply_written(&live, store, entries);
        live.head().map(|head| head.seq.0)
    };
    let entries: Vec<Entry> = (5..12).map(|seq| fixture::sold(seq, 2, 100 - seq)).collect();
    assert_eq!(
        written(store, &entries[..1]),
        None,
        "an answer is applied before there is a feed"
    );
    connected(4, store, 4).take(&live);
    live.cache().insert_book(book(2, 96, 4), at(4));
    assert_eq!(
        written(StoreId::generate(), &entries[..1]),
        Some(4),
        "an answer of another store is applied"
    );
    assert_eq!(written(store, &entries[1..2]), Some(4), "a gap");
    assert_eq!(
        written(store, &[&entries[..2], &entries[3..4]].concat()),
        Some(6),
        "an answer after a gap is applied"
    );
    assert_eq!(written(store, &entries[..1]), Some(6), "old");
    assert_eq!(written(store, &[line(1)]), Some(6), "half an order is visible");
    // The feed sends the same entries again.
    live.apply(&entries[..5]);
    assert_eq!(live.head(), Some(at(9)));
    assert_eq!(written(store, &entries[3..]), Some(11));
    let hit = live
        .cache()
        .get(CacheKey::Book(item(2)), Freshness::from(at(11)))
        .unwrap();
    let cached: Book = serde_json::from_slice(&hit.json).unwrap();
    assert_eq!((cached.stock.get(), cached.seq), (89, Seq(11)));
    let events = live.subscribe(Some(at(4))).unwrap().missed.unwrap();
    let seqs: Vec<u64> = events.iter().map(|event| event.event.seq.0).collect();
    assert_eq!(
        seqs,
        [5, 6, 7, 8, 9, 10, 11],
        "an entry is published twice or not at all"
    );
}

#[test]
fn a_connection_behind_the_applied_answers_continues_and_one_of_a_shorter_ledger_does_not() {
    for (head, continues) in [(7, true), (6, true), (5, false)] {
        let (live, store) = (Live::new(), StoreId::generate());
        connected(4, store, 4).take(&live);
        let entries = vec![fixture::sold(5, 2, 9), fixture::sold(6, 2, 8)];
        apply_written(&live, store, &entries);
        Disconnected.take(&live);
        connected(head, store, 4).take(&live);
        assert_eq!(live.head(), Some(at(if continues { 6 } else { 4 })));
    }
}

#[tokio::test(start_paused = true)]
async fn another_store_or_a_shorter_ledger_makes_every_subscriber_resync() {
    let (store, other) = (StoreId::generate(), StoreId::generate());
    for (seq, store_after) in [(9, other), (2, store)] {
        let steps = vec![
            (0, connected(4, store, 4)),
            (10, Disconnected),
            (20, connected(seq, store_after, 4)),
        ];
        let shop = Shop::start(steps);
        let mut stream = shop.subscribe(None).await.stream;
        let resync = resync(at(seq));
        for expected in [upstream_event(false), resync, upstream_event(true)] {
            assert_eq!(stream.recv().await.unwrap().frame, expected);
        }
        assert_eq!(shop.live.subscribe(None).unwrap().hello.store, store_after);
    }
}

#[tokio::test]
async fn another_entry_at_the_last_position_makes_every_subscriber_resync() {
    let (live, store) = (Live::new(), StoreId::generate());
    connected(4, store, 4).take(&live);
    let last = fixture::sold(5, 2, 9);
    Step::Entry(last.clone()).take(&live);
    live.cache().insert_book(book(2, 9, 5), at(5));
    live.observe_position(at(5));
    let mut stream = live.subscribe(None).unwrap().stream;
    let reconnect = |entry: Step| {
        let entries = vec![fixture::sold(6, 2, 8)];
        Disconnected.take(&live);
        connected(6, store, 5).take(&live);
        apply_written(&live, store, &entries);
        assert_eq!(
            live.head(),
            Some(at(5)),
            "an answer does not count until the entry before it is compared"
        );
        entry.take(&live);
        live.cache()
            .get(CacheKey::Book(item(2)), Freshness::default())
            .is_some()
    };
    assert!(
        reconnect(Step::Entry(last)),
        "a reconnect with the same last entry makes subscribers resync"
    );
    assert!(
        !reconnect(sold(5, 7)),
        "a reconnect with another last entry does not make subscribers resync"
    );
    assert_eq!(live.head(), Some(at(5)));
    let live_and_back = [upstream_event(false), upstream_event(true)];
    for expected in live_and_back.iter().chain(&live_and_back).chain([&resync(at(6))]) {
        assert_eq!(stream.recv().await.unwrap().frame, *expected);
    }
    assert!(
        live.subscribe(Some(at(4)))
            .unwrap()
            .missed
            .is_some_and(|missed| missed.len() == 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_clients_own_change_ends_when_it_is_applied_or_after_a_limit() {
    let items = vec![(0, connected(4, StoreId::generate(), 4)), (10, sold(5, 9))];
    let shop = Shop::start(items);
    shop.live.wait_for_position(at(4)).await;
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
