//! The steps of a purchase, each alone, in batches of 256: deciding, following the ledger, its file, JSON, the batcher; and the
//! front-end's cache. `cargo bench -p bench` runs them.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod cache;
mod json;
mod shop;

use std::num::NonZeroUsize;
use std::sync::Arc;

use backend::catalog::decide::{CurrentBook, DecisionBatch, DurableState};
use backend::catalog::decision_index::Lookup;
use backend::catalog::state::State;
use backend::catalog::{CatalogService, InitialCatalog};
use backend::store::{self, EditPolicy, Store, StoreState};
use common::batcher::{Batcher, Limits};
use common::wire::Book;
use common::{Entry, Epoch, InlineVec, ItemNumber, Kind, OrderId, Seq, StoreId, Timestamp};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use futures::future::join_all;
use shop::{BATCH, books, entries, item, sales, sold};

/// The number of purchases decided before, so that the maps have a realistic size.
const BEFORE: u64 = 100_000;

fn main() {
    divan::main();
}

/// A state after many purchases.
fn state() -> State {
    let loaded = StoreState {
        store: StoreId::generate(),
        epoch: Epoch::FIRST,
        head: Seq(4),
        books: books(4),
    };
    let mut state = State::new(loaded);
    state.apply((5..=BEFORE).map(|number| sold(Seq(number), item(number % 4))).collect());
    state
}

struct Known(State);

impl DurableState for Known {
    type Error = ();

    fn head(&self) -> Seq {
        self.0.head
    }

    fn epoch(&self) -> Epoch {
        Epoch::FIRST
    }

    fn book(&self, item: ItemNumber) -> Option<CurrentBook> {
        self.0.current_book(item)
    }

    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, ()> {
        match self.0.decisions.lookup(order) {
            Lookup::Found(entries) => Ok(entries),
            Lookup::Absent => Ok(InlineVec::new()),
            Lookup::MaybeIn(_) => Err(()),
        }
    }
}

#[divan::bench(counters = [ItemsCount::new(BATCH)])]
fn decide_sales(bencher: Bencher<'_, '_>) {
    let known = Known(state());
    bencher.with_inputs(sales).bench_local_refs(|sales| {
        let mut batch = DecisionBatch::new(&known, Timestamp::now());
        for sale in sales.iter() {
            black_box(batch.sell(sale).unwrap());
        }
        batch.into_entries()
    });
}

#[divan::bench(counters = [ItemsCount::new(BATCH)])]
fn follow_the_ledger(bencher: Bencher<'_, '_>) {
    let state = std::cell::RefCell::new(state());
    bencher
        .with_inputs(|| entries(state.borrow().head))
        .bench_local_values(|entries| state.borrow_mut().apply(entries));
}

/// A CSV store with the four books, in a temporary folder.
fn csv_store() -> (tempfile::TempDir, Box<dyn Store>, Seq) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("csv:{}", folder.path().join("store").display())
        .parse()
        .unwrap();
    let store = store::open(&url, EditPolicy::Refuse).unwrap();
    let books = books(4);
    let set = |book: &Book| Entry {
        kind: Kind::Set,
        quantity: None,
        change: i64::from(book.stock.get()),
        stock_after: Some(book.stock),
        order: None,
        title: Some(book.title.clone()),
        description: Some(Box::new(book.description())),
        ..sold(book.seq, book.item)
    };
    let first: Vec<Entry> = books.iter().map(set).collect();
    store.append(Seq::ZERO, &first).unwrap();
    (folder, store, Seq(4))
}

/// Writes the lines and syncs them on the disk of the folder for temporary files.
#[divan::bench(counters = [ItemsCount::new(BATCH)])]
fn append_to_csv_and_sync(bencher: Bencher<'_, '_>) {
    let (_folder, store, head) = csv_store();
    let head = std::cell::Cell::new(head);
    bencher.with_inputs(|| entries(head.get())).bench_local_refs(|entries| {
        store.append(head.get(), entries).unwrap();
        head.set(Seq(head.get().0 + BATCH));
    });
}

#[divan::bench(counters = [ItemsCount::new(BATCH)])]
fn read_from_csv(bencher: Bencher<'_, '_>) {
    let (_folder, store, head) = csv_store();
    store.append(head, &entries(head)).unwrap();
    bencher.bench_local(|| store.read(head, 1_000).unwrap());
}

/// A whole catalog without HTTP: decides, appends, syncs, publishes and answers.
#[divan::bench(counters = [ItemsCount::new(BATCH)])]
fn sell_in_a_catalog(bencher: Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_folder, store, _) = csv_store();
    let catalog = {
        let _within = runtime.enter();
        Arc::new(CatalogService::open(store, &InitialCatalog::BuiltIn).unwrap())
    };
    bencher
        .with_inputs(sales)
        .bench_local_values(|sales| runtime.block_on(catalog.sell(sales)).unwrap());
    runtime.block_on(catalog.close());
}

fn batcher() -> (tokio::runtime::Runtime, Batcher<u64, u64>) {
    let count = |number| NonZeroUsize::new(number).unwrap();
    let limits = Limits {
        max_queued: count(4_096),
        max_batch: count(1_024),
        max_in_flight: count(1),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batcher = {
        let _within = runtime.enter();
        Batcher::new(limits, |_| 1, |batch: Vec<u64>| async move { batch })
    };
    (runtime, batcher)
}

#[divan::bench]
fn batcher_with_one(bencher: Bencher<'_, '_>) {
    let (runtime, batcher) = batcher();
    bencher.bench_local(|| runtime.block_on(batcher.call(7)).unwrap());
}

#[divan::bench(counters = [ItemsCount::new(BATCH)])]
fn batcher_with_many(bencher: Bencher<'_, '_>) {
    let (runtime, batcher) = batcher();
    bencher.bench_local(|| runtime.block_on(join_all((0..BATCH).map(|input| batcher.call(input)))));
}
