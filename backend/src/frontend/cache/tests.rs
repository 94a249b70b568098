use common::{Description, Epoch};

use super::*;
use crate::fixture::{at, book, item, sold};

fn entry(seq: u64, kind: Kind, number: u64, stock: u64) -> Entry {
    let sold = sold(seq, number, stock);
    Entry {
        kind,
        order: sold.order.filter(|_| kind == Kind::Sold),
        ..sold
    }
}

fn stock(cache: &Cache, number: u64, fresh: Freshness) -> Option<u32> {
    let hit = cache.get(CacheKey::Book(item(number)), fresh)?;
    Some(serde_json::from_slice::<Book>(&hit.json).unwrap().stock.get())
}

/// A cache whose state is that after entry 2.
fn cache() -> Cache {
    let cache = Cache::default();
    cache.reset(at(2));
    cache
}

fn page(books: Vec<Book>, next: Option<&str>) -> BookPage {
    let next = next.map(str::to_owned);
    BookPage { books, next }
}

const ANY: Freshness = Freshness {
    min_position: None,
    check_head: false,
};

#[test]
fn a_sale_changes_the_book_and_every_page_that_lists_it() {
    let cache = cache();
    cache.insert_page(
        "topic=t&limit=2",
        page(vec![book(1, 5, 1), book(2, 9, 2)], Some("2")),
        at(2),
    );
    cache.apply(&[sold(3, 2, 8)]);
    assert_eq!(stock(&cache, 2, ANY), Some(8));
    let hit = cache.get(CacheKey::Page("topic=t&limit=2"), ANY).unwrap();
    let shown: BookPage = serde_json::from_slice(&hit.json).unwrap();
    assert_eq!(shown, page(vec![book(1, 5, 1), book(2, 8, 3)], Some("2")));
    assert_eq!((hit.etag, hit.seq), (at(3), at(3)));
}

#[test]
fn a_sale_changes_only_stock_and_seq_in_the_json() {
    let texts = Description::COLUMNS.map(|column| Some(column.into()));
    let description = Description::from_texts(texts).unwrap().unwrap();
    let before = book(1, 5, 1);
    let before = Book::new(
        before.item,
        before.title,
        description,
        before.cost,
        before.stock,
        before.seq,
    );
    let cache = cache();
    cache.insert_book(before.clone(), at(2));
    cache.apply(&[sold(3, 1, 4)]);
    let hit = cache.get(CacheKey::Book(item(1)), ANY).unwrap();
    let after = Book {
        stock: Stock::try_from(4).unwrap(),
        seq: Seq(3),
        ..before
    };
    assert_eq!(hit.json, serde_json::to_vec(&after).unwrap());
}

#[test]
fn a_response_older_than_the_feed_is_updated_or_dropped() {
    let cache = cache();
    cache.apply(&[sold(3, 1, 4)]);
    cache.insert_book(book(1, 5, 1), at(2));
    assert_eq!(stock(&cache, 1, ANY), Some(4));
    cache.insert_book(book(2, 9, 1), at(1));
    assert_eq!(
        stock(&cache, 2, ANY),
        None,
        "a response is cached though later changes are unknown"
    );
}

#[test]
fn a_response_newer_than_the_feed_is_visible_once_the_feed_has_caught_up() {
    let cache = cache();
    cache.insert_book(book(1, 4, 3), at(5));
    assert_eq!(stock(&cache, 1, ANY), None);
    cache.apply(&[sold(3, 1, 4), entry(4, Kind::Refused, 1, 4)]);
    assert_eq!(stock(&cache, 1, ANY), None);
    cache.apply(&[sold(5, 2, 1)]);
    assert_eq!(stock(&cache, 1, ANY), Some(4));
}

#[test]
fn a_request_for_a_newer_or_confirmed_state_is_a_miss() {
    let cache = cache();
    cache.insert_book(book(1, 5, 1), at(2));
    assert_eq!(stock(&cache, 1, Freshness::from(at(2))), Some(5));
    assert_eq!(stock(&cache, 1, Freshness::from(at(3))), None);
    let confirmed = Freshness {
        check_head: true,
        ..ANY
    };
    assert_eq!(stock(&cache, 1, confirmed), None);
}

#[test]
fn a_book_that_is_added_or_withdrawn_empties_the_pages() {
    for kind in [Kind::Withdrawn, Kind::Set] {
        let cache = cache();
        let is_cached = |key| cache.get(key, ANY).is_some();
        cache.insert_page("q=b", page(vec![book(1, 5, 1)], None), at(2));
        cache.insert_topics(Bytes::from_static(b"{}"), at(2));
        assert!(is_cached(CacheKey::Page("q=b")) && is_cached(CacheKey::Topics));
        cache.apply(&[entry(3, kind, 1, 5)]);
        assert!(!is_cached(CacheKey::Page("q=b")) && !is_cached(CacheKey::Topics));
        cache.insert_page("q=b", page(vec![book(1, 5, 1)], None), at(2));
        assert!(
            !is_cached(CacheKey::Page("q=b")),
            "a response from before the change was cached"
        );
    }
}

#[test]
fn hits_have_an_age_while_the_feed_is_lost() {
    let cache = cache();
    cache.insert_book(book(1, 5, 1), at(2));
    let book = CacheKey::Book(item(1));
    let age = || cache.get(book, ANY).unwrap().age_s;
    assert_eq!(age(), None);
    cache.set_live(false);
    assert!(age().is_some());
    cache.set_live(true);
    assert_eq!(age(), None);
}

#[test]
fn a_response_from_another_history_is_not_cached_and_a_request_for_one_does_not_wait() {
    let cache = cache();
    cache.insert_book(book(1, 5, 1), at(2));
    cache.reset(Position {
        epoch: Epoch(1),
        seq: Seq(2),
    });
    assert_eq!(stock(&cache, 1, ANY), None);
    cache.insert_book(book(1, 5, 1), at(2));
    cache.insert_page("q=b", page(vec![book(1, 5, 1)], None), at(2));
    assert_eq!(stock(&cache, 1, ANY), None);
    cache.insert_book(book(1, 6, 1), "2.1".parse().unwrap());
    for (min_position, expected) in [("9", Some(6)), ("2.1", Some(6)), ("3.1", None), ("3.2", Some(6))] {
        let fresh = Freshness::from(min_position.parse::<Position>().unwrap());
        assert_eq!(stock(&cache, 1, fresh), expected, "{min_position}");
    }
    let hit = cache.get(CacheKey::Book(item(1)), ANY).unwrap();
    assert_eq!(
        (hit.etag.to_string(), hit.seq.to_string()),
        ("1.1".to_owned(), "2.1".to_owned())
    );
}
