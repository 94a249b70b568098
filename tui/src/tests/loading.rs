//! Books, searches and the connection: loading, keeping and refreshing.

use common::client::{ShopEvent, StreamItem};
use common::wire::{BookPage, Resync, TopicCount, Topics};
use common::{Code, Seq};

use super::catalog::{STORE, book, found, number, problem, topics, unreachable};
use super::fixture::Fixture;
use crate::app::Overlay;
use crate::effect::{Effect, Query, Request};
use crate::message::Event;

const LOAD_TOPICS: Effect = Effect::Send(Request::Topics);
const LOAD_HEALTH: Effect = Effect::Send(Request::Health);

/// A shop whose topics are loaded, but not the books of the first one.
fn shop_with_topics() -> Fixture {
    let mut shop = Fixture::opened(100, 30);
    shop.send(Event::TopicsLoaded(Ok(topics())));
    shop
}

/// The page after this book of a topic with a million books.
fn endless(after: u64) -> BookPage {
    let one = |item| book(item, &format!("Volume {item}"), None, "distributed systems", 1_000, 5);
    BookPage {
        books: (after + 1..=after + 100).map(one).collect(),
        next: Some((after + 100).to_string()),
    }
}

fn answer_topic(shop: &mut Fixture, page: BookPage) {
    let (generation, _) = shop.topic_request().unwrap();
    shop.effects.clear();
    shop.answer_page(generation, Ok(page), 40);
}

#[test]
fn the_first_frame_is_drawn_before_any_answer() {
    let mut shop = Fixture::opened(100, 30);
    shop.assert_shows("Topics");
    shop.assert_shows("◐ connecting");
    shop.assert_hides("░");
    shop.pass(200);
    shop.assert_shows("░");
    shop.assert_hides("loading");
    shop.pass(300);
    shop.assert_shows("loading");
}

#[test]
fn a_stock_event_updates_the_stock_shown() {
    let mut shop = Fixture::stocked(100, 30);
    shop.assert_shows(" 500 ");
    shop.moved(2, 499, -1, 41);
    shop.assert_shows(" 499▼");
    shop.pass(1_000);
    shop.assert_hides("▼");
    shop.moved(2, 499, -1, 41);
    shop.assert_hides("▼");
    shop.moved(2, 600, 101, 42);
    shop.assert_shows(" 600▲");
}

#[test]
fn a_book_whose_price_and_stock_changed_together_is_loaded_again() {
    let mut shop = Fixture::stocked(100, 30);
    shop.effects.clear();
    shop.moved(2, 600, 100, 41);
    assert_eq!(shop.effects, [Effect::Send(Request::Book(number(2)))]);
    shop.effects.clear();
    shop.moved(2, 599, -1, 42);
    assert_eq!(shop.effects, []);
}

#[test]
fn a_price_that_changed_while_the_screen_was_frozen_is_loaded_afterwards() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press("Enter Space");
    shop.effects.clear();
    shop.moved(2, 600, 100, 41);
    shop.moved(2, 599, -1, 42);
    assert_eq!(shop.effects, []);
    shop.press("Space");
    assert_eq!(shop.effects, [Effect::Send(Request::Book(number(2)))]);
}

#[test]
fn an_idle_shop_needs_no_tick_and_no_frame() {
    let mut shop = Fixture::stocked(100, 30);
    shop.pass(10_000);
    shop.app.dirty = false;
    assert_eq!(shop.app.next_wake(), None);
    shop.moved(999, 1, -1, 41);
    assert!(!shop.app.dirty, "the book is in no list");
    shop.moved(1, 399, -1, 42);
    assert!(shop.app.dirty);
}

#[test]
fn a_frozen_screen_is_marked_and_catches_up() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press("Enter Space");
    shop.moved(2, 499, -1, 41);
    shop.assert_shows("‖ frozen");
    shop.assert_shows(" 500 ");
    shop.press("Space");
    shop.assert_shows(" 499▼");
    shop.assert_shows("● live");
}

#[test]
fn a_lost_connection_counts_down_and_reconnects() {
    let mut shop = Fixture::stocked(100, 30);
    shop.disconnect();
    shop.assert_shows("◐ reconnecting 3s (#2)");
    shop.pass(500);
    shop.assert_shows("◐ reconnecting 2s (#2)");
    shop.effects.clear();
    shop.press("R");
    assert_eq!(shop.effects, [Effect::Reconnect]);
    shop.stream(StreamItem::Connecting { attempt: 2 });
    shop.connect();
    shop.assert_shows("● live");
}

#[test]
fn books_stay_shown_after_a_failed_load_which_is_retried() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press("r");
    let (generation, _) = shop.topic_request().unwrap();
    shop.effects.clear();
    shop.answer_page(generation, Err(unreachable()), 40);
    shop.assert_shows("RPCs for Dummies");
    shop.pass(1_100);
    assert!(shop.topic_request().is_some(), "it is loaded again after a second");
}

#[test]
fn a_new_connection_retries_failed_loads_at_once() {
    let mut shop = Fixture::opened(100, 30);
    shop.send(Event::TopicsLoaded(Err(unreachable())));
    shop.assert_shows("Connection refused");
    shop.assert_shows("Trying again in 1 s");
    shop.effects.clear();
    shop.connect();
    assert!(shop.effects.contains(&LOAD_TOPICS));
}

#[test]
fn a_page_older_than_the_stream_is_loaded_again() {
    let mut shop = shop_with_topics();
    let (generation, query) = shop.topic_request().unwrap();
    shop.connect();
    shop.effects.clear();
    shop.answer_page(generation, Ok(found(&query)), 39);
    assert!(
        shop.topic_request().is_some(),
        "the stream did not report the events between 39 and 40"
    );
}

#[test]
fn another_store_at_the_same_address_is_loaded_again() {
    let mut shop = Fixture::stocked(100, 30);
    shop.effects.clear();
    shop.connect_to("0190b6d5-0000-7000-8000-000000000002", 3);
    assert!(shop.effects.contains(&LOAD_TOPICS));
    shop.assert_hides("RPCs for Dummies");
    shop.answer_requests();
    shop.assert_shows("RPCs for Dummies");
}

#[test]
fn an_older_copy_of_the_store_replaces_what_is_shown() {
    let mut shop = Fixture::stocked(100, 30);
    shop.moved(2, 777, 277, 60);
    shop.assert_shows(" 777");
    shop.disconnect();
    shop.connect_to(STORE, 40);
    shop.stream(StreamItem::Event(ShopEvent::Resync(Resync { seq: Seq(40) })));
    shop.answer_requests();
    shop.assert_hides(" 777");
    shop.assert_shows(" 500");
    shop.moved(2, 499, -1, 41);
    shop.assert_shows(" 499");
}

#[test]
fn a_million_books_are_loaded_page_by_page_as_the_selection_moves_down() {
    let mut shop = shop_with_topics();
    shop.connect();
    answer_topic(&mut shop, endless(0));
    assert_eq!(shop.topic_request(), None, "the selection is far from the end");
    shop.press("Enter");
    shop.draw();
    let mut loaded = 100;
    for _ in 0..300 {
        shop.press("PgDn PgDn PgDn PgDn PgDn");
        if shop.topic_request().is_none() {
            break;
        }
        answer_topic(&mut shop, endless(loaded));
        loaded += 100;
    }
    assert_eq!(shop.app.shop.rows.len(), 20_000, "a list is bounded");
    shop.assert_shows("20,000+");
}

/// The number of the listing and the cursor of a page request.
fn take_page_request(shop: &mut Fixture) -> Option<(u64, Option<String>)> {
    let effects = std::mem::take(&mut shop.effects);
    effects.into_iter().find_map(|effect| match effect {
        Effect::Send(Request::Page { generation, after, .. }) => Some((generation, after)),
        _ => None,
    })
}

#[test]
fn the_last_of_265_170_books_are_reached_with_a_few_requests() {
    const BOOKS: u64 = 265_170;
    // Books in a row, far apart, and as ISBNs.
    let numbers: [fn(u64) -> u64; 3] = [
        |index| index,
        |index| index * 1_000 + 7,
        |index| 9_780_000_000_000 + index,
    ];
    for number in numbers {
        let mut shop = shop_with_topics();
        let counts = vec![TopicCount {
            topic: "distributed systems".into(),
            books: BOOKS,
        }];
        shop.send(Event::TopicsLoaded(Ok(Topics { topics: counts })));
        let page_after = |after: u64| {
            let first = (1..=BOOKS).take_while(|index| number(*index) <= after).count();
            let first = u64::try_from(first).unwrap() + 1;
            let indices: Vec<_> = (first..=BOOKS).take(100).collect();
            let more = indices.last().is_some_and(|last| *last < BOOKS);
            let books = indices
                .iter()
                .map(|index| book(number(*index), "Volume", None, "distributed systems", 1_000, 5));
            BookPage {
                next: more.then(|| number(first + 99).to_string()),
                books: books.collect(),
            }
        };
        answer_topic(&mut shop, page_after(0));
        shop.press("Enter G");
        let mut requests = 0;
        while let Some((generation, after)) = take_page_request(&mut shop) {
            requests += 1;
            shop.answer_page(generation, Ok(page_after(after.unwrap().parse().unwrap())), 40);
        }
        assert!(requests < 45, "{requests} requests");
        assert_eq!(shop.app.shop.selected().unwrap().get(), number(BOOKS));
        let rows = shop.app.shop.rows.len();
        assert!((50..=150).contains(&rows), "{rows}");
        shop.assert_shows("265,170 of 265,170");
        shop.press("g");
        answer_topic(&mut shop, page_after(0));
        assert_eq!(shop.app.shop.selected().unwrap().get(), number(1));
        shop.assert_shows("1 of 100+");
    }
}

#[test]
fn a_search_matches_the_topic_at_once_and_then_the_whole_shop() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press("/ r p c");
    shop.assert_shows("1 match");
    shop.assert_hides("Xen");
    let (_, query) = shop.search_request().unwrap();
    assert_eq!(query, Query::Search("rpc".into()));
    shop.press("Backspace Backspace Backspace");
    shop.effects.clear();
    shop.typed("quix");
    shop.answer_requests();
    shop.assert_shows("Don Quixote");
    shop.assert_shows("1 match");
    shop.press("Enter b");
    assert!(
        matches!(shop.app.overlays.last(), Some(Overlay::Buy(_))),
        "a match can be bought"
    );
    shop.press("Esc Esc");
    shop.assert_shows("RPCs for Dummies");
}

#[test]
fn an_answer_to_an_older_search_is_ignored() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press("/ x");
    let (older, query) = shop.search_request().unwrap();
    shop.press("y");
    shop.answer_page(older, Ok(found(&query)), 40);
    shop.assert_hides("Xen");
}

#[test]
fn a_withdrawn_book_leaves_the_list() {
    let mut shop = Fixture::stocked(100, 30);
    shop.effects.clear();
    shop.moved(2, 0, -500, 41);
    assert_eq!(shop.effects, [Effect::Send(Request::Book(number(2)))]);
    shop.send(Event::BookLoaded {
        item: number(2),
        result: Err(problem(Code::UnknownItem)),
    });
    shop.pass(20_000);
    shop.assert_hides("RPCs for Dummies");
}

#[test]
fn a_shop_with_a_closed_store_is_still_readable() {
    let mut shop = Fixture::at_books();
    shop.send(Event::StoreClosed("the disk failed".into()));
    shop.assert_shows("○ offline");
    shop.assert_shows("closed for good: the disk failed");
    shop.assert_shows("RPCs for Dummies");
    shop.press("b");
    assert!(shop.app.overlays.is_empty());
}

#[test]
fn services_are_polled_only_while_their_screen_is_shown() {
    let mut shop = Fixture::stocked(100, 30);
    shop.pass(10_000);
    assert!(!shop.effects.contains(&LOAD_HEALTH));
    shop.press("4");
    assert!(shop.effects.contains(&LOAD_HEALTH));
    shop.send(Event::HealthLoaded(Err(unreachable())));
    shop.effects.clear();
    shop.pass(2_100);
    assert!(shop.effects.contains(&LOAD_HEALTH));
    shop.press("1");
    shop.send(Event::HealthLoaded(Err(unreachable())));
    shop.effects.clear();
    shop.pass(60_000);
    assert!(!shop.effects.contains(&LOAD_HEALTH));
}
