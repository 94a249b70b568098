//! Different histories, and operations that must not wait.

use common::Epoch;

use super::*;

/// Truncates the ledger to its first four entries, as a failover that loses commits does.
fn take_back(schema: &Schema, shop: &ReferenceShop) {
    schema.sql("DELETE FROM ledger WHERE seq > 4");
    for book in &shop.books {
        let (stock, seq, item) = (book.stock, book.seq, book.item);
        schema.sql(&format!(
            "UPDATE books SET stock = {stock}, seq = {seq} WHERE item = {item}"
        ));
    }
}

#[test]
fn an_append_continues_no_other_history_even_of_the_same_length() {
    let Some(schema) = Schema::new() else { return };
    let store = schema.store();
    let mut shop = ReferenceShop::filled(&store);
    let before = shop.clone();
    shop.sell_through(&store, 2);
    let (head, entries) = (shop.head, shop.sell(1));
    take_back(&schema, &before);
    assert!(matches!(store.append(head, &entries), Err(Error::Conflict)));
    let other = schema.store();
    let mut others = before.clone();
    others.sell_through(&other, 2);
    assert!(matches!(store.append(head, &entries), Err(Error::Conflict)));
    assert!(matches!(store.append(head, &[]), Err(Error::Conflict)));
    let waited = store.wait_for_append(head, Duration::ZERO);
    assert!(matches!(waited, Err(Error::Conflict)), "{waited:?}");
    let lost = &shop.entries[usize::try_from(head.0).unwrap() - 1];
    assert!(matches!(store.confirm(lost), Err(Error::Conflict)));
    // After it has read and confirmed the last entry, it continues from there.
    store.confirm(others.entries.last().unwrap()).unwrap();
    others.sell_through(&store, 1);
    others.assert_matches(&other);
}

#[test]
fn of_several_processes_that_replace_the_id_one_does() {
    let Some(schema) = Schema::new() else { return };
    let stores = [schema.store(), schema.store()];
    let shop = ReferenceShop::filled(&stores[0]);
    let old = stores[0].load().unwrap().store;
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| store.replace_id(old).unwrap());
        }
    });
    // Neither can append before it has loaded the new id.
    let entries = shop.clone().sell(1);
    assert!(matches!(stores[0].append(shop.head, &entries), Err(Error::Conflict)));
    let waited = stores[1].wait_for_append(shop.head, Duration::ZERO);
    assert!(matches!(waited, Err(Error::Conflict)), "{waited:?}");
    let [one, other] = stores.each_ref().map(|store| store.load().unwrap());
    assert!(one == other && one.store != old);
    assert_eq!(one.epoch, Epoch(1));
    let remarks = PostgresStore::inspect(&schema.address).unwrap().remarks;
    assert!(remarks.concat().contains("replaced 1 times"), "{remarks:?}");
    assert_eq!(schema.sql("SELECT value FROM meta WHERE key = 'epoch'"), "1");
    stores[0].append(shop.head, &entries).unwrap();
}

#[test]
fn an_append_does_not_wait_long_behind_a_lock() {
    let Some(schema) = Schema::new() else { return };
    let store = schema.store();
    let mut shop = ReferenceShop::filled(&store);
    std::thread::scope(|scope| {
        scope.spawn(|| schema.sql("BEGIN; LOCK TABLE ledger IN EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT"));
        let is_locked = "SELECT 1 FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'ledger'::regclass";
        while schema.sql(is_locked).is_empty() {}
        let (head, entries) = (shop.head, shop.clone().sell(1));
        let error = store.append(head, &entries).unwrap_err();
        assert!(
            matches!(&error, Error::Unavailable { why, .. } if why.contains("holds a lock")),
            "{error}"
        );
    });
    shop.sell_through(&store, 1);
    shop.assert_matches(&store);
}

#[test]
fn opening_a_store_waits_for_no_standby() {
    let Some(server) = Server::start(&[]) else { return };
    let address: Address = server.url().parse().unwrap();
    let shop = ReferenceShop::filled(&PostgresStore::open(&address).unwrap());
    server.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    server.sql("SELECT pg_reload_conf()");
    let store = PostgresStore::open(&address).unwrap();
    shop.assert_matches(&store);
    assert_eq!(server.find_waiting_commit(), None);
}

#[test]
fn a_read_only_server_is_a_transient_error_of_its_own() {
    let Some(server) = Server::start(&[]) else { return };
    let address: Address = server.url().parse().unwrap();
    let store = PostgresStore::open(&address).unwrap();
    let shop = ReferenceShop::filled(&store);
    server.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    server.sql("SELECT pg_reload_conf()");
    let append = || store.append(shop.head, &shop.clone().sell(1));
    while append().is_ok() {}
    let error = append().unwrap_err();
    assert!(
        matches!(error, Error::ReadOnly { .. }) && error.is_transient(),
        "{error}"
    );
    let error = PostgresStore::open(&address).unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
}
