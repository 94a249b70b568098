//! A store in a process without free descriptors. The test is a separate program because it opens all descriptors.

use std::fs::File;

use common::{OrderId, Seq};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use store::conformance::{ALL_SEQS, ReferenceShop};
use store::csv::CsvStore;
use store::sqlite::SqliteStore;
use store::{Error, Store};

/// Limit on open descriptors: enough for a store, and quickly reached.
const DESCRIPTORS_MAX: u64 = 100;

/// Opens files until no descriptor is left.
fn use_up_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// Panics on an error after which a catalog would close the store.
#[track_caller]
fn assert_stays_open<T>(what: &str, result: Result<T, Error>) {
    if let Err(error) = result {
        assert!(error.is_transient(), "{what}: {error}");
    }
}

#[test]
fn a_store_without_free_descriptors_stays_open_and_continues_once_some_are_free() {
    let limit = Rlimit {
        current: Some(DESCRIPTORS_MAX),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (csv, sqlite) = (folder.path().join("csv"), folder.path().join("books.db"));
    let open_csv = || Box::new(CsvStore::open_with_small_segments(&csv).unwrap()) as Box<dyn Store>;
    let open_sqlite = || Box::new(SqliteStore::open(&sqlite).unwrap()) as Box<dyn Store>;
    for open in [&open_csv as &dyn Fn() -> Box<dyn Store>, &open_sqlite] {
        let store = open();
        let mut shop = ReferenceShop::filled(&*store);
        shop.sell_through(&*store, 30);
        let taken = use_up_descriptors();
        assert!(!taken.is_empty());
        for _ in 0..20 {
            let mut next = shop.clone();
            let appended = store.append(shop.head, &next.sell(30));
            if appended.is_ok() {
                shop = next;
            }
            assert_stays_open("append", appended);
            assert_stays_open("confirm", store.append(shop.head, &[]));
            assert_stays_open("read", store.read(Seq::ZERO, 100));
            assert_stays_open("find", store.find(OrderId::generate(), ALL_SEQS));
            assert_stays_open("load", store.load());
            assert_stays_open("put a blob", store.put_blob("orders-0", b"blob"));
            assert_stays_open("checkpoint", store.checkpoint(&shop.books, shop.head));
        }
        drop(taken);
        shop.sell_through(&*store, 30);
        shop.assert_matches(&*store);
        store.checkpoint(&shop.books, shop.head).unwrap();
        drop(store);
        shop.assert_matches(&*open());
    }
}
