//! The largest batches and catalogs.

use common::Seq;
use common::wire::Book;

use super::shop::{ReferenceShop, book};
use super::{Fixture, Store};

/// The number of books of the large catalog; `BOOKSTORE_BOOKS_MAX` overrides it.
const BOOKS: u32 = 20_000;
/// The entries of a batch, more than the catalog's largest.
const BATCH: usize = 10_000;
/// The entries of one read.
const PAGE: usize = 4_000;

pub(super) fn the_largest_batch_is_appended_like_any_other(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    shop.sell_through(&*store, BATCH);
    shop.sell_through(&*store, 1);
    store.append(shop.head, &[]).unwrap();
    assert_matches(&shop, &*store);
    drop(store);
    assert_matches(&shop, &*fixture.open().unwrap());
}

pub(super) fn a_large_catalog_is_imported_like_any_other(fixture: &dyn Fixture) {
    let count = std::env::var("BOOKSTORE_BOOKS_MAX").ok();
    let count = count.and_then(|count| count.parse().ok()).unwrap_or(BOOKS);
    let store = fixture.open().unwrap();
    let books: Vec<Book> = (1..=count)
        .map(|item| book(item, &format!("Title {item}"), 10))
        .collect();
    let mut shop = ReferenceShop::filled_with(&*store, &books);
    shop.sell_through(&*store, 1_000);
    store.checkpoint(&shop.books, shop.head).unwrap();
    drop(store);
    let store = fixture.open().unwrap();
    assert_matches(&shop, &*store);
    // One book gets another title and keeps its stock.
    let mut books = shop.books.clone();
    books.last_mut().unwrap().title = "Another title".into();
    assert_eq!(shop.plan_import(&books).len(), 1);
    shop.import_through(&*store, &books);
    shop.sell_through(&*store, 1);
    drop(store);
    assert_matches(&shop, &*fixture.open().unwrap());
}

/// As [`ReferenceShop::assert_matches`], in pages.
fn assert_matches(shop: &ReferenceShop, store: &dyn Store) {
    let loaded = store.load().unwrap();
    assert_eq!(loaded.head, shop.head);
    assert!(loaded.books == shop.books, "the books differ");
    let (mut after, mut rest) = (Seq::ZERO, &shop.entries[..]);
    while let Some(known) = rest.get(..PAGE.min(rest.len())).filter(|known| !known.is_empty()) {
        let page = store.read(after, PAGE).unwrap();
        assert!(page == known, "the entries after {after} differ");
        after = known.last().unwrap().seq;
        rest = &rest[known.len()..];
    }
    assert_eq!(store.read(after, PAGE).unwrap(), []);
}
