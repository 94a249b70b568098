mod damage;
mod edits;
mod faults;
mod images;
mod power;

use std::time::Duration;

use super::super::Store as Contract;
use super::super::conformance::{self, Fixture, ReferenceShop, SmallDisk};
use super::*;
use crate::writer_guard::FULL_DISK_DELAY;

/// A temporary folder for one store.
#[derive(Debug)]
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn store(&self) -> Result<Store, Error> {
        Store::open(self.0.path(), EditPolicy::Refuse)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Fixture for Folder {
    fn open(&self) -> Result<Box<dyn Contract>, Error> {
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
        fn open(&self) -> Result<Box<dyn Contract>, Error> {
            Ok(Box::new(Store::open_with_small_segments(self.0.path())?))
        }
    }
    conformance::suite(|| Small(tempfile::tempdir().unwrap()));
}

#[test]
fn a_real_full_disk_refuses_a_batch_whole() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = Store::open(&disk.path().join("store"), EditPolicy::Refuse).unwrap();
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
    drop(Store::open(&path, EditPolicy::Refuse).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_store_without_its_ledger_is_refused_and_not_changed() {
    let folder = Folder::new();
    let store = Store::open_with_small_segments(folder.0.path()).unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 60);
    store.checkpoint(&shop.books, shop.head).unwrap();
    drop(store);
    fs::remove_file(folder.path("ledger.csv")).unwrap();
    let names = || {
        let mut names = Real.names(folder.0.path()).unwrap();
        names.retain(|name| name != "lock");
        names.sort_unstable();
        names
    };
    let leftovers = names();
    assert!(
        leftovers.iter().any(|name| name.starts_with("ledger-")),
        "{leftovers:?}"
    );
    for left in &leftovers {
        let missing = match folder.store() {
            Err(Error::LedgerMissing { ledger, found }) => (ledger, found),
            other => panic!("{left}: {other:?}"),
        };
        assert_eq!(missing.0, folder.path("ledger.csv"));
        assert!(
            missing.1.contains(left.as_str()) || left == "catalog.csv",
            "{missing:?}"
        );
        let inspected = Store::inspect(folder.0.path());
        assert!(matches!(inspected, Err(Error::LedgerMissing { .. })), "{left}");
        assert!(names().contains(left));
        if names().iter().any(|name| name != left && name != "catalog.csv") {
            fs::remove_file(folder.path(left)).unwrap();
        }
    }
}

#[test]
fn a_last_seq_index_that_is_lost_damaged_or_old_costs_only_time() {
    let folder = Folder::new();
    let mut shop = ReferenceShop::empty();
    let note = folder.path(".tags.note");
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
        let mut kept = fs::read(&note).unwrap();
        match round {
            0 => fs::remove_file(&note).unwrap(),
            1 => {
                old.clone_from(&kept);
                kept[20] ^= 1;
                fs::write(&note, kept).unwrap();
            }
            _ => fs::write(&note, &old).unwrap(),
        }
    }
    shop.assert_matches(&folder.store().unwrap());
}
