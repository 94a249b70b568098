mod doubt;
mod proxy;
mod shared;

use std::sync::Arc;

use testing::postgres::Server;

use super::super::Store as Contract;
use super::super::conformance::{self, Fixture, ReferenceShop, SmallDisk};
use super::*;

/// A schema for one store on the shared server.
#[derive(Debug)]
struct Schema {
    server: Arc<Server>,
    url: String,
    address: Address,
}

impl Schema {
    fn new() -> Option<Self> {
        let server = Server::shared()?;
        let url = server.url();
        let address = url.parse().unwrap();
        Some(Self { server, url, address })
    }

    fn store(&self) -> Store {
        Store::open(&self.address).unwrap()
    }

    /// Runs statements in the schema.
    fn sql(&self, statements: &str) -> String {
        let options = self.address.options();
        let path = options.get_options().unwrap().trim_start_matches("-c").to_owned();
        self.server.sql(&format!("SET {path}; {statements}"))
    }

    /// Ends the store's connections whose last statement matches.
    fn end_connections(&self, last: &str) {
        let options = self.address.options();
        let name = options.get_application_name().unwrap();
        self.sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}' AND query LIKE '{last}'"
        ));
    }
}

impl Fixture for Schema {
    fn open(&self) -> Result<Box<dyn Contract>, Error> {
        Ok(Box::new(Store::open(&self.address)?))
    }
}

#[test]
fn postgres_passes_the_conformance_suite() {
    if let Some(_server) = Server::shared() {
        conformance::suite(|| Schema::new().unwrap());
    }
}

#[test]
fn every_commit_is_synced() {
    let Some(schema) = Schema::new() else { return };
    let setting = |address: &Address| {
        let blocking = Blocking::new().unwrap();
        blocking.run(async {
            let mut connection = session::connect(address).await.unwrap();
            let setting = sqlx::query_scalar("SHOW synchronous_commit")
                .fetch_one(&mut connection)
                .await;
            setting.unwrap()
        })
    };
    let setting: String = setting(&schema.address);
    assert_eq!(setting, "on");
}

#[test]
fn a_server_with_fsync_off_is_refused() {
    let Some(server) = Server::start(&["fsync=off"]) else {
        return;
    };
    let error = Store::open(&server.url().parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("fsync=off"), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn a_missing_server_is_a_transient_error_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let address: Address = format!("postgres://shop:secret@localhost/x?host={}", folder.path().display())
        .parse()
        .unwrap();
    let error = Store::open(&address).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[test]
fn a_database_that_is_not_a_store_is_refused() {
    let Some(schema) = Schema::new() else { return };
    schema.sql("CREATE TABLE books (isbn TEXT)");
    let error = Store::open(&schema.address).unwrap_err().to_string();
    assert!(error.contains("another program's"), "{error}");

    let Some(schema) = Schema::new() else { return };
    drop(schema.store());
    schema.sql("UPDATE meta SET value = '99' WHERE key = 'schema'");
    let error = Store::open(&schema.address).unwrap_err().to_string();
    assert!(error.contains("newer version"), "{error}");
}

#[test]
fn a_damaged_entry_is_an_error_that_names_it() {
    let Some(schema) = Schema::new() else { return };
    let store = schema.store();
    ReferenceShop::filled(&store);
    schema.sql("UPDATE ledger SET kind = 'stolen' WHERE seq = 2");
    let error = store.read(Seq::ZERO, 10).unwrap_err().to_string();
    assert!(error.contains("entry 2 has a bad kind"), "{error}");
}

#[test]
fn a_missing_entry_is_an_error_that_names_it() {
    let Some(schema) = Schema::new() else { return };
    let store = schema.store();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 20);
    schema.sql("DELETE FROM ledger WHERE seq = 9");
    let error = store.read(Seq::ZERO, 100).unwrap_err().to_string();
    assert!(error.contains("entry 9 is missing"), "{error}");
    assert_eq!(store.read(Seq(9), 100).unwrap(), shop.entries[9..]);
    schema.sql("DELETE FROM ledger WHERE seq = 24");
    let error = store.load().unwrap_err().to_string();
    assert!(error.contains("the last entry is 23"), "{error}");
}

#[test]
fn a_real_full_disk_refuses_a_batch_whole() {
    let (Some(schema), Some(disk)) = (Schema::new(), SmallDisk::mount()) else {
        return;
    };
    let store = schema.store();
    let shop = ReferenceShop::filled(&store);
    schema.server.move_table(&schema.url, "ledger", disk.path());
    conformance::a_full_disk_refuses_a_batch_whole_until_there_is_room(&store, shop, &disk);
    drop(store);
    schema.sql("DROP TABLE ledger");
    schema.server.sql("DROP TABLESPACE small");
}

#[test]
fn a_stock_that_does_not_follow_from_the_entries_closes_the_store() {
    let Some(schema) = Schema::new() else { return };
    let store = schema.store();
    let mut shop = ReferenceShop::filled(&store);
    let before = shop.clone();
    schema.sql("UPDATE books SET stock = stock + 1 WHERE item = 1");
    let head = shop.head;
    let entries = shop.sell(4);
    let error = store.append(head, &entries).unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert!(matches!(store.append(head, &[]), Err(Error::Closed)));
    schema.sql("UPDATE books SET stock = stock - 1 WHERE item = 1");
    before.assert_matches(&store);
}

#[test]
fn an_order_is_never_written_twice() {
    let Some(schema) = Schema::new() else { return };
    let store = schema.store();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 1);
    let before = shop.clone();
    let head = shop.head;
    let mut entries = shop.sell(1);
    entries[0].order = before.entries.last().unwrap().order;
    assert!(matches!(
        store.append(head, &entries),
        Err(Error::DatabaseDamaged { .. })
    ));
    before.assert_matches(&store);
}
