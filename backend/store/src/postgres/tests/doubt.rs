//! What a store makes of a server that goes away.

use super::proxy::{Cut, Proxy};
use super::*;

fn by_proxy(place: &Place) -> (Proxy, Store) {
    let proxy = Proxy::new(place.server.socket());
    let url = place.server.url_via(&place.url, proxy.folder());
    let store = Store::open(&url.parse().unwrap()).unwrap();
    (proxy, store)
}

#[test]
fn a_batch_whose_commit_was_not_answered_is_there_once() {
    let Some(place) = Place::new() else { return };
    let (proxy, store) = by_proxy(&place);
    let mut shop = ReferenceShop::filled(&store);
    for times in [1, 1, 3] {
        for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
            let before = proxy.cuts();
            proxy.cut(cut, times);
            shop.sell_through(&store, 5);
            assert!(proxy.cuts() > before, "{cut:?} did not happen");
            proxy.cut(cut, 0);
            shop.assert_matches(&store);
        }
    }
    shop.assert_matches(&place.store());
}

#[test]
fn an_import_whose_commit_was_not_answered_is_there_once() {
    let Some(place) = Place::new() else { return };
    let (proxy, store) = by_proxy(&place);
    let mut shop = ReferenceShop::empty();
    proxy.cut(Cut::AfterCommit, 1);
    let (entries, books) = shop.plan_import(&conformance::four_books());
    store.import(shop.head, &entries, &books).unwrap();
    shop.apply_import(&entries, books);
    assert_eq!(proxy.cuts(), 1);
    shop.assert_matches(&store);
}

#[test]
fn another_process_may_go_on_while_the_outcome_is_unknown() {
    let Some(place) = Place::new() else { return };
    let (proxy, store) = by_proxy(&place);
    let mut shop = ReferenceShop::filled(&store);
    let other = place.store();
    // The answer is lost, and before it can be asked for, others have gone on.
    std::thread::scope(|scope| {
        let head = shop.head;
        let entries = shop.sell(2);
        proxy.cut(Cut::AfterCommit, 1);
        let appending = scope.spawn(move || store.append(head, &entries));
        while other.wait_for_append(shop.head, Duration::from_millis(50)).unwrap() < shop.head {}
        shop.sell_through(&other, 3);
        appending.join().unwrap().unwrap();
    });
    shop.assert_matches(&other);
}

#[test]
fn a_server_that_stays_away_is_a_passing_error_as_long_as_nothing_is_in_doubt() {
    let Some(place) = Place::new() else { return };
    let (proxy, store) = by_proxy(&place);
    let mut shop = ReferenceShop::filled(&store);
    proxy.cut(Cut::AtOnce, u32::MAX);
    let before = shop.clone();
    let head = shop.head;
    let entries = shop.sell(2);
    let error = store.append(head, &entries).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(store.read(Seq::ZERO, 1).unwrap_err().is_transient());
    proxy.cut(Cut::AtOnce, 0);
    before.assert_matches(&store);
    store.append(head, &entries).unwrap();
    shop.assert_matches(&store);
}

#[test]
fn a_connection_that_was_ended_while_idle_is_made_again() {
    let Some(place) = Place::new() else { return };
    let store = place.store();
    let mut shop = ReferenceShop::filled(&store);
    place.end_connections("%COMMIT");
    shop.sell_through(&store, 2);
    shop.assert_matches(&store);
}

#[test]
fn a_crash_of_the_server_loses_nothing_and_stops_nobody() {
    let Some(server) = Server::start(&[]) else { return };
    let store = Store::open(&server.url().parse().unwrap()).unwrap();
    let mut shop = ReferenceShop::filled(&store);
    for _ in 0..2 {
        shop.sell_through(&store, 7);
        let head = shop.head;
        let entries = shop.sell(3);
        server.kill();
        std::thread::scope(|scope| {
            let appending = scope.spawn(|| {
                loop {
                    match store.append(head, &entries) {
                        Err(Error::Unavailable { .. }) => {}
                        done => return done,
                    }
                }
            });
            server.restart(&[]);
            appending.join().unwrap().unwrap();
        });
        shop.assert_matches(&store);
    }
}
