//! A ledger that is missing at a start, or is removed while the shop runs: no key is sold twice, and no sale is written to
//! a deleted file.

use std::fs;

use testing::eventually;

use crate::bookstored::{all_arguments, assert_contains, run, start, start_all};
use crate::client::{Client, key, try_send};
use crate::fixture::StoreFixture;

#[tokio::test]
async fn a_store_without_its_ledger_is_refused_until_init_begins_a_new_one() {
    for store in StoreFixture::each_of_files() {
        let (url, key, ledger) = (&store.url, key(), store.ledger_file());
        let shop = start_all(url);
        assert_eq!(Client::of(&shop, "frontend").buy(1, 5, Some(&key)).await.status, 200);
        drop(shop);
        fs::remove_file(&ledger).unwrap();
        let name = ledger.file_name().unwrap().to_str().unwrap();
        for _ in 0..2 {
            let (code, _, stderr) = run(&all_arguments(url));
            assert_eq!(code, 1, "{stderr}");
            assert_contains(&stderr, &[&format!("{name} is missing"), "found: ", "backup", "--init"]);
            assert!(!ledger.exists());
        }
        let arguments = [&all_arguments(url)[..], &["--init"]].concat();
        let shop = start(&arguments);
        let client = Client::of(&shop, "frontend");
        assert_eq!(
            client.get(&format!("/orders/{key}")).await.summary(),
            "404 unknown-order"
        );
        assert_eq!(
            client.buy(1, 5, Some(&key)).await.status,
            200,
            "--init begins a new ledger, so that the key is free"
        );
        assert!(shop.stop().success());
        // If a ledger exists, the flag has no effect.
        let shop = start(&arguments);
        assert_eq!(Client::of(&shop, "frontend").stock(1).await, 395);
    }
}

#[tokio::test]
async fn a_write_ahead_log_without_its_database_is_refused() {
    let store = StoreFixture::sqlite();
    let shop = store.start_all();
    assert_eq!(Client::of(&shop, "frontend").buy(1, 5, Some(&key())).await.status, 200);
    drop(shop);
    for suffix in ["", "-shm", ".lock"] {
        fs::remove_file(store.path(&format!("store.db{suffix}"))).unwrap();
    }
    let (code, _, stderr) = run(&all_arguments(&store.url));
    assert_eq!(code, 1, "{stderr}");
    assert_contains(&stderr, &["store.db is missing", "store.db-wal"]);
    assert!(store.path("store.db-wal").exists());
}

#[tokio::test]
async fn a_ledger_that_is_removed_under_a_running_shop_stops_it() {
    for store in StoreFixture::each_of_files() {
        let mut shop = store.start_all();
        let client = Client::of(&shop, "frontend");
        assert_eq!(client.buy(1, 1, None).await.status, 200);
        fs::remove_file(store.ledger_file()).unwrap();
        let purchase = client.request("POST", "/buy").body(r#"{"item":1}"#);
        let sold = try_send(purchase).await.is_ok_and(|reply| reply.status == 200);
        assert!(!sold, "a sale was written to a deleted file");
        let status = eventually("the shop ends", || std::future::ready(shop.exit_status())).await;
        assert_eq!(status.code(), Some(1));
        let (code, _, stderr) = run(&all_arguments(&store.url));
        assert_eq!(code, 1, "{stderr}");
        assert_contains(&stderr, &["is missing", "a store was here"]);
    }
}

#[tokio::test]
async fn a_ledger_that_is_removed_stops_a_shop_that_sells_nothing() {
    for store in StoreFixture::each_of_files() {
        let mut shop = store.start_all();
        fs::remove_file(store.ledger_file()).unwrap();
        let status = eventually("the shop ends", || std::future::ready(shop.exit_status())).await;
        assert_eq!(status.code(), Some(1));
    }
}

#[tokio::test]
async fn a_clean_stop_reports_that_the_ledger_is_gone() {
    for store in StoreFixture::each_of_files() {
        let shop = store.start_all();
        assert_eq!(Client::of(&shop, "frontend").buy(1, 1, None).await.status, 200);
        fs::remove_file(store.ledger_file()).unwrap();
        assert_eq!(shop.stop().code(), Some(1));
    }
}
