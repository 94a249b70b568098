//! What only the shopkeeper may do.

use crate::shop::{Customer, Store, TOKEN, key, send};

#[tokio::test]
async fn without_the_token_nobody_changes_a_stock_or_reads_the_ledger() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    let catalog = Customer::of(&shop, "catalog");
    let attempts = [
        customer.request("PUT", "/stock/1").body(r#"{"stock":1}"#),
        customer
            .request("PUT", "/stock/1")
            .bearer_auth("wrong")
            .body(r#"{"stock":1}"#),
        customer.request("GET", "/ledger"),
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
    assert_eq!(customer.stock(1).await, 400);
}

#[tokio::test]
async fn a_stock_is_set_changed_and_kept_in_its_range_once_for_each_key() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    let put = |body: &str| {
        customer
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
    let unknown = customer
        .request("PUT", "/stock/9")
        .bearer_auth(TOKEN)
        .body(r#"{"stock":1}"#);
    assert_eq!(send(unknown).await.verdict(), (404, "unknown-item".into()));
    assert_eq!(customer.stock(1).await, 15);
}

#[tokio::test]
async fn the_ledger_is_read_in_pages_and_rebuilds_every_stock() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    for quantity in 1..=5 {
        customer.buy(2, quantity, None).await;
    }
    let (mut after, mut stock, mut last) = (0, 0, 0);
    loop {
        let path = format!("/ledger?after={after}&limit=2");
        let page = send(customer.request("GET", &path).bearer_auth(TOKEN)).await.json();
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
        let request = customer
            .request("GET", &format!("/ledger?limit={limit}"))
            .bearer_auth(TOKEN);
        assert_eq!(send(request).await.verdict(), (400, "invalid-request".into()));
    }
}
