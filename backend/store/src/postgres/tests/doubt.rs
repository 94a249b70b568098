//! A server that is lost during a commit.

use super::proxy::{Cut, Proxy};
use super::*;

fn through_proxy(schema: &Schema) -> (Proxy, PostgresStore) {
    let proxy = Proxy::new(schema.server.socket());
    let url = schema.server.url_via(&schema.url, proxy.address());
    let store = PostgresStore::open(&url.parse().unwrap()).unwrap();
    (proxy, store)
}

#[test]
fn a_batch_whose_commit_was_not_answered_is_stored_once() {
    let Some(schema) = Schema::new() else { return };
    let (proxy, store) = through_proxy(&schema);
    let mut shop = ReferenceShop::filled(&store);
    for times in [1, 1, 3] {
        for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
            let before = proxy.cuts();
            proxy.cut(cut, times);
            shop.sell_baskets_through(&store, &[1, 3, 1]);
            assert!(proxy.cuts() > before, "{cut:?} did not happen");
            proxy.cut(cut, 0);
            shop.assert_matches(&store);
        }
    }
    shop.assert_matches(&schema.store());
}

#[test]
fn an_import_whose_commit_was_not_answered_is_stored_once() {
    let Some(schema) = Schema::new() else { return };
    let (proxy, store) = through_proxy(&schema);
    let mut shop = ReferenceShop::empty();
    proxy.cut(Cut::AfterCommit, 1);
    shop.import_through(&store, &conformance::four_books());
    assert_eq!(proxy.cuts(), 1);
    shop.assert_matches(&store);
}

#[test]
fn another_process_may_append_while_the_outcome_is_unknown() {
    let Some(schema) = Schema::new() else { return };
    let (proxy, store) = through_proxy(&schema);
    let mut shop = ReferenceShop::filled(&store);
    let other = schema.store();
    // The answer is lost, and another process appends before the outcome is read.
    std::thread::scope(|scope| {
        let head = shop.head;
        let entries = shop.sell(2);
        proxy.cut(Cut::AfterCommit, 1);
        let appending = scope.spawn(move || store.append(head, &entries));
        while other.wait_for_append(head, Duration::from_millis(50)).unwrap() < shop.head {}
        shop.sell_through(&other, 3);
        appending.join().unwrap().unwrap();
    });
    shop.assert_matches(&other);
}

#[test]
fn a_lost_server_is_a_transient_error_while_nothing_is_in_doubt() {
    let Some(schema) = Schema::new() else { return };
    let mut shop = ReferenceShop::filled(&schema.store());
    // An idle or new connection is pinged first.
    let (proxy, store) = through_proxy(&schema);
    proxy.cut(Cut::AtMessage, u32::MAX);
    let before = shop.clone();
    let head = shop.head;
    let entries = shop.sell(2);
    let error = store.append(head, &entries).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(store.read(Seq::ZERO, 1).unwrap_err().is_transient());
    proxy.cut(Cut::AtMessage, 0);
    before.assert_matches(&store);
    store.append(head, &entries).unwrap();
    shop.assert_matches(&store);
}

#[test]
fn an_append_that_the_server_ends_before_its_commit_is_not_in_doubt() {
    let Some(server) = Server::start(&[]) else { return };
    let schema = Schema::on(Arc::new(server));
    let store = schema.store();
    let shop = ReferenceShop::filled(&store);
    std::thread::scope(|scope| {
        scope.spawn(|| schema.sql("BEGIN; LOCK TABLE ledger IN EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT"));
        let is_locked = "SELECT 1 FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'ledger'::regclass";
        while schema.sql(is_locked).is_empty() {}
        // The setting applies to new connections.
        schema.sql("ALTER DATABASE postgres SET default_transaction_read_only = on");
        let appending = scope.spawn(|| store.append(shop.head, &shop.clone().sell(1)));
        let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted";
        while schema.sql(end).is_empty() {}
        let error = appending.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    });
    shop.assert_matches(&store);
}

#[test]
fn a_connection_that_ended_while_idle_is_reopened() {
    let Some(schema) = Schema::new() else { return };
    let store = schema.store();
    let mut shop = ReferenceShop::filled(&store);
    schema.end_connections("%COMMIT");
    shop.sell_through(&store, 2);
    shop.assert_matches(&store);
}

#[test]
fn a_crash_of_the_server_loses_nothing() {
    let Some(server) = Server::start(&[]) else { return };
    let store = PostgresStore::open(&server.url().parse().unwrap()).unwrap();
    let mut shop = ReferenceShop::filled(&store);
    for _ in 0..2 {
        shop.sell_through(&store, 7);
        let head = shop.head;
        let entries = shop.sell(3);
        server.quit();
        std::thread::scope(|scope| {
            let appending = scope.spawn(|| {
                loop {
                    match store.append(head, &entries) {
                        Err(Error::Unavailable { .. }) => {}
                        result => return result,
                    }
                }
            });
            server.restart(&[]);
            appending.join().unwrap().unwrap();
        });
        shop.assert_matches(&store);
    }
}
