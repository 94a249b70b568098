//! The front-end's cache alone: reading a book and a page, and following the ledger by 256 entries.

use std::sync::atomic::{AtomicU64, Ordering};

use backend::frontend::cache::{Cache, CacheKey};
use common::Seq;
use common::client::Freshness;
use common::wire::BookPage;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

use super::shop::{BATCH, books, item, sold};

/// The step between consecutive item numbers, so that their books are far apart in memory.
const STRIDE: u64 = 7_919;

/// A cache of `count` books.
fn cache(count: u64) -> Cache {
    let cache = Cache::default();
    cache.reset(Seq(count).into());
    for book in books(count) {
        cache.insert_book(book, Seq(count).into());
    }
    cache
}

#[divan::bench(args = [4, 1_000_000])]
fn read_a_book(bencher: Bencher<'_, '_>, books: u64) {
    let (cache, next) = (cache(books), AtomicU64::new(0));
    bencher.counter(ItemsCount::new(1_u64)).bench(|| {
        let number = next.fetch_add(STRIDE, Ordering::Relaxed) % books;
        cache
            .get(CacheKey::Book(black_box(item(number))), Freshness::default())
            .unwrap()
    });
}

#[divan::bench(args = [4, 50])]
fn read_a_page(bencher: Bencher<'_, '_>, count: u64) {
    let cache = cache(count);
    let page = BookPage {
        books: books(count),
        next: None,
    };
    cache.insert_page("topic=graduate+school", page, Seq(count).into());
    bencher.counter(ItemsCount::new(count)).bench(|| {
        cache
            .get(CacheKey::Page(black_box("topic=graduate+school")), Freshness::default())
            .unwrap()
    });
}

#[divan::bench(args = [4, 100_000])]
fn follow(bencher: Bencher<'_, '_>, books: u64) {
    let (cache, head) = (cache(books), AtomicU64::new(books));
    let entries = || {
        let first = head.fetch_add(BATCH, Ordering::Relaxed) + 1;
        (first..first + BATCH)
            .map(|seq| sold(Seq(seq), item(seq * STRIDE % books)))
            .collect::<Vec<_>>()
    };
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(entries)
        .bench_refs(|entries| cache.apply(entries));
}
