//! A ledger that is missing at a start, or is renamed or removed while it is in use.

use super::*;

type Use = fn(&CsvStore, &ReferenceShop) -> Result<(), Error>;

#[test]
fn a_store_without_its_ledger_is_refused_and_not_changed() {
    let folder = Folder::new();
    let store = CsvStore::open_with_small_segments(folder.0.path()).unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 60);
    store.checkpoint(&shop.books, shop.head).unwrap();
    drop(store);
    fs::remove_file(folder.path("ledger.csv")).unwrap();
    let names = || {
        let mut names = folder.names();
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
        let inspected = CsvStore::inspect(folder.0.path());
        assert!(matches!(inspected, Err(Error::LedgerMissing { .. })), "{left}");
        assert!(names().contains(left));
        if names().iter().any(|name| name != left && name != "catalog.csv") {
            fs::remove_file(folder.path(left)).unwrap();
        }
    }
}

/// A folder with a closed store, and the content of the store.
fn used_folder() -> (Folder, ReferenceShop) {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 5);
    (folder, shop)
}

fn id_of(folder: &Folder) -> StoreId {
    folder.store().unwrap().load().unwrap().store
}

#[test]
fn a_lock_file_that_names_a_store_shows_that_its_ledger_is_missing() {
    let (folder, _) = used_folder();
    let id = id_of(&folder);
    for name in folder.names().iter().filter(|name| *name != "lock") {
        fs::remove_file(folder.path(name)).unwrap();
    }
    for refused in [folder.store().map(drop), CsvStore::inspect(folder.0.path()).map(drop)] {
        let error = refused.unwrap_err().to_string();
        for part in [
            "ledger.csv is missing",
            "lock (of the store",
            &id.to_string(),
            "--init",
            "backup",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    assert_eq!(folder.names(), ["lock"]);
    fs::write(folder.path("lock"), "").unwrap();
    assert_ne!(id_of(&folder), id);
}

#[test]
fn a_catalog_file_or_a_lock_that_names_no_store_is_no_trace() {
    let catalog = "1, Book, 4, 30, a topic\n";
    for files in [
        &[][..],
        &[("lock", "")],
        &[("lock", "4711\n")],
        &[("catalog.csv", catalog), ("lock", "")],
    ] {
        let folder = Folder::new();
        for (name, content) in files {
            fs::write(folder.path(name), content).unwrap();
        }
        assert!(matches!(CsvStore::inspect(folder.0.path()), Err(Error::Missing(_))));
        folder.store().unwrap();
    }
}

#[test]
fn init_moves_what_is_left_aside_and_the_next_store_is_a_new_one() {
    let (folder, _) = used_folder();
    let id = id_of(&folder);
    fs::remove_file(folder.path("ledger.csv")).unwrap();
    fs::write(folder.path("notes.txt"), "the shopkeeper's").unwrap();
    let left = folder.names();
    assert!(folder.store().is_err());
    CsvStore::init(folder.0.path()).unwrap();
    let store = folder.store().unwrap();
    let loaded = store.load().unwrap();
    assert!(loaded.store != id && loaded.head == Seq::ZERO);
    assert_eq!(
        store.seed_rows().unwrap(),
        None,
        "the old catalog file is not the new store's"
    );
    drop(store);
    let names = folder.names();
    let lost = names.iter().find(|name| name.starts_with("lost-")).unwrap();
    let mut moved = Real::open(&folder.path(lost))
        .unwrap()
        .names(&folder.path(lost))
        .unwrap();
    moved.push("notes.txt".to_owned());
    moved.sort_unstable();
    let mut left = left;
    left.sort_unstable();
    assert_eq!(moved, left);
    let lock = fs::read_to_string(folder.path(lost).join("lock")).unwrap();
    assert!(lock.contains(&id.to_string()), "{lock}");
}

#[test]
fn init_changes_nothing_where_a_ledger_is_or_no_store_was() {
    let (folder, shop) = used_folder();
    CsvStore::init(folder.0.path()).unwrap();
    shop.assert_matches(&folder.store().unwrap());
    let other = Folder::new();
    CsvStore::init(other.0.path()).unwrap();
    CsvStore::init(&other.path("none")).unwrap();
    assert_eq!(other.names(), ["lock"]);
}

#[test]
fn a_ledger_that_loses_its_name_closes_the_store() {
    let losses: [fn(&Folder); 4] = [
        |folder| fs::remove_file(folder.path("ledger.csv")).unwrap(),
        |folder| fs::rename(folder.path("ledger.csv"), folder.path("other.csv")).unwrap(),
        |folder| {
            fs::copy(folder.path("ledger.csv"), folder.path("copy.csv")).unwrap();
            fs::rename(folder.path("copy.csv"), folder.path("ledger.csv")).unwrap();
        },
        |folder| {
            let moved = folder.0.path().with_added_extension("moved");
            fs::rename(folder.0.path(), &moved).unwrap();
            fs::remove_dir_all(moved).unwrap();
            fs::create_dir(folder.0.path()).unwrap();
        },
    ];
    let uses: [Use; 3] = [
        |store, shop| store.append(shop.head, &shop.clone().sell(1)),
        |store, shop| store.append(shop.head, &[]),
        |store, shop| store.checkpoint(&shop.books, shop.head),
    ];
    for (lose, use_store) in losses
        .into_iter()
        .flat_map(|lose| uses.map(|use_store| (lose, use_store)))
    {
        let folder = Folder::new();
        let store = folder.store().unwrap();
        let mut shop = ReferenceShop::filled(&store);
        shop.sell_through(&store, 2);
        lose(&folder);
        let error = use_store(&store, &shop).unwrap_err();
        assert!(matches!(error, Error::NameLost(_)), "{error}");
        assert!(matches!(store.append(shop.head, &[]), Err(Error::Closed)));
        shop.assert_matches(&store);
    }
}
