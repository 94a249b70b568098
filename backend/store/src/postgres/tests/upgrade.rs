//! The upgrade of a store of format 1, interrupted and run by several processes.

use super::proxy::Proxy;
use super::*;
use crate::format_1::tests::assert_upgraded;

#[test]
fn an_upgrade_whose_connection_is_lost_at_any_message_goes_on_at_the_next_start() {
    let mut interrupted = 0;
    for messages in 0.. {
        let Some(schema) = Schema::new() else { return };
        schema.load_format_1();
        let proxy = Proxy::new(schema.server.socket());
        let url = schema.server.url_via(&schema.url, proxy.address());
        proxy.cut_after(messages);
        let opened = PostgresStore::open(&url.parse().unwrap());
        let cuts = proxy.cuts();
        drop(opened);
        interrupted += u32::from(cuts > 0);
        assert_upgraded(&schema.store(), "postgres");
        if cuts == 0 {
            break;
        }
    }
    assert!(interrupted > 15, "{interrupted} messages");
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
