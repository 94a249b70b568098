//! A database that is missing at a start, or is renamed or removed while it is in use.

use super::*;

type Use = fn(&SqliteStore, &ReferenceShop) -> Result<(), Error>;

impl Folder {
    fn beside(&self, suffix: &str) -> PathBuf {
        beside(&self.file(), suffix)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }
}

#[test]
fn what_only_an_earlier_database_leaves_refuses_a_new_store() {
    let id = StoreId::generate();
    let lock = format!("4711\n{id}\n");
    for (suffix, content) in [
        ("-wal", "the last entries"),
        ("-wal", ""),
        ("-shm", ""),
        (".lock", &lock),
    ] {
        // A database without a page counts as missing: SQLite would remove the log beside it.
        for has_empty_database in [false, true] {
            let folder = Folder::new();
            fs::write(folder.beside(suffix), content).unwrap();
            if has_empty_database {
                fs::write(folder.file(), "").unwrap();
            }
            for refused in [folder.store().map(drop), SqliteStore::inspect(&folder.file()).map(drop)] {
                let error = refused.unwrap_err();
                assert!(matches!(error, Error::LedgerMissing { .. }), "{suffix}: {error}");
                assert!(error.to_string().contains(suffix), "{suffix}: {error}");
            }
            assert_eq!(folder.file().exists(), has_empty_database);
            assert_eq!(
                fs::read_to_string(folder.beside("-wal")).ok().as_deref(),
                (suffix == "-wal").then_some(content)
            );
        }
    }
}

#[test]
fn an_empty_folder_lock_or_database_is_no_trace() {
    for files in [&[][..], &[".lock"], &[".lock", ""]] {
        let folder = Folder::new();
        for suffix in files {
            fs::write(folder.beside(suffix), "").unwrap();
        }
        assert!(matches!(SqliteStore::inspect(&folder.file()), Err(Error::Missing(_))));
        folder.store().unwrap();
    }
}

#[test]
fn init_moves_what_is_left_aside_and_the_next_store_is_a_new_one() {
    let folder = Folder::new();
    let id = folder.store().unwrap().load().unwrap().store;
    fs::remove_file(folder.file()).unwrap();
    fs::write(folder.beside("-wal"), "the last entries").unwrap();
    fs::write(folder.0.path().join("other.db-wal"), "another store's").unwrap();
    assert!(folder.store().is_err());
    SqliteStore::init(&folder.file()).unwrap();
    assert_ne!(folder.store().unwrap().load().unwrap().store, id);
    let names = folder.names();
    let lost = names.iter().find(|name| name.starts_with("books.db.lost-")).unwrap();
    let lost = folder.0.path().join(lost);
    assert_eq!(
        fs::read_to_string(lost.join("books.db-wal")).unwrap(),
        "the last entries"
    );
    let lock = fs::read_to_string(lost.join("books.db.lock")).unwrap();
    assert!(lock.contains(&id.to_string()), "{lock}");
    assert_eq!(names.len(), 4, "{names:?}");
}

#[test]
fn init_changes_nothing_where_a_database_is() {
    let folder = Folder::new();
    let shop = ReferenceShop::filled(&folder.store().unwrap());
    let names = folder.names();
    SqliteStore::init(&folder.file()).unwrap();
    assert_eq!(folder.names(), names);
    shop.assert_matches(&folder.store().unwrap());
}

#[test]
fn a_database_or_log_that_loses_its_name_closes_the_store() {
    let losses: [fn(&Path); 3] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::rename(path, path.with_added_extension("moved")).unwrap(),
        |path| {
            let copy = path.with_added_extension("copy");
            fs::copy(path, &copy).unwrap();
            fs::rename(copy, path).unwrap();
        },
    ];
    let uses: [Use; 3] = [
        |store, shop| store.append(shop.head, &shop.clone().sell(1)),
        |store, shop| store.append(shop.head, &[]),
        |store, shop| store.checkpoint(&shop.books, shop.head),
    ];
    for (suffix, lose) in ["", "-wal"]
        .into_iter()
        .flat_map(|suffix| losses.map(|lose| (suffix, lose)))
    {
        for use_store in uses {
            let folder = Folder::new();
            let store = folder.store().unwrap();
            let shop = ReferenceShop::filled(&store);
            lose(&folder.beside(suffix));
            let error = use_store(&store, &shop).unwrap_err();
            assert!(matches!(error, Error::NameLost(_)), "{suffix}: {error}");
            assert!(matches!(store.append(shop.head, &[]), Err(Error::Closed)));
        }
    }
}
