//! The books: imports, checkpoints, restores.

use std::iter;

use common::entry::groups;
use common::wire::Book;
use common::{Description, Entry, Seq};

use super::{Fixture, ReferenceShop, assert_survives, book, filled, four_books};
use crate::Error;

pub(super) fn any_title_survives(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::empty();
    let hostile = [
        "\"",
        "\"\"",
        ",",
        "a,b",
        "'; DROP TABLE books; --",
        "=1+1",
        "#",
        "\\",
        "戰爭與和平",
        "Война и мир",
        "a\u{202e}b\u{200b}",
        "e\u{301}\u{301}",
        "🦀\u{1F469}\u{200D}\u{1F680}",
        "none",
        "NULL",
        "0",
        "%00",
        "{}",
        "\u{fffd}",
    ];
    let long = "ж".repeat(512);
    let titles = hostile.into_iter().chain(iter::once(long.as_str()));
    let books: Vec<Book> = (1..)
        .zip(titles)
        .map(|(item, title)| {
            let book = book(item, title, 10);
            let described = match item % 2 {
                0 => Description::from_texts(Description::COLUMNS.map(|_| Some(title.into()))),
                _ => Ok(Some(Description::new(title))),
            };
            let description = described.unwrap().unwrap();
            Book::new(book.item, book.title, description, book.cost, book.stock, book.seq)
        })
        .collect();
    shop.import_through(&*store, &books);
    shop.sell_through(&*store, 2 * books.len());
    shop.assert_matches(&*store);
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    store.checkpoint(&shop.books, shop.head).unwrap();
    assert_survives(fixture, store, &shop);
}

pub(super) fn an_import_replaces_the_whole_catalog(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    shop.sell_through(&*store, 10);
    let mut wanted = shop.books.clone();
    wanted.remove(2);
    wanted[0].title = "Another title".into();
    wanted[1].author = Some("An author".into());
    wanted.push(book(77, "New", 5));
    assert_eq!(shop.plan_import(&wanted).len(), 4);
    shop.import_through(&*store, &wanted);
    shop.assert_matches(&*store);
    shop.sell_baskets_through(&*store, &[1, 4, 2]);
    shop.assert_matches(&*store);
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    shop.import_through(&*store, &[]);
    assert_survives(fixture, store, &shop);
}

pub(super) fn a_book_may_change_several_times_in_one_batch(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    let mut wanted = shop.books.clone();
    wanted[1].title = "Another title".into();
    wanted.push(book(9, "New", 5));
    let mut next = shop.clone();
    next.apply(&shop.plan_import(&wanted));
    next.sell_baskets(&[5, 1, 3]);
    wanted = next.books.clone();
    wanted.remove(4);
    wanted.remove(0);
    next.apply(&next.plan_import(&wanted));
    wanted.insert(0, book(1, "Back", 2));
    next.apply(&next.plan_import(&wanted));
    next.sell_baskets(&[4]);
    store.append(shop.head, &next.entries[shop.entries.len()..]).unwrap();
    shop = next;
    shop.assert_matches(&*store);
    assert_survives(fixture, store, &shop);
}

pub(super) fn a_description_that_no_catalog_file_can_hold_is_refused(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    let entries = shop.plan_import(&[book(1, "two\nlines", 1)]);
    assert!(matches!(store.append(shop.head, &entries), Err(Error::CatalogFile(_))));
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 1);
    assert_survives(fixture, store, &shop);
}

pub(super) fn a_checkpoint_changes_nothing_that_is_read(fixture: &dyn Fixture) {
    let mut shop = ReferenceShop::empty();
    for round in 0..4 {
        let store = fixture.open().unwrap();
        if round == 0 {
            shop = ReferenceShop::filled(&*store);
        }
        shop.assert_matches(&*store);
        shop.sell_through(&*store, 5);
        store.checkpoint(&shop.books, shop.head).unwrap();
        store.checkpoint(&shop.books, shop.head).unwrap();
        shop.assert_matches(&*store);
        if round % 2 == 0 {
            shop.sell_through(&*store, 3);
        }
    }
    shop.assert_matches(&*fixture.open().unwrap());
}

pub(super) fn an_old_checkpoint_is_ignored(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    shop.sell_through(&*store, 5);
    let old = shop.clone();
    shop.sell_through(&*store, 5);
    store.checkpoint(&old.books, old.head).unwrap();
    store.checkpoint(&shop.books, shop.head).unwrap();
    store.checkpoint(&old.books, old.head).unwrap();
    assert_survives(fixture, store, &shop);
}

/// A shop after an import, sales and a second import, in no store yet.
fn shop_with_history() -> ReferenceShop {
    let mut shop = ReferenceShop::empty();
    shop.apply(&shop.plan_import(&four_books()));
    shop.sell(30);
    let mut wanted = shop.books.clone();
    wanted.remove(1);
    wanted[0].title = "Another title".into();
    shop.apply(&shop.plan_import(&wanted));
    shop.sell_baskets(&[1, 3, 1, 2]);
    shop
}

pub(super) fn a_store_is_restored_from_another_one_in_several_calls(fixture: &dyn Fixture) {
    let shop = shop_with_history();
    let mut head = Seq::ZERO;
    let all: Vec<&[Entry]> = groups(&shop.entries).collect();
    for piece in all.chunks(7) {
        let piece = &piece.concat();
        let store = fixture.open().unwrap();
        store.restore(head, piece).unwrap();
        assert!(matches!(store.restore(head, piece), Err(Error::Conflict)));
        head = piece.last().unwrap().seq;
        match store.load().unwrap_err() {
            Error::RestoreIncomplete { head: there, .. } => assert_eq!(there, head),
            other => panic!("{other}"),
        }
        let there = store.read(Seq::ZERO, usize::MAX).unwrap();
        assert_eq!(there, shop.entries[..there.len()]);
    }
    let store = fixture.open().unwrap();
    store.checkpoint(&shop.books, head).unwrap();
    shop.assert_matches(&*store);
    drop(store);
    let (store, mut shop) = (fixture.open().unwrap(), shop);
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 3);
    assert_survives(fixture, store, &shop);
}

pub(super) fn only_a_fresh_store_can_be_restored(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    let foreign = shop.clone().sell(2);
    assert!(matches!(store.restore(shop.head, &foreign), Err(Error::Conflict)));
    assert!(matches!(store.restore(Seq::ZERO, &shop.entries), Err(Error::Conflict)));
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 2);
    assert_survives(fixture, store, &shop);
}
