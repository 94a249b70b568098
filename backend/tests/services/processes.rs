//! Starting, stopping, and what is said when that does not work.

use std::net::TcpListener;

use crate::shop::{Customer, Process, Store, eventually, run};

#[tokio::test]
async fn services_start_in_any_order_and_say_what_is_missing() {
    let store = Store::new();
    // Two free ports, for services that come later.
    let (catalog, order) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    let (catalog_at, order_at) = (
        catalog.local_addr().unwrap().to_string(),
        order.local_addr().unwrap().to_string(),
    );
    drop((catalog, order));
    let (catalog_url, order_url) = (format!("http://{catalog_at}"), format!("http://{order_at}"));
    let front = Process::start(&[
        "frontend",
        "--listen",
        "127.0.0.1:0",
        "--catalog-url",
        &catalog_url,
        "--order-url",
        &order_url,
    ]);
    let customer = Customer::of(&front, "frontend");
    assert_eq!(customer.get("/livez").await.status, 200);
    let ready = customer.get("/readyz").await;
    assert_eq!(ready.verdict(), (503, "unavailable".into()));
    assert!(
        ready.body.contains("the catalog") && ready.body.contains("the order service"),
        "{}",
        ready.body
    );
    assert_eq!(customer.get("/topics").await.verdict(), (503, "unavailable".into()));
    assert_eq!(customer.buy(1, 1, None).await.verdict(), (503, "unavailable".into()));
    let _order = Process::start(&["order", "--listen", &order_at, "--catalog-url", &catalog_url]);
    let ready = customer.get("/readyz").await;
    assert!(
        ready.body.contains("is not ready") && ready.status == 503,
        "{}",
        ready.body
    );
    let _catalog = Process::start(&["catalog", "--store", &store.url(), "--listen", &catalog_at]);
    eventually("the front-end is ready", || async {
        (customer.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(customer.buy(1, 1, None).await.status, 200);
    let health = customer.get("/readyz").await.json();
    let service = |place: usize| health["services"][place]["service"].clone();
    assert_eq!((service(0), service(1)), ("order".into(), "catalog".into()));
    assert_eq!(health["services"][0]["requests"], 1, "{health}");
}

#[tokio::test]
async fn a_clean_stop_leaves_the_stock_in_the_catalog_file_and_the_next_start_goes_on() {
    let store = Store::new();
    let shop = store.open_all();
    let receipt = Customer::of(&shop, "frontend").buy(4, 7, None).await;
    assert!(shop.stop().success());
    assert_eq!(store.stock_at_rest(4), 493);
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    assert_eq!(customer.stock(4).await, 493);
    let order = receipt.json()["order"].as_str().unwrap().to_owned();
    assert_eq!(customer.get(&format!("/orders/{order}")).await.body, receipt.body);
}

#[tokio::test]
async fn an_interrupt_finishes_what_is_in_hand_and_ends_open_streams() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    let stream = customer.request("GET", "/events").send().await.unwrap();
    shop.signal("-INT");
    assert!(shop.stop().success());
    assert!(stream.text().await.is_ok(), "the stream was cut, not ended");
}

#[test]
fn what_cannot_start_says_why_and_what_to_do() {
    let store = Store::new();
    let shop = store.open_all();
    let taken = shop.address("frontend");
    let cases: [(&[&str], i32, &[&str]); 5] = [
        (&["order", "--listen", &taken], 1, &["cannot listen", "another address"]),
        (
            &["catalog", "--store", &store.url(), "--listen", "127.0.0.1:0"],
            1,
            &["in use", "--store"],
        ),
        (
            &["order", "--listen", "127.0.0.1:0", "--catalog-url", "nonsense"],
            1,
            &["nonsense", "http://127.0.0.1:8080"],
        ),
        (&["catalog", "--store", "tape:x"], 2, &["tape:x", "csv:DIR"]),
        (&["sell"], 2, &["sell"]),
    ];
    for (arguments, expected, words) in cases {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(expected), "{arguments:?}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_store_that_lost_its_ledger_does_not_sell_a_key_twice() {
    let store = Store::new();
    let shop = store.open_all();
    let key = crate::shop::key();
    assert_eq!(Customer::of(&shop, "frontend").buy(1, 5, Some(&key)).await.status, 200);
    shop.kill();
    std::fs::remove_file(store.folder().join("ledger.csv")).unwrap();
    let (code, said) = run(&crate::shop::all_arguments(&store.url()));
    assert_eq!(code, Some(1), "{said}");
    let words = ["ledger.csv is missing", ".catalog.csv", "backup", "new store"];
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
}

#[test]
fn a_bad_catalog_file_is_refused_whole_with_its_place() {
    let store = Store::new();
    let file = store.beside("books.csv", "1, Good, 4, 30, a topic\n2, Bad, many, 30, a topic\n");
    let path = file.display().to_string();
    let (code, said) = run(&[
        "catalog",
        "--store",
        &store.url(),
        "--books",
        &path,
        "--listen",
        "127.0.0.1:0",
    ]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        ["books.csv", "2", "stock"].iter().all(|word| said.contains(word)),
        "{said}"
    );
    let good = store
        .beside("books.csv", "7, Good, 4, 30, a topic\n")
        .display()
        .to_string();
    let shop = Process::start(&[
        "catalog",
        "--store",
        &store.url(),
        "--books",
        &good,
        "--listen",
        "127.0.0.1:0",
    ]);
    assert!(shop.stop().success());
    assert_eq!(store.stock_at_rest(7), 4);
}

#[test]
fn variables_of_other_roles_are_ignored_and_flags_win_over_variables() {
    let store = Store::new();
    let file = store.beside("token", "  \n").display().to_string();
    let (code, said) = run(&["frontend", "--listen", "127.0.0.1:0", "--admin-token-file", &file]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("token"), "{said}");
}
