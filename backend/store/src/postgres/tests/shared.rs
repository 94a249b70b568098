//! Several processes with one database.

use super::*;

#[test]
fn of_two_appends_at_one_head_one_is_a_conflict() {
    let Some(schema) = Schema::new() else { return };
    let (one, other) = (schema.store(), schema.store());
    let mut shop = ReferenceShop::filled(&one);
    assert_eq!(one.load().unwrap(), other.load().unwrap());
    let mut behind = shop.clone();
    let head = shop.head;
    shop.sell_through(&one, 3);
    let late = behind.sell(2);
    assert!(matches!(other.append(head, &late), Err(Error::Conflict)));
    assert!(matches!(other.append(head, &[]), Err(Error::Conflict)));
    assert_eq!(other.read(head, 10).unwrap(), shop.entries[4..]);
    shop.sell_through(&other, 2);
    one.append(shop.head, &[]).unwrap();
    shop.assert_matches(&one);
    shop.assert_matches(&other);
}

#[test]
fn concurrent_appends_make_one_ledger_without_gaps() {
    const EACH: usize = 40;
    let Some(schema) = Schema::new() else { return };
    let stores: Vec<PostgresStore> = (0..4).map(|_| schema.store()).collect();
    let shop = ReferenceShop::filled(&stores[0]);
    std::thread::scope(|scope| {
        for store in &stores {
            let mut shop = shop.clone();
            scope.spawn(move || {
                let mut done = 0;
                while done < EACH {
                    // Like a catalog, read the new state and decide again.
                    let loaded = store.load().unwrap();
                    shop.head = loaded.head;
                    shop.books = loaded.books;
                    let entries = shop.sell(2);
                    match store.append(loaded.head, &entries) {
                        Ok(()) => done += 1,
                        Err(Error::Conflict) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let entries = stores[0].read(Seq::ZERO, usize::MAX).unwrap();
    assert_eq!(entries.len(), shop.entries.len() + stores.len() * EACH * 2);
    assert!((1..).zip(&entries).all(|(seq, entry)| entry.seq == Seq(seq)));
    let start: i64 = shop.books.iter().map(|book| i64::from(book.stock.get())).sum();
    let sold: i64 = entries[4..].iter().map(|entry| entry.change).sum();
    let books = stores[1].load().unwrap().books;
    let left: i64 = books.iter().map(|book| i64::from(book.stock.get())).sum();
    assert_eq!(left, start + sold);
}

#[test]
fn while_a_process_holds_the_append_lock_other_appends_wait_and_then_conflict() {
    const FAR: Duration = Duration::from_secs(30);
    let Some(schema) = Schema::new() else { return };
    let (one, other) = (schema.store(), schema.store());
    let mut shop = ReferenceShop::filled(&one);
    one.lock_appends(FAR).unwrap();
    let (head, late) = (shop.head, shop.clone().sell(1));
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| other.append(head, &late));
        let waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')";
        while schema.sql(waiting).is_empty() {}
        shop.sell_through(&one, 2);
        one.unlock_appends();
        assert!(matches!(appending.join().unwrap(), Err(Error::Conflict)));
    });
    other.lock_appends(FAR).unwrap();
    let waited = one.lock_appends(Duration::from_millis(20));
    assert!(matches!(waited, Err(Error::Unavailable { .. })), "{waited:?}");
    other.confirm(shop.entries.last().unwrap()).unwrap();
    shop.sell_through(&other, 3);
    // The lock ends with its process.
    drop(other);
    one.lock_appends(FAR).unwrap();
    one.confirm(shop.entries.last().unwrap()).unwrap();
    shop.sell_through(&one, 1);
    shop.assert_matches(&one);
}

#[test]
fn a_stopped_process_does_not_keep_the_append_lock() {
    let Some(schema) = Schema::new() else { return };
    let store = schema.store();
    store.lock_appends(Duration::from_secs(30)).unwrap();
    let limit: String = store.blocking.run(async {
        let mut lock = store.append_lock().take().unwrap();
        let show = sqlx::query_scalar("SHOW idle_in_transaction_session_timeout");
        show.fetch_one(&mut *lock).await.unwrap()
    });
    assert_eq!(limit, "10s");
}

#[test]
fn stores_that_open_a_fresh_database_at_once_agree_on_its_id() {
    let Some(schema) = Schema::new() else { return };
    let ids: Vec<StoreId> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| schema.store().load().unwrap().store))
            .collect();
        opening.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

/// One store waits while another appends. The append must end the wait before the timeout.
fn assert_that_an_append_ends_a_wait(schema: &Schema, notifications: bool) {
    let far = Duration::from_secs(600);
    let open = || PostgresStore::open_with(&schema.address, notifications, true).unwrap();
    let (one, other) = (open(), open());
    assert!(one.is_shared());
    let mut shop = ReferenceShop::filled(&one);
    for _ in 0..5 {
        let after = shop.head;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| other.wait_for_append(after, far).unwrap());
            shop.sell_through(&one, 2);
            assert_eq!(waiting.join().unwrap(), shop.head);
        });
    }
    assert_eq!(other.wait_for_append(shop.head, Duration::ZERO).unwrap(), shop.head);
    assert_eq!(other.wait_for_append(Seq::ZERO, far).unwrap(), shop.head);
}

#[test]
fn a_notification_ends_a_wait() {
    let Some(schema) = Schema::new() else { return };
    assert_that_an_append_ends_a_wait(&schema, true);
    let store = schema.store();
    let head = store.load().unwrap().head;
    // The listener's notification to itself confirms delivery.
    while !store.listener.lock().unwrap().delivery_confirmed() {
        store.wait_for_append(head, Duration::from_millis(20)).unwrap();
    }
}

#[test]
fn a_process_ignores_its_own_notifications() {
    let Some(schema) = Schema::new() else { return };
    let (one, other) = (schema.store(), schema.store());
    let mut shop = ReferenceShop::filled(&one);
    while !one.listener.lock().unwrap().delivery_confirmed() {
        one.wait_for_append(shop.head, Duration::from_millis(20)).unwrap();
    }
    let after = shop.head;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| one.wait_for_append(after, Duration::from_secs(600)).unwrap());
        for _ in 0..20 {
            shop.sell_through(&one, 2);
        }
        shop.sell_through(&other, 1);
        assert_eq!(waiting.join().unwrap(), shop.head);
    });
}

#[test]
fn polling_ends_a_wait_without_notifications() {
    let Some(schema) = Schema::new() else { return };
    assert_that_an_append_ends_a_wait(&schema, false);
    assert!(!PostgresStore::open_with(&schema.address, false, true).unwrap().notifies);
}

#[test]
fn a_wait_survives_the_loss_of_its_connection() {
    let Some(schema) = Schema::new() else { return };
    let (one, other) = (schema.store(), schema.store());
    let mut shop = ReferenceShop::filled(&one);
    assert_eq!(other.wait_for_append(shop.head, Duration::ZERO).unwrap(), shop.head);
    let after = shop.head;
    schema.end_connections("%pg_notify%$1)");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            loop {
                // The caller may wait again after an error.
                match other.wait_for_append(after, Duration::from_secs(600)) {
                    Ok(head) => return head,
                    Err(error) => assert!(matches!(error, Error::Unavailable { .. }), "{error}"),
                }
            }
        });
        shop.sell_through(&one, 1);
        assert_eq!(waiting.join().unwrap(), shop.head);
    });
}
