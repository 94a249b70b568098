//! A pooler that gives each transaction another connection to the server.

use testing::postgres::Pooler;

use super::*;

/// A database whose store was created over a direct connection.
#[derive(Debug)]
struct Pooled {
    address: Address,
}

impl Pooled {
    fn new(server: &Server, pooler: &Pooler, name: &str) -> Self {
        let direct = server.database_url(name);
        let address: Address = pooler.url(name).parse().unwrap();
        let why = PostgresStore::open(&address).unwrap_err();
        assert!(why.to_string().contains("through a pooler"), "{why}");
        drop(PostgresStore::open(&direct.parse().unwrap()).unwrap());
        Self { address }
    }

    fn store(&self) -> PostgresStore {
        PostgresStore::open(&self.address).unwrap()
    }
}

impl Fixture for Pooled {
    fn open(&self) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(PostgresStore::open(&self.address)?))
    }
}

fn start() -> Option<(Server, Pooler)> {
    let server = Server::start(&[])?;
    let pooler = server.start_pooler()?;
    Some((server, pooler))
}

#[test]
fn a_store_passes_the_conformance_suite_through_a_pooler() {
    let Some((server, pooler)) = start() else { return };
    let number = AtomicU64::new(0);
    conformance::suite(|| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        Pooled::new(&server, &pooler, &format!("shop{number}"))
    });
}

#[test]
fn through_a_pooler_every_append_waits_for_a_standby_and_a_cancelled_wait_is_seen() {
    let Some((server, pooler)) = start() else { return };
    server.sql("ALTER ROLE shop SET synchronous_commit = off");
    server.sql("ALTER ROLE shop SET client_min_messages = error");
    let pooled = Pooled::new(&server, &pooler, "shop");
    let (one, other) = (pooled.store(), pooled.store());
    assert!(one.warnings.are_seen());
    let mut shop = ReferenceShop::filled(&one);
    let standby = server.start_standby();
    shop.sell_through(&one, 2);
    standby.stop_receiver();
    let (head, entries) = (shop.head, shop.sell(1));
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| one.append(head, &entries));
        for _ in 0..2 {
            let pid = server.waiting_commit();
            server.sql(&format!("SELECT pg_cancel_backend({pid})"));
        }
        server.waiting_commit();
        assert!(!appending.is_finished());
        server.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
        server.sql("SELECT pg_reload_conf()");
        appending.join().unwrap().unwrap();
    });
    // The store polls, because no notification arrives.
    assert_eq!(
        other.wait_for_append(head, Duration::from_secs(600)).unwrap(),
        shop.head
    );
    other.confirm(shop.entries.last().unwrap()).unwrap();
    shop.sell_through(&other, 1);
    shop.assert_matches(&one);
}
