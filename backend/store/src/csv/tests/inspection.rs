//! Inspections of a store in use.

use std::thread;

use super::*;

#[test]
fn an_inspection_beside_a_writer_finds_the_store_as_of_one_moment() {
    const ROUNDS: usize = 120;
    let folder = Folder::new();
    let store = CsvStore::open_with_small_segments(folder.0.path()).unwrap();
    let mut shop = ReferenceShop::filled(&store);
    let (mut found, mut torn) = (Vec::new(), 0);
    let shop = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // Every second batch starts a segment, every third round writes a checkpoint.
            for round in 0..ROUNDS {
                shop.sell_baskets_through(&store, &[3, 1, 2, 4]);
                if round % 3 == 0 {
                    store.checkpoint(&shop.books, shop.head).unwrap();
                }
            }
            shop
        });
        while !writer.is_finished() {
            let inspection = CsvStore::inspect(folder.0.path()).unwrap();
            assert!(inspection.edits.is_empty(), "{:?}", inspection.edits);
            let entries = inspection.store.read(Seq::ZERO, usize::MAX).unwrap();
            torn += inspection.remarks.len();
            found.push((inspection.state, entries));
        }
        writer.join().unwrap()
    });
    let segments = folder.sealed().len();
    println!(
        "{} inspections, {segments} segments, {torn} batches that were being written",
        found.len()
    );
    assert!(segments > ROUNDS / 3 && found.len() > 10);
    for (state, entries) in found {
        shop.assert_had(&state, &entries);
    }
}

#[test]
fn an_inspection_between_the_renames_of_a_new_segment_finds_every_entry() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 3);
    fs::write(folder.path("ledger.csv.new"), "not read yet").unwrap();
    fs::rename(folder.path("ledger.csv"), folder.path(&Segment::sealed_name(Seq(1)))).unwrap();
    let found = CsvStore::inspect(folder.0.path()).unwrap();
    assert_eq!(found.store.read(Seq::ZERO, 99).unwrap(), shop.entries);
    assert!(!folder.path("ledger.csv").exists(), "nothing is repaired");
}

#[test]
fn an_inspection_needs_no_lock_and_leaves_none() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let shop = ReferenceShop::filled(&store);
    assert_eq!(CsvStore::inspect(folder.0.path()).unwrap().state.books, shop.books);
    drop(store);
    fs::remove_file(folder.path("lock")).unwrap();
    let found = CsvStore::inspect(folder.0.path()).unwrap();
    assert!(!folder.path("lock").exists());
    let refused = found.store.append(shop.head, &[]);
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
}
