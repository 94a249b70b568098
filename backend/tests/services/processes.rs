//! Starting and stopping, and the messages of failures.

use testing::{ReservedAddress, eventually};

use crate::bookstored::{ANY_PORT, assert_contains, run, start};
use crate::client::Client;
use crate::fixture::{Shop, StoreFixture, start_shop};

#[tokio::test]
async fn services_start_in_any_order_and_report_what_is_missing() {
    let store = StoreFixture::csv();
    // Addresses for the services that start later.
    let (catalog, order) = (ReservedAddress::new().unwrap(), ReservedAddress::new().unwrap());
    let (catalog_url, order_url) = (catalog.url(), order.url());
    let urls = ["--catalog-url", &catalog_url, "--order-url", &order_url];
    let frontend = start(&[&["frontend", "--listen", ANY_PORT], &urls[..]].concat());
    let client = Client::of(&frontend, "frontend");
    assert_eq!(client.get("/livez").await.status, 200);
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_contains(&ready.body, &[&catalog_url, &order_url]);
    assert_eq!(client.get("/topics").await.summary(), "503 unavailable");
    assert_eq!(client.buy(1, 1, None).await.summary(), "503 unavailable");
    let _order = start(&["order", "--listen", &order.to_string(), "--catalog-url", &catalog_url]);
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_contains(&ready.body, &["has not reached its store"]);
    let _catalog = start(&["catalog", "--store", &store.url, "--listen", &catalog.to_string()]);
    eventually("the front-end is ready", || async {
        (client.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(client.buy(1, 1, None).await.status, 200);
    let health = client.get("/readyz").await.json();
    let service = |index: usize| health["neighbours"][index]["service"].clone();
    assert_eq!((service(0), service(1)), ("catalog".into(), "order".into()));
    assert_eq!(health["neighbours"][1]["requests"], 1, "{health}");
}

#[tokio::test]
async fn a_clean_stop_writes_the_stock_to_the_catalog_file_and_the_next_start_continues() {
    let (Shop { process, store }, client) = start_shop();
    let receipt = client.buy(4, 7, None).await;
    assert!(process.stop().success());
    assert_eq!(store.stock_in_catalog_file(4), 493);
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    assert_eq!(client.stock(4).await, 493);
    let order = receipt.json()["order"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&format!("/orders/{order}")).await.body, receipt.body);
}

#[tokio::test]
async fn an_interrupt_completes_requests_and_ends_open_streams() {
    let (shop, client) = start_shop();
    let stream = client.request("GET", "/events").send().await.unwrap();
    shop.process.interrupt();
    assert!(shop.process.stop().success());
    assert!(
        stream.text().await.is_ok(),
        "the connection was closed before the end of the stream"
    );
}

#[test]
fn a_failed_start_prints_the_reason_and_what_to_do() {
    let (shop, _) = start_shop();
    let (taken, store) = (shop.process.address("frontend"), &shop.store.url);
    let cases: [(&[&str], i32, &[&str]); 5] = [
        (&["order", "--listen", taken], 1, &["cannot listen", "another address"]),
        (
            &["catalog", "--store", store, "--listen", ANY_PORT],
            1,
            &["in use", "--store"],
        ),
        (
            &["order", "--listen", ANY_PORT, "--catalog-url", "nonsense"],
            2,
            &["nonsense", "http://127.0.0.1:8080"],
        ),
        (&["catalog", "--store", "tape:x"], 2, &["tape:x", "csv:DIR"]),
        (&["sell"], 2, &["sell"]),
    ];
    for (arguments, expected, words) in cases {
        let (code, _, stderr) = run(arguments);
        assert_eq!(code, expected, "{arguments:?}: {stderr}");
        assert_contains(&stderr, words);
    }
}

#[test]
fn a_bad_catalog_file_is_refused_with_file_line_and_column() {
    let store = StoreFixture::csv();
    let file = store.file("books.csv", "1, Good, 4, 30, a topic\n2, Bad, many, 30, a topic\n");
    let (code, _, stderr) = run(&["catalog", "--store", &store.url, "--books", &file, "--listen", ANY_PORT]);
    assert_eq!(code, 1, "{stderr}");
    assert_contains(&stderr, &["books.csv", "2", "stock"]);
    let good = store.file("books.csv", "7, Good, 4, 30, a topic\n");
    let shop = start(&["catalog", "--store", &store.url, "--books", &good, "--listen", ANY_PORT]);
    assert!(shop.stop().success());
    assert_eq!(store.stock_in_catalog_file(7), 4);
}

#[test]
fn variables_of_other_roles_are_ignored_and_flags_win_over_variables() {
    let store = StoreFixture::csv();
    let file = store.file("token", "  \n");
    let (code, _, stderr) = run(&["frontend", "--listen", ANY_PORT, "--admin-token-file", &file]);
    assert_eq!(code, 2, "{stderr}");
    assert_contains(&stderr, &["token"]);
}
