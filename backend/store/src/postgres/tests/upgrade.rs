//! The upgrade of a store of format 1, interrupted and run by several processes.

use super::proxy::Proxy;
use super::*;
use crate::format_1::tests::assert_upgraded;

/// Upgrades stores on a server until one is not interrupted: each loses its connection `step` messages later than the previous
/// one, and then `fault` happens. Returns the number of messages of an upgrade.
fn interrupt(server: &Arc<Server>, step: usize, forward: bool, fault: impl Fn(&Server)) -> u32 {
    let proxy = Proxy::new(server.socket());
    for messages in (0..).step_by(step) {
        let schema = Schema::on(Arc::clone(server));
        schema.load_format_1();
        let url = server.url_via(&schema.url, proxy.address());
        let before = proxy.cuts();
        proxy.cut_after(messages, forward);
        let opened = PostgresStore::open(&url.parse().unwrap());
        let is_interrupted = proxy.cuts() > before;
        drop(opened);
        fault(server);
        let store = schema.store();
        let mut shop = assert_upgraded(&store, "postgres");
        shop.sell_through(&store, 1);
        shop.assert_matches(&store);
        drop(store);
        PostgresStore::inspect(&schema.address).unwrap();
        if !is_interrupted {
            return messages;
        }
    }
    unreachable!()
}

#[test]
fn an_upgrade_whose_connection_is_lost_at_any_message_goes_on_at_the_next_start() {
    let Some(server) = Server::shared() else { return };
    for forward in [false, true] {
        let messages = interrupt(&server, 1, forward, |_| {});
        assert!(messages > 15, "{messages} messages");
    }
}

#[test]
fn an_upgrade_whose_server_is_killed_after_a_message_goes_on_at_the_next_start() {
    let Some(server) = Server::start(&[]) else { return };
    let messages = interrupt(&Arc::new(server), 3, true, |server| {
        server.kill_postmaster();
        server.restart(&[]);
    });
    assert!(messages > 15, "{messages} messages");
}

#[test]
fn processes_that_upgrade_at_once_describe_each_book_once() {
    let Some(schema) = Schema::new() else { return };
    schema.load_format_1();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_upgraded(&schema.store(), "postgres"));
        }
    });
}

#[test]
fn a_catalog_of_the_older_version_cannot_append_after_the_upgrade() {
    let Some(schema) = Schema::new() else { return };
    schema.load_format_1();
    let store = schema.store();
    let append = "DO $$ BEGIN \
         INSERT INTO ledger (seq, at_micros, kind, item, change, batch) VALUES (37, 0, 'sold', 1, -1, 37); \
         RAISE 'appended'; \
         EXCEPTION WHEN not_null_violation THEN NULL; END $$";
    schema.sql(append);
    assert_upgraded(&store, "postgres");
}
