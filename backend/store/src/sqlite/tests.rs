mod damage;
mod inspection;
mod lost;
mod power;
mod upgrade;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::conformance::{self, Fixture, ReferenceShop, SmallDisk};
use crate::format_1::tests::fixture;
use crate::sql::checks::{self, Database};

/// A temporary folder for one store.
#[derive(Debug)]
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("books.db")
    }

    fn store(&self) -> Result<SqliteStore, Error> {
        SqliteStore::open(&self.file())
    }

    fn run(&self, sql: &str) {
        Connection::open(self.file()).unwrap().execute_batch(sql).unwrap();
    }
}

impl Fixture for Folder {
    fn open(&self) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(self.store()?))
    }
}

impl SqliteStore {
    /// Runs a statement on the write connection.
    fn run(&self, sql: &str) {
        self.on_writer(|connection| connection.execute_batch(sql).unwrap());
    }

    fn number(&self, sql: &str) -> i64 {
        self.on_writer(|connection| connection.query_row(sql, [], |row| row.get(0)).unwrap())
    }

    fn on_writer<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        self.writer.read(|writer| Ok(work(&writer.connection))).unwrap()
    }
}

impl Database for Folder {
    fn execute(&self, statements: &str) {
        self.run(statements);
    }

    fn inspect(&self) -> Result<(), Error> {
        SqliteStore::inspect(&self.file()).map(drop)
    }

    fn load_format_1(&self) {
        fs::copy(fixture("books.db"), self.file()).unwrap();
    }

    fn kind(&self) -> &'static str {
        "sqlite"
    }
}

#[test]
fn sqlite_passes_the_conformance_suite() {
    conformance::suite(Folder::new);
}

#[test]
fn sqlite_passes_the_checks_of_a_database() {
    checks::suite(Folder::new);
}

#[test]
fn every_commit_is_synced() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    assert_eq!(store.number("PRAGMA synchronous"), 2);
}

#[test]
fn a_second_process_learns_which_process_holds_the_lock() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    match folder.store().unwrap_err() {
        Error::Locked { path, holder } => assert_eq!((path, holder), (folder.file(), Some(std::process::id()))),
        other => panic!("{other}"),
    }
    drop(store);
    folder.store().unwrap();
}

#[test]
fn only_the_owner_can_read_the_files() {
    let folder = Folder::new();
    let file = folder.0.path().join("a/b/books.db");
    let store = SqliteStore::open(&file).unwrap();
    ReferenceShop::filled(&store);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&super::super::url::beside(&file, suffix)), 0o600, "{suffix}");
    }
}

#[test]
fn a_full_disk_changes_nothing_and_the_store_stays_open() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    let pages = store.number("PRAGMA page_count");
    store.run(&format!("PRAGMA max_page_count = {}", pages + 2));
    let (before, head) = (shop.clone(), shop.head);
    let large = shop.sell(2_000);
    assert!(matches!(store.append(head, &large), Err(Error::Full { .. })));
    before.assert_matches(&store);
    store.append(head, &[]).unwrap();
    let mut small = before.clone();
    let one = small.sell(1);
    assert!(
        matches!(store.append(head, &one), Err(Error::Full { .. })),
        "the disk is tried again too early"
    );
    store
        .writer
        .write(|_, full_disk| {
            full_disk.reset();
            Ok(())
        })
        .unwrap();
    store.append(head, &one).unwrap();
    small.assert_matches(&store);
    store.run("PRAGMA max_page_count = 1000000");
    small.sell_through(&store, 2_000);
    drop(store);
    small.assert_matches(&folder.store().unwrap());
}

#[test]
fn a_real_full_disk_refuses_a_batch_whole() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = SqliteStore::open(&disk.path().join("books.db")).unwrap();
    let shop = ReferenceShop::filled(&store);
    conformance::a_full_disk_refuses_a_batch_whole_until_there_is_room(&store, shop, &disk);
}

#[test]
fn after_a_checkpoint_the_database_file_alone_is_complete() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 20);
    store.checkpoint(&shop.books, shop.head).unwrap();
    let other = Folder::new();
    fs::copy(folder.file(), other.file()).unwrap();
    shop.assert_matches(&other.store().unwrap());
    shop.sell_through(&store, 20);
    shop.assert_matches(&store);
}

#[test]
fn a_killed_process_leaves_a_store_that_opens() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 20);
    // A killed process leaves its files as they are, and no lock.
    let other = Folder::new();
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("books.db{suffix}");
        fs::copy(folder.0.path().join(&name), other.0.path().join(&name)).unwrap();
    }
    let copy = other.store().unwrap();
    shop.clone().assert_matches(&copy);
    let mut sold = shop.clone();
    sold.sell_through(&copy, 3);
    drop(copy);
    sold.assert_matches(&other.store().unwrap());
    shop.assert_matches(&store);
}

#[test]
fn another_program_that_locks_the_database_makes_an_append_unavailable() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    store.run("PRAGMA busy_timeout = 10");
    let mut shop = ReferenceShop::filled(&store);
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let head = shop.head;
    let entries = shop.sell(1);
    assert!(matches!(store.append(head, &entries), Err(Error::Unavailable { .. })));
    drop(other);
    store.append(head, &entries).unwrap();
    shop.assert_matches(&store);
}

#[test]
fn a_file_that_is_not_a_database_is_refused() {
    let folder = Folder::new();
    fs::write(folder.file(), "not a database, and long enough to be none: ".repeat(50)).unwrap();
    assert!(matches!(folder.store(), Err(Error::DatabaseDamaged { .. })));
}
