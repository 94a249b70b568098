//! Orders of several lines and changes of several books.

use common::entry::groups;
use common::wire::Book;
use common::{Entry, GroupPosition, Kind, OrderId, Reason, Seq, limits};

use super::{ALL_SEQS, Fixture, ReferenceShop, assert_survives, book, described};
use crate::{Error, Store};

/// A store with 30 books and orders of different sizes in several batches.
fn baskets(store: &dyn Store) -> ReferenceShop {
    let books: Vec<Book> = (1..=30).map(|item| book(item, &format!("Title {item}"), 40)).collect();
    let mut shop = ReferenceShop::filled_with(store, &books);
    for sizes in [&[1, 3, 1, 2][..], &[20], &[2, 2, 19, 1], &[5; 300]] {
        shop.sell_baskets_through(store, sizes);
    }
    shop
}

pub(super) fn groups_are_read_and_found_whole(fixture: &dyn Fixture) {
    let shop = baskets(&*fixture.open().unwrap());
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    let refused = shop.entries.iter().filter(|entry| entry.kind == Kind::Refused);
    let reasons: Vec<_> = refused.filter_map(|entry| entry.reason).collect();
    assert!(reasons.contains(&Reason::SoldOut) && reasons.contains(&Reason::WithOthers));
    let all: Vec<&[Entry]> = groups(&shop.entries).collect();
    for group in all.iter().filter(|group| group[0].order.is_some()) {
        let (first, order) = (group[0].seq, group[0].order.unwrap());
        assert_eq!(store.find(order, first..=first).unwrap(), **group);
        assert_eq!(store.find(order, ALL_SEQS).unwrap(), **group);
    }
    for limit in [1, 2, 7, 19, 20, 1_000] {
        let (mut after, mut read) = (Seq::ZERO, Vec::new());
        loop {
            let page = store.read(after, limit).unwrap();
            let Some(last) = page.last() else { break };
            assert!(last.line.is_last(), "a page of {limit} ends within {}", last.seq);
            let least = page.len() - usize::from(last.line.count()) + 1;
            assert!(
                (least..=page.len()).contains(&limit) || last.seq == shop.head,
                "{limit}"
            );
            after = last.seq;
            read.extend(page);
        }
        assert_eq!(read, shop.entries, "in pages of {limit}");
    }
}

pub(super) fn orders_are_listed_by_the_entries_they_begin_with(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let shop = baskets(&*store);
    // The range 31 to 40 begins and ends within an order.
    for range in [Seq(1)..=shop.head, Seq(31)..=Seq(40), Seq(200)..=Seq(u64::MAX)] {
        let firsts = shop.entries.iter().filter(|entry| range.contains(&entry.seq));
        let expected: Vec<_> = firsts
            .filter(|entry| entry.line.is_first())
            .filter_map(|entry| Some((entry.seq, entry.order?)))
            .collect();
        for limit in [usize::MAX, 3, 1] {
            let first = &expected[..expected.len().min(limit)];
            assert_eq!(store.orders(range.clone(), limit).unwrap(), first);
        }
    }
}

pub(super) fn a_part_of_a_group_is_refused(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = baskets(&*store);
    let (before, head) = (shop.clone(), shop.head);
    let entries = shop.sell_baskets(&[1, 3]);
    let mut other_order = entries.clone();
    other_order[2].order = Some(OrderId::generate());
    let mut other_count = entries.clone();
    other_count[3].line = GroupPosition::new(3, 4).unwrap();
    for part in [&entries[..2], &entries[..3], &other_order, &other_count] {
        let refused = store.append(head, part).unwrap_err();
        assert!(
            matches!(refused, Error::PartialGroup(_)) && refused.is_transient(),
            "{refused}"
        );
    }
    before.assert_matches(&*store);
    store.append(head, &entries).unwrap();
    let behind = Entry {
        line: GroupPosition::new(2, 2).unwrap(),
        seq: shop.head.next(),
        ..entries[3].clone()
    };
    assert!(matches!(
        store.append(shop.head, &[behind]),
        Err(Error::PartialGroup(_))
    ));
    shop.assert_matches(&*store);
}

pub(super) fn the_largest_numbers_and_groups_survive(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut books: Vec<Book> = (1..=1_000).map(|item| book(item, "Title", 9)).collect();
    let last = books.last_mut().unwrap();
    last.item = limits::ITEM_MAX.try_into().unwrap();
    (last.author, last.cost) = (Some("ж".repeat(512).into()), "9999999.99".parse().unwrap());
    let mut shop = ReferenceShop::filled_with(&*store, &books);
    shop.sell_baskets_through(&*store, &[3, 1_000, 1]);
    // A shopkeeper's change of many books.
    let order = OrderId::generate();
    let changes = (1..).zip(&shop.books).map(|(number, book)| {
        let changed = Book {
            title: "Another, \"quoted\" title".into(),
            seq: Seq(shop.head.0 + u64::from(number)),
            ..book.clone()
        };
        Entry {
            line: GroupPosition::new(number, 1_000).unwrap(),
            order: Some(order),
            ..described(&changed, 0)
        }
    });
    let changes: Vec<Entry> = changes.collect();
    store.append(shop.head, &changes).unwrap();
    shop.apply(&changes);
    assert_eq!(store.find(order, ALL_SEQS).unwrap(), changes);
    shop.assert_matches(&*store);
    assert_survives(fixture, store, &shop);
}
