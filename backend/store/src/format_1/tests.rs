//! Stores written by a program of format 1; see `tests/format_1/README.md`.

use std::fs;
use std::path::{Path, PathBuf};

use common::wire::{Book, Receipt};
use common::{Entry, Kind, OrderId, Seq};

use crate::Store;
use crate::conformance::{ALL_SEQS, ReferenceShop};

/// The last entry of format 1 in each store.
pub(crate) const UNTIL: Seq = Seq(31);

/// The path of a file among the fixtures.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format_1").join(name)
}

fn lines(name: &str) -> Vec<String> {
    let text = fs::read_to_string(fixture(name)).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Asserts that an upgraded store has the fixture's books, entries and receipts; `kind` is a part of the fixture's file names.
pub(crate) fn assert_upgraded(store: &dyn Store, kind: &str) -> ReferenceShop {
    let loaded = store.load().unwrap();
    let books = lines(&format!("books-{kind}.jsonl"));
    let books = (UNTIL.0 + 1..).zip(books).map(|(seq, line)| {
        let book: Book = serde_json::from_str(&line).unwrap();
        Book { seq: Seq(seq), ..book }
    });
    let books: Vec<Book> = books.collect();
    assert_eq!(loaded.books, books);
    let entries = store.read(Seq::ZERO, usize::MAX).unwrap();
    assert_eq!(loaded.head.0, UNTIL.0 + books.len() as u64);
    assert_eq!(loaded.head.0, entries.len() as u64);
    let (old, new) = entries.split_at(entries.len() - books.len());
    assert!(old.iter().all(|entry| entry.description.is_none()));
    assert_eq!(new.iter().filter_map(Entry::described).collect::<Vec<_>>(), books);
    assert!(
        new.iter()
            .all(|entry| entry.kind == Kind::Set && entry.change == 0 && entry.order.is_none())
    );
    let receipts = lines(&format!("receipts-{kind}.jsonl"));
    assert_eq!(receipts.len(), 17);
    for expected in receipts {
        let mut json: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let order: OrderId = json["order"].as_str().unwrap().parse().unwrap();
        let receipt = Receipt::from_entries(&store.find(order, ALL_SEQS).unwrap()).unwrap();
        if json["reason"] == "unknown-item" {
            // Format 1 showed the title of a book that was added later.
            json.as_object_mut().unwrap().remove("title");
            assert_eq!(serde_json::to_value(&receipt).unwrap(), json);
        } else {
            assert_eq!(serde_json::to_string(&receipt).unwrap(), expected);
        }
    }
    let head = loaded.head;
    ReferenceShop { head, books, entries }
}

/// Asserts that an upgraded store can continue to sell; `open` reopens it.
pub(crate) fn assert_usable(kind: &str, open: impl Fn() -> Box<dyn Store>) {
    let store = open();
    let mut shop = assert_upgraded(&*store, kind);
    shop.sell_baskets_through(&*store, &[1, 3, 2]);
    drop(store);
    let store = open();
    shop.assert_matches(&*store);
    store.checkpoint(&shop.books, shop.head).unwrap();
    shop.sell_through(&*store, 1);
    drop(store);
    shop.assert_matches(&*open());
}
