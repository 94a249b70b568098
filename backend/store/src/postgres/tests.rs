mod doubt;
mod history;
mod hosts;
mod pooler;
mod proxy;
mod shared;
mod standby;
mod upgrade;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::StoreId;
use testing::postgres::Server;

use super::*;
use crate::Store;
use crate::conformance::{self, Fixture, ReferenceShop, SmallDisk};
use crate::format_1::tests::fixture;
use crate::sql::checks::{self, Database};

/// A schema for one store on the shared server.
#[derive(Debug)]
struct Schema {
    server: Arc<Server>,
    url: String,
    address: Address,
}

impl Schema {
    fn new() -> Option<Self> {
        Some(Self::on(Server::shared()?))
    }

    fn on(server: Arc<Server>) -> Self {
        let url = server.url();
        let address = url.parse().unwrap();
        Self { server, url, address }
    }

    fn store(&self) -> PostgresStore {
        PostgresStore::open(&self.address).unwrap()
    }

    /// Runs statements in the schema.
    fn sql(&self, statements: &str) -> String {
        let options = self.address.options();
        let path = options.get_options().unwrap().split(' ').next().unwrap();
        let path = path.trim_start_matches("-c");
        self.server.sql(&format!("SET {path}; {statements}"))
    }

    /// Terminates the store's connections whose last statement matches.
    fn end_connections(&self, last: &str) {
        let options = self.address.options();
        let name = options.get_application_name().unwrap();
        self.sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}' AND query LIKE '{last}'"
        ));
    }
}

impl Fixture for Schema {
    fn open(&self) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(PostgresStore::open(&self.address)?))
    }
}

impl Database for Schema {
    fn execute(&self, statements: &str) {
        self.sql(statements);
    }

    fn inspect(&self) -> Result<(), Error> {
        PostgresStore::inspect(&self.address).map(drop)
    }

    fn load_format_1(&self) {
        self.sql(&std::fs::read_to_string(fixture("postgres.sql")).unwrap());
    }

    fn kind(&self) -> &'static str {
        "postgres"
    }
}

#[test]
fn postgres_passes_the_checks_of_a_database() {
    if let Some(_server) = Server::shared() {
        checks::suite(|| Schema::new().unwrap());
    }
}

#[test]
fn postgres_passes_the_conformance_suite() {
    if let Some(_server) = Server::shared() {
        conformance::suite(|| Schema::new().unwrap());
    }
}

#[test]
fn every_append_waits_for_a_standby_even_where_the_role_would_not() {
    let Some(server) = Server::start(&[]) else { return };
    server.sql("ALTER ROLE shop SET synchronous_commit = off");
    let store = PostgresStore::open(&server.url().parse().unwrap()).unwrap();
    let mut shop = ReferenceShop::filled(&store);
    let require_standby = |names: &str| {
        server.sql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"));
        server.sql("SELECT pg_reload_conf()");
    };
    require_standby("*");
    let waited = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // A commit before the new setting takes effect does not wait.
        let appending = scope.spawn(|| {
            while !waited.load(Ordering::Relaxed) {
                shop.sell_through(&store, 1);
            }
        });
        server.waiting_commit();
        waited.store(true, Ordering::Relaxed);
        require_standby("");
        appending.join().unwrap();
    });
    shop.assert_matches(&store);
}

#[test]
fn a_server_with_fsync_off_is_refused() {
    let Some(server) = Server::start(&["fsync=off"]) else {
        return;
    };
    let error = PostgresStore::open(&server.url().parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("fsync=off"), "{error}");
    assert!(!error.is_transient());
}

#[test]
fn a_missing_server_is_a_transient_error_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let address: Address = format!("postgres://shop:secret@localhost/x?host={}", folder.path().display())
        .parse()
        .unwrap();
    let error = PostgresStore::open(&address).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"));
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
