mod doubt;
mod proxy;
mod shared;

use std::sync::Arc;

use testing::postgres::Server;

use super::super::Store as Contract;
use super::super::conformance::{self, Fixture, ReferenceShop, SmallDisk};
use super::*;

/// A place for one store on the shared server.
#[derive(Debug)]
struct Place {
    server: Arc<Server>,
    url: String,
    address: Address,
}

impl Place {
    fn new() -> Option<Self> {
        let server = Server::shared()?;
        let url = server.url();
        let address = url.parse().unwrap();
        Some(Self { server, url, address })
    }

    fn store(&self) -> Store {
        Store::open(&self.address).unwrap()
    }

    /// Runs statements among the store's tables.
    fn sql(&self, statements: &str) -> String {
        let options = self.address.options();
        let path = options.get_options().unwrap().trim_start_matches("-c").to_owned();
        self.server.sql(&format!("SET {path}; {statements}"))
    }

    /// Ends the store's connections whose last statement is like that.
    fn end_connections(&self, last: &str) {
        let options = self.address.options();
        let name = options.get_application_name().unwrap();
        self.sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}' AND query LIKE '{last}'"
        ));
    }
}

impl Fixture for Place {
    fn open(&self) -> Result<Box<dyn Contract>, Error> {
        Ok(Box::new(Store::open(&self.address)?))
    }
}

#[test]
fn it_does_what_every_store_does() {
    if Server::shared().is_some() {
        let _server = Server::shared();
        conformance::suite(|| Place::new().unwrap());
    }
}

#[test]
fn every_commit_is_synced() {
    let Some(place) = Place::new() else { return };
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
    let setting: String = setting(&place.address);
    assert_eq!(setting, "on");
}

#[test]
fn a_server_that_does_not_sync_is_refused() {
    let Some(server) = Server::start(&["fsync=off"]) else {
        return;
    };
    let error = Store::open(&server.url().parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("fsync=off"), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn a_server_that_is_not_there_is_no_reason_to_despair() {
    let folder = tempfile::tempdir().unwrap();
    let address: Address = format!("postgres://shop:secret@localhost/x?host={}", folder.path().display())
        .parse()
        .unwrap();
    let error = Store::open(&address).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[test]
fn what_is_no_store_is_refused() {
    let Some(place) = Place::new() else { return };
    place.sql("CREATE TABLE books (isbn TEXT)");
    let error = Store::open(&place.address).unwrap_err().to_string();
    assert!(error.contains("another program's"), "{error}");

    let Some(place) = Place::new() else { return };
    drop(place.store());
    place.sql("UPDATE meta SET value = '99' WHERE key = 'schema'");
    let error = Store::open(&place.address).unwrap_err().to_string();
    assert!(error.contains("newer version"), "{error}");
}

#[test]
fn a_damaged_entry_is_an_error_that_names_it() {
    let Some(place) = Place::new() else { return };
    let store = place.store();
    ReferenceShop::filled(&store);
    place.sql("UPDATE ledger SET kind = 'stolen' WHERE seq = 2");
    let error = store.read(Seq::ZERO, 10).unwrap_err().to_string();
    assert!(error.contains("entry 2 has a bad kind"), "{error}");
}

#[test]
fn an_entry_that_is_gone_is_an_error_that_names_it() {
    let Some(place) = Place::new() else { return };
    let store = place.store();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 20);
    place.sql("DELETE FROM ledger WHERE seq = 9");
    let error = store.read(Seq::ZERO, 100).unwrap_err().to_string();
    assert!(error.contains("entry 9 is missing"), "{error}");
    assert_eq!(store.read(Seq(9), 100).unwrap(), shop.entries[9..]);
    place.sql("DELETE FROM ledger WHERE seq = 24");
    let error = store.load().unwrap_err().to_string();
    assert!(error.contains("the last entry is 23"), "{error}");
}

#[test]
fn a_disk_that_is_really_full_refuses_a_batch_whole() {
    let (Some(place), Some(disk)) = (Place::new(), SmallDisk::mount()) else {
        return;
    };
    let store = place.store();
    let shop = ReferenceShop::filled(&store);
    place.server.move_table(&place.url, "ledger", disk.path());
    conformance::a_full_disk_refuses_a_batch_whole_until_there_is_room(&store, shop, &disk);
    drop(store);
    place.sql("DROP TABLE ledger");
    place.server.sql("DROP TABLESPACE small");
}

#[test]
fn a_stock_that_does_not_follow_closes_the_store() {
    let Some(place) = Place::new() else { return };
    let store = place.store();
    let mut shop = ReferenceShop::filled(&store);
    let before = shop.clone();
    place.sql("UPDATE books SET stock = stock + 1 WHERE item = 1");
    let head = shop.head;
    let entries = shop.sell(4);
    let error = store.append(head, &entries).unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert!(matches!(store.append(head, &[]), Err(Error::Closed)));
    place.sql("UPDATE books SET stock = stock - 1 WHERE item = 1");
    before.assert_matches(&store);
}

#[test]
fn an_order_is_never_written_twice() {
    let Some(place) = Place::new() else { return };
    let store = place.store();
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
