//! The front-end's memory alone: reading a book and a page, and following the ledger by 256 entries.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod shop;

use std::sync::atomic::{AtomicU64, Ordering};

use backend::frontend::cache::{Cache, CacheKey};
use common::Seq;
use common::client::Freshness;
use common::wire::BookPage;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use shop::{book, item, sold};

/// Entries that arrive together.
const BATCH: u64 = 256;
/// Far from each other in memory, one after the other.
const STRIDE: u64 = 7_919;

fn main() {
    divan::main();
}

/// A memory of so many books.
fn cache(books: u64) -> Cache {
    let cache = Cache::default();
    cache.reset(Seq(1));
    (0..books).for_each(|number| cache.insert_book(book(number, Seq(1)), Seq(1)));
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
fn read_a_page(bencher: Bencher<'_, '_>, books: u64) {
    let cache = cache(0);
    let page = BookPage {
        books: (0..books).map(|number| book(number, Seq(1))).collect(),
        next: None,
    };
    cache.insert_page("topic=graduate+school", page, Seq(1));
    bencher.counter(ItemsCount::new(books)).bench(|| {
        cache
            .get(CacheKey::Page(black_box("topic=graduate+school")), Freshness::default())
            .unwrap()
    });
}

#[divan::bench(args = [4, 100_000])]
fn follow(bencher: Bencher<'_, '_>, books: u64) {
    let (cache, head) = (cache(books), AtomicU64::new(1));
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
