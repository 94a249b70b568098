//! Requests that need the shopkeeper's token.

use crate::client::{AUTHORIZED, Client, key};
use crate::fixture::start_shop;

#[tokio::test]
async fn changing_a_stock_and_reading_the_ledger_need_the_token() {
    let (shop, client) = start_shop();
    let catalog = Client::of(&shop.process, "catalog");
    let (wrong, body) = (("authorization", "Bearer wrong"), r#"{"stock":1}"#);
    for reply in [
        client.send("PUT", "/stock/1", &[], body).await,
        client.send("PUT", "/stock/1", &[wrong], body).await,
        client.get("/ledger").await,
        catalog.send("PUT", "/update/1", &[], body).await,
    ] {
        assert_eq!(reply.summary(), "401 unauthorized");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    assert_eq!(client.stock(1).await, 400);
}

#[tokio::test]
async fn a_stock_stays_in_its_range_and_changes_once_for_each_key() {
    let (_shop, client) = start_shop();
    let put = async |body| client.send("PUT", "/stock/1", &[AUTHORIZED], body).await;
    assert_eq!(put(r#"{"stock":10}"#).await.json()["stock"], 10);
    let key = key();
    let keyed = [AUTHORIZED, ("idempotency-key", &*key)];
    let put_keyed = async |body| client.send("PUT", "/stock/1", &keyed, body).await;
    let first = put_keyed(r#"{"change":5}"#).await;
    assert_eq!(first.json()["stock"], 15);
    let again = put_keyed(r#"{"change":5}"#).await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.body),
        (Some("true"), &first.body)
    );
    assert_eq!(put_keyed(r#"{"change":6}"#).await.summary(), "422 key-reused");
    assert_eq!(put(r#"{"change":-16}"#).await.summary(), "409 sold-out");
    for body in [
        "",
        "{}",
        r#"{"stock":1,"change":1}"#,
        r#"{"stock":-1}"#,
        r#"{"stock":1000000001}"#,
        r#"{"change":1000000000}"#,
    ] {
        assert_eq!(put(body).await.summary(), "400 invalid-request", "{body}");
    }
    let unknown = client.send("PUT", "/stock/9", &[AUTHORIZED], r#"{"stock":1}"#).await;
    assert_eq!(unknown.summary(), "404 unknown-item");
    assert_eq!(client.stock(1).await, 15);
}

#[tokio::test]
async fn a_stock_changes_only_in_a_state_that_if_match_names() {
    let (shop, client) = start_shop();
    let read = client.get("/search?item=1").await;
    let (tag, key) = (read.header("etag").unwrap().to_owned(), key());
    let put = async |path: &str, tag: &str, body: &str| {
        let headers = [AUTHORIZED, ("if-match", tag), ("idempotency-key", &*key)];
        let client = if path.starts_with("/update") {
            Client::of(&shop.process, "catalog")
        } else {
            client.clone()
        };
        client.send("PUT", path, &headers, body).await
    };
    client.buy(1, 1, None).await;
    for path in ["/stock/1", "/update/1"] {
        let stale = put(path, &tag, r#"{"stock":400}"#).await;
        assert_eq!(stale.summary(), "412 precondition-failed", "{path}");
        assert_eq!(
            put(path, "5", r#"{"stock":400}"#).await.summary(),
            "400 invalid-request",
            "{path}"
        );
    }
    assert_eq!(client.stock(1).await, 399);
    let current = client.get("/search?item=1").await.header("etag").unwrap().to_owned();
    let changed = put("/stock/1", &format!("{tag}, {current}"), r#"{"stock":410}"#).await;
    assert_eq!(
        (changed.status, &changed.json()["stock"]),
        (200, &410.into()),
        "a 412 uses up no key"
    );
    let again = put("/stock/1", &tag, r#"{"stock":410}"#).await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.body),
        (Some("true"), &changed.body)
    );
    let any = [AUTHORIZED, ("if-match", "*")];
    assert_eq!(
        client.send("PUT", "/stock/1", &any, r#"{"change":1}"#).await.json()["stock"],
        411
    );
    let unless = async |tag| {
        let headers = [AUTHORIZED, ("if-none-match", tag)];
        client.send("PUT", "/stock/1", &headers, r#"{"change":1}"#).await
    };
    assert_eq!(unless("*").await.summary(), "412 precondition-failed");
    assert_eq!(
        unless(&tag).await.json()["stock"],
        412,
        "only the first change was applied"
    );
}

#[tokio::test]
async fn the_pages_of_the_ledger_rebuild_every_stock() {
    let (_shop, client) = start_shop();
    for quantity in 1..=5 {
        client.buy(2, quantity, None).await;
    }
    let read = async |query: String| client.send("GET", &format!("/ledger?{query}"), &[AUTHORIZED], "").await;
    let (mut last, mut stock) = (0, 0);
    loop {
        let page = read(format!("after={last}&limit=2")).await.json();
        let entries = page["entries"].as_array().unwrap();
        for entry in entries {
            assert_eq!(entry["seq"], last + 1);
            last += 1;
            if entry["item"] == 2 {
                stock += entry["change"].as_i64().unwrap();
                assert_eq!(entry["stock_after"], stock);
            }
        }
        if entries.is_empty() {
            assert_eq!(page["head"], last);
            break;
        }
    }
    assert_eq!((stock, last), (485, 9));
    for limit in ["0", "1001", "x"] {
        assert_eq!(read(format!("limit={limit}")).await.summary(), "400 invalid-request");
    }
}
