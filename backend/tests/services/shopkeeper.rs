//! Requests that need the shopkeeper's token.

use crate::bookstored::TOKEN;
use crate::client::{Client, key, send};
use crate::fixture::StoreFixture;

#[tokio::test]
async fn changing_a_stock_and_reading_the_ledger_need_the_token() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    let catalog = Client::of(&shop, "catalog");
    let attempts = [
        client.request("PUT", "/stock/1").body(r#"{"stock":1}"#),
        client
            .request("PUT", "/stock/1")
            .bearer_auth("wrong")
            .body(r#"{"stock":1}"#),
        client.request("GET", "/ledger"),
        catalog.request("PUT", "/update/1").body(r#"{"stock":1}"#),
    ];
    for attempt in attempts {
        let reply = send(attempt).await;
        assert_eq!(reply.verdict(), (401, "unauthorized".into()));
        assert!(
            reply
                .header("www-authenticate")
                .is_some_and(|scheme| scheme.starts_with("Bearer"))
        );
    }
    assert_eq!(client.stock(1).await, 400);
}

#[tokio::test]
async fn a_stock_stays_in_its_range_and_changes_once_for_each_key() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    let put = |body: &str| {
        client
            .request("PUT", "/stock/1")
            .bearer_auth(TOKEN)
            .body(body.to_owned())
    };
    assert_eq!(send(put(r#"{"stock":10}"#)).await.json()["stock"], 10);
    let key = key();
    let more = || put(r#"{"change":5}"#).header("idempotency-key", &key);
    let first = send(more()).await;
    assert_eq!(first.json()["stock"], 15);
    let again = send(more()).await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.body),
        (Some("true"), &first.body)
    );
    assert_eq!(
        send(put(r#"{"change":6}"#).header("idempotency-key", &key))
            .await
            .verdict()
            .0,
        422
    );
    assert_eq!(send(put(r#"{"change":-16}"#)).await.verdict(), (409, "sold-out".into()));
    assert_eq!(
        send(put(r#"{"change":1000000000}"#)).await.verdict(),
        (400, "invalid-request".into())
    );
    for body in [
        "",
        "{}",
        r#"{"stock":1,"change":1}"#,
        r#"{"stock":-1}"#,
        r#"{"stock":1000000001}"#,
    ] {
        assert_eq!(
            send(put(body)).await.verdict(),
            (400, "invalid-request".into()),
            "{body}"
        );
    }
    let unknown = client
        .request("PUT", "/stock/9")
        .bearer_auth(TOKEN)
        .body(r#"{"stock":1}"#);
    assert_eq!(send(unknown).await.verdict(), (404, "unknown-item".into()));
    assert_eq!(client.stock(1).await, 15);
}

#[tokio::test]
async fn the_pages_of_the_ledger_rebuild_every_stock() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    for quantity in 1..=5 {
        client.buy(2, quantity, None).await;
    }
    let (mut after, mut stock, mut last) = (0, 0, 0);
    loop {
        let path = format!("/ledger?after={after}&limit=2");
        let page = send(client.request("GET", &path).bearer_auth(TOKEN)).await.json();
        let entries = page["entries"].as_array().unwrap().clone();
        for entry in &entries {
            last = entry["seq"].as_u64().unwrap();
            assert_eq!(last, after + 1);
            after = last;
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
        let request = client
            .request("GET", &format!("/ledger?limit={limit}"))
            .bearer_auth(TOKEN);
        assert_eq!(send(request).await.verdict(), (400, "invalid-request".into()));
    }
}
