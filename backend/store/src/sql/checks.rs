//! Checks for both database stores besides the conformance suite: damage, other programs' tables, the upgrade.

use common::{Entry, Seq};

use crate::conformance::{Fixture, ReferenceShop};
use crate::format_1::tests::{UNTIL, assert_usable};
use crate::{Error, Store};

/// A database for one store; a test can change it while the store is open.
pub(crate) trait Database: Fixture {
    /// Runs statements.
    fn execute(&self, statements: &str);
    /// Opens the store for inspection.
    fn inspect(&self) -> Result<(), Error>;
    /// Loads the fixture with a store of format 1.
    fn load_format_1(&self);
    /// The kind of database in the fixture's file names.
    fn kind(&self) -> &'static str;
}

const CHECKS: [fn(&dyn Database); 9] = [
    a_damaged_entry_is_an_error_that_names_it,
    a_missing_entry_is_an_error_that_names_it,
    an_order_that_lacks_a_line_is_an_error,
    a_ledger_that_ends_before_its_books_is_an_error,
    a_stock_that_does_not_follow_from_the_entries_closes_the_store,
    an_order_is_never_written_twice,
    a_database_that_is_not_a_store_is_refused,
    a_newer_format_is_refused,
    a_store_of_format_1_is_upgraded,
];

/// Runs every check, each on a database of its own.
pub(crate) fn suite<D: Database>(make: impl Fn() -> D) {
    for check in CHECKS {
        check(&make());
    }
}

fn filled(database: &dyn Database, sales: usize) -> (Box<dyn Store>, ReferenceShop) {
    let store = database.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    if sales > 0 {
        shop.sell_through(&*store, sales);
    }
    (store, shop)
}

fn a_damaged_entry_is_an_error_that_names_it(database: &dyn Database) {
    let (store, shop) = filled(database, 0);
    for (column, bad, good) in [("kind", "'stolen'", "'set'"), ("line", "2", "1"), ("item", "-1", "2")] {
        database.execute(&format!("UPDATE ledger SET {column} = {bad} WHERE seq = 2"));
        let error = store.read(Seq::ZERO, 10).unwrap_err().to_string();
        assert!(error.contains(&format!("entry 2 has a bad {column}")), "{error}");
        database.execute(&format!("UPDATE ledger SET {column} = {good} WHERE seq = 2"));
    }
    shop.assert_matches(&*store);
}

fn a_missing_entry_is_an_error_that_names_it(database: &dyn Database) {
    let (store, shop) = filled(database, 20);
    database.execute("DELETE FROM ledger WHERE seq = 9");
    for (after, limit) in [(0, 100), (0, 9), (8, 1), (7, 2)] {
        let error = store.read(Seq(after), limit).unwrap_err().to_string();
        assert!(error.contains("entry 9 is missing"), "{error}");
    }
    assert_eq!(store.read(Seq(0), 8).unwrap(), shop.entries[..8]);
    assert_eq!(store.read(Seq(9), 100).unwrap(), shop.entries[9..]);
}

fn an_order_that_lacks_a_line_is_an_error(database: &dyn Database) {
    let (store, mut shop) = filled(database, 0);
    shop.sell_baskets_through(&*store, &[3]);
    let Entry { order, seq, .. } = *shop.entries.last().unwrap();
    database.execute(&format!("DELETE FROM ledger WHERE seq = {seq}"));
    let error = store.find(order.unwrap(), Seq::ZERO..=seq).unwrap_err().to_string();
    assert!(error.contains("lacks lines"), "{error}");
}

fn a_ledger_that_ends_before_its_books_is_an_error(database: &dyn Database) {
    let (store, _) = filled(database, 4);
    database.execute("DELETE FROM ledger WHERE seq = 8");
    let error = store.load().unwrap_err().to_string();
    assert!(error.contains("the last entry is 7"), "{error}");
}

fn a_stock_that_does_not_follow_from_the_entries_closes_the_store(database: &dyn Database) {
    let (store, mut shop) = filled(database, 0);
    let (before, head) = (shop.clone(), shop.head);
    database.execute("UPDATE books SET stock = stock + 1 WHERE item = 1");
    let entries = shop.sell(4);
    let error = store.append(head, &entries).unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert!(matches!(store.append(head, &[]), Err(Error::Closed)));
    database.execute("UPDATE books SET stock = stock - 1 WHERE item = 1");
    before.assert_matches(&*store);
}

fn an_order_is_never_written_twice(database: &dyn Database) {
    let (store, mut shop) = filled(database, 1);
    let before = shop.clone();
    let mut entries = shop.sell(1);
    entries[0].order = before.entries.last().unwrap().order;
    let error = store.append(before.head, &entries).unwrap_err();
    assert!(!error.is_transient(), "{error}");
    before.assert_matches(&*store);
}

fn a_database_that_is_not_a_store_is_refused(database: &dyn Database) {
    database.execute("CREATE TABLE books (isbn TEXT)");
    let error = database.open().unwrap_err().to_string();
    assert!(error.contains("another program's"), "{error}");
}

fn a_newer_format_is_refused(database: &dyn Database) {
    drop(filled(database, 0));
    database.execute("UPDATE meta SET value = '99' WHERE key = 'schema'");
    let error = database.open().unwrap_err().to_string();
    assert!(error.contains("newer version"), "{error}");
}

fn a_store_of_format_1_is_upgraded(database: &dyn Database) {
    database.load_format_1();
    // Only opening for writing upgrades the store.
    assert!(matches!(database.inspect(), Err(Error::OldFormat(_))));
    assert_usable(database.kind(), || database.open().unwrap());
    database.inspect().unwrap();
    // The first read is a page from before the upgrade.
    let store = database.open().unwrap();
    let page = store.read(Seq(UNTIL.0 - 1), 1).unwrap();
    assert!(page[0].title.is_some());
}
