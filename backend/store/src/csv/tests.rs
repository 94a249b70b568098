mod damage;
mod edits;
mod faults;
mod groups;
mod images;
mod inspection;
mod life;
mod lost;
mod power;
mod upgrade;

use std::time::Duration;

use common::OrderId;

use super::simulated::Simulated;
use super::*;
use crate::conformance::{self, Fixture, ReferenceShop, SmallDisk, book, four_books};
use crate::writer_guard::FULL_DISK_DELAY;

/// The folder of a store on a simulated disk.
const FOLDER: &str = "/store";

fn open_on(disk: &Simulated, segment_bytes_max: u64) -> Result<CsvStore, Error> {
    let disk = Arc::new(disk.clone());
    CsvStore::open_on(disk, Path::new(FOLDER), EditPolicy::Refuse, segment_bytes_max, None)
}

/// The content of a file on a simulated disk.
fn content(disk: &Simulated, name: &str) -> Option<Vec<u8>> {
    disk.content(&Path::new(FOLDER).join(name))
}

/// A temporary folder for one store.
#[derive(Debug)]
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn store(&self) -> Result<CsvStore, Error> {
        CsvStore::open(self.0.path(), EditPolicy::Refuse)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        self.disk().names(self.0.path()).unwrap()
    }

    fn sealed(&self) -> Vec<Segment> {
        segments::sealed(&self.disk(), self.0.path()).unwrap()
    }

    fn disk(&self) -> Real {
        Real::open(self.0.path()).unwrap()
    }
}

impl Fixture for Folder {
    fn open(&self) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(self.store()?))
    }
}

#[test]
fn csv_passes_the_conformance_suite() {
    conformance::suite(Folder::new);
}

#[test]
fn csv_with_small_segments_passes_the_conformance_suite() {
    struct Small(tempfile::TempDir);
    impl Fixture for Small {
        fn open(&self) -> Result<Box<dyn Store>, Error> {
            Ok(Box::new(CsvStore::open_with_small_segments(self.0.path())?))
        }
    }
    conformance::suite(|| Small(tempfile::tempdir().unwrap()));
}

#[test]
fn a_real_full_disk_refuses_a_batch_whole() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = CsvStore::open(&disk.path().join("store"), EditPolicy::Refuse).unwrap();
    let shop = ReferenceShop::filled(&store);
    conformance::a_full_disk_refuses_a_batch_whole_until_there_is_room(&store, shop, &disk);
}

#[test]
fn a_second_process_learns_which_process_holds_the_lock() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    match folder.store().unwrap_err() {
        Error::Locked { path, holder } => {
            assert_eq!((path.as_path(), holder), (folder.0.path(), Some(std::process::id())));
        }
        other => panic!("{other}"),
    }
    drop(store);
    folder.store().unwrap();
}

#[test]
fn a_new_folder_is_accessible_to_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let path = folder.path("a/b");
    drop(CsvStore::open(&path, EditPolicy::Refuse).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_books_blob_that_is_lost_damaged_or_old_costs_only_time() {
    let folder = Folder::new();
    let mut shop = ReferenceShop::empty();
    let blob = folder.path(".books.note");
    let mut old = Vec::new();
    for round in 0..4 {
        let store = folder.store().unwrap();
        if round == 0 {
            shop = ReferenceShop::filled(&store);
        }
        shop.assert_matches(&store);
        shop.sell_through(&store, 3);
        store.checkpoint(&shop.books, shop.head).unwrap();
        drop(store);
        let mut kept = fs::read(&blob).unwrap();
        match round {
            0 => fs::remove_file(&blob).unwrap(),
            1 => {
                old.clone_from(&kept);
                kept[60] ^= 1;
                fs::write(&blob, kept).unwrap();
            }
            _ => fs::write(&blob, &old).unwrap(),
        }
    }
    shop.assert_matches(&folder.store().unwrap());
}

#[test]
fn a_start_reads_no_entry_before_the_checkpoint() {
    let folder = Folder::new();
    let store = CsvStore::open_with_small_segments(folder.0.path()).unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_baskets_through(&store, &[2; 40]);
    store.checkpoint(&shop.books, shop.head).unwrap();
    shop.sell_through(&store, 3);
    drop(store);
    let first = folder.sealed().remove(0);
    let mut text = fs::read(&first.path).unwrap();
    let middle = text.len() / 2;
    text[middle] ^= 1;
    fs::write(&first.path, text).unwrap();
    let store = CsvStore::open_with_small_segments(folder.0.path()).unwrap();
    assert_eq!(store.load().unwrap().books, shop.books);
    assert!(matches!(store.read(Seq::ZERO, 1_000), Err(Error::Damaged { .. })));
}
