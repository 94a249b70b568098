use common::{Cost, OrderId, Timestamp};

use super::*;

fn book(item: u64, stock: u64, seq: u64) -> Book {
    Book {
        item: ItemNumber::try_from(item).unwrap(),
        title: format!("Book {item}, \",\"stock\":7\""),
        author: None,
        topic: "t".into(),
        cost: Cost::default(),
        stock: Stock::try_from(stock).unwrap(),
        seq: Seq(seq),
    }
}

fn entry(seq: u64, kind: Kind, item: u64, stock: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        at: Timestamp::from_micros(0),
        kind,
        item: ItemNumber::try_from(item).unwrap(),
        quantity: None,
        change: 0,
        stock_after: Stock::try_from(stock).ok(),
        order: (kind == Kind::Sold).then(OrderId::generate),
        unit_cost: None,
        reason: None,
    }
}

fn stock(cache: &Cache, item: u64, fresh: Freshness) -> Option<u32> {
    let hit = cache.book(ItemNumber::try_from(item).unwrap(), fresh)?;
    Some(serde_json::from_slice::<Book>(&hit.json).unwrap().stock.get())
}

fn cache(position: u64) -> Cache {
    let cache = Cache::default();
    cache.reset(Seq(position));
    cache
}

const ANY: Freshness = Freshness {
    min_seq: None,
    confirm_head: false,
};

#[test]
fn a_sale_changes_the_book_and_every_page_that_lists_it() {
    let cache = cache(2);
    let page = BookPage {
        books: vec![book(1, 5, 1), book(2, 9, 2)],
        next: Some("2".into()),
    };
    cache.insert_page("topic=t&limit=2", page, Seq(2));
    cache.apply(&[entry(3, Kind::Sold, 2, 8)]);
    assert_eq!(stock(&cache, 2, ANY), Some(8));
    let hit = cache.page("topic=t&limit=2", ANY).unwrap();
    let shown: BookPage = serde_json::from_slice(&hit.json).unwrap();
    assert_eq!(
        shown,
        BookPage {
            books: vec![book(1, 5, 1), book(2, 8, 3)],
            next: Some("2".into())
        }
    );
    assert_eq!((hit.etag, hit.seq), (Seq(3), Seq(3)));
}

#[test]
fn a_response_older_than_the_feed_is_updated_or_dropped() {
    let cache = cache(2);
    cache.apply(&[entry(3, Kind::Sold, 1, 4)]);
    cache.insert_book(book(1, 5, 1), Seq(2));
    assert_eq!(stock(&cache, 1, ANY), Some(4));
    cache.insert_book(book(2, 9, 1), Seq(1));
    assert_eq!(stock(&cache, 2, ANY), None, "the changes since are not known");
}

#[test]
fn a_response_newer_than_the_feed_is_visible_once_the_feed_has_caught_up() {
    let cache = cache(2);
    cache.insert_book(book(1, 4, 3), Seq(5));
    assert_eq!(stock(&cache, 1, ANY), None);
    cache.apply(&[entry(3, Kind::Sold, 1, 4), entry(4, Kind::Refused, 1, 4)]);
    assert_eq!(stock(&cache, 1, ANY), None);
    cache.apply(&[entry(5, Kind::Sold, 2, 1)]);
    assert_eq!(stock(&cache, 1, ANY), Some(4));
}

#[test]
fn a_request_for_a_newer_or_confirmed_state_is_a_miss() {
    let cache = cache(2);
    cache.insert_book(book(1, 5, 1), Seq(2));
    assert_eq!(stock(&cache, 1, Freshness::from(Seq(2))), Some(5));
    assert_eq!(stock(&cache, 1, Freshness::from(Seq(3))), None);
    assert_eq!(
        stock(
            &cache,
            1,
            Freshness {
                min_seq: None,
                confirm_head: true
            }
        ),
        None
    );
}

#[test]
fn a_book_that_is_added_or_withdrawn_empties_the_pages() {
    for kind in [Kind::Withdrawn, Kind::Set] {
        let cache = cache(2);
        cache.insert_page(
            "q=b",
            BookPage {
                books: vec![book(1, 5, 1)],
                next: None,
            },
            Seq(2),
        );
        cache.insert_topics(Bytes::from_static(b"{}"), Seq(2));
        cache.apply(&[entry(3, kind, 1, 5)]);
        assert!(cache.page("q=b", ANY).is_none() && cache.topics(ANY).is_none());
        cache.insert_page(
            "q=b",
            BookPage {
                books: vec![book(1, 5, 1)],
                next: None,
            },
            Seq(2),
        );
        assert!(cache.page("q=b", ANY).is_none(), "a response from before was cached");
    }
}

#[test]
fn hits_have_an_age_while_the_feed_is_lost() {
    let cache = cache(2);
    cache.insert_book(book(1, 5, 1), Seq(2));
    let age = || cache.book(ItemNumber::try_from(1).unwrap(), ANY).unwrap().age_s;
    assert_eq!(age(), None);
    cache.set_live(false);
    assert!(age().is_some());
    cache.set_live(true);
    assert_eq!(age(), None);
}
