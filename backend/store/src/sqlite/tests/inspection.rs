//! Inspections of a store in use, of a closed one, and on read-only media.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testing::ReadOnlyMount;

use super::*;

/// The files in a folder, with their contents.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort_unstable();
    files
}

fn assert_found(file: &Path, shop: &ReferenceShop) {
    let found = SqliteStore::inspect(file).unwrap();
    assert_eq!((found.state.head, &found.state.books), (shop.head, &shop.books));
    assert_eq!(found.store.read(Seq::ZERO, usize::MAX).unwrap(), shop.entries);
    assert!(matches!(found.store.append(shop.head, &[]), Err(Error::Closed)));
}

/// Copies of a store in use, with and without the index of its log, and the expected inspections.
fn copies(folder: &Folder) -> Vec<tempfile::TempDir> {
    let copy = |suffixes: &[&str]| {
        let copy = tempfile::tempdir().unwrap();
        for suffix in suffixes {
            fs::copy(
                beside(&folder.file(), suffix),
                copy.path().join(format!("books.db{suffix}")),
            )
            .unwrap();
        }
        copy
    };
    vec![copy(&["", "-wal", "-shm"]), copy(&["", "-wal"])]
}

#[test]
fn an_inspection_changes_no_file_of_a_store_that_is_closed_killed_or_copied() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 30);
    let [killed, copied] = copies(&folder).try_into().unwrap();
    drop(store);
    let closed = folder;
    for (path, names) in [(closed.0.path(), 2), (copied.path(), 2), (killed.path(), 3)] {
        let before = files(path);
        assert_eq!(before.len(), names);
        assert_found(&path.join("books.db"), &shop);
        let mut after = files(path);
        if names == 3 {
            // SQLite rebuilds the index of the log of a killed process.
            after[1].1.clone_from(&before[1].1);
        }
        assert_eq!(after, before);
    }
}

#[test]
fn an_inspection_works_on_read_only_media() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 30);
    let mut mounted = copies(&folder);
    let Some(in_use) = ReadOnlyMount::of(folder.0.path()) else {
        return;
    };
    assert_found(&in_use.path().join("books.db"), &shop);
    drop((in_use, store));
    mounted.push(folder.0);
    for folder in mounted {
        let Some(mount) = ReadOnlyMount::of(folder.path()) else {
            return;
        };
        assert_found(&mount.path().join("books.db"), &shop);
    }
}

#[test]
fn an_inspection_beside_a_writer_finds_the_store_as_of_one_moment() {
    const INSPECTIONS: usize = 20;
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    let is_done = AtomicBool::new(false);
    let mut found = Vec::new();
    let shop = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                shop.sell_baskets_through(&store, &[3, 1, 2, 4]);
                store.checkpoint(&shop.books, shop.head).unwrap();
            }
            shop
        });
        for _ in 0..INSPECTIONS {
            let inspection = SqliteStore::inspect(&folder.file()).unwrap();
            let mut entries = inspection.store.read(Seq::ZERO, usize::MAX).unwrap();
            entries.retain(|entry| entry.seq <= inspection.state.head);
            found.push((inspection.state, entries));
        }
        is_done.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    for (state, entries) in found {
        shop.assert_had(&state, &entries);
    }
}

#[test]
fn a_path_with_signs_of_a_uri_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("50% off?#1.db");
    let store = SqliteStore::open(&file).unwrap();
    let shop = ReferenceShop::filled(&store);
    drop(store);
    assert_found(&file, &shop);
}
