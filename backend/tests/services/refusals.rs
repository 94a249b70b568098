//! The limit on recorded refusals.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testing::eventually;

use crate::bookstored::TOKEN;
use crate::client::{Client, key};
use crate::fixture::start_shop;

/// The number of refusals that a catalog records per second.
const RECORDED_MAX: usize = 1_000;

fn batch(orders: &[(String, u32)]) -> String {
    let orders = orders.iter().map(|(key, item)| json!({"order": key, "item": item}));
    json!({ "orders": orders.collect::<Vec<_>>() }).to_string()
}

async fn place(client: &Client, orders: &[(String, u32)]) -> Vec<Value> {
    let reply = client.post("/orders", &batch(orders)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["results"].as_array().unwrap().clone()
}

/// The number of results with each status: `sold`, or a problem's code.
fn count(results: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for result in results {
        let status = result["code"].as_str().or(result["status"].as_str()).unwrap();
        *counts.entry(status.to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn refusals_beyond_the_limit_are_503_and_leave_nothing_in_the_ledger() {
    let (shop, frontend) = start_shop();
    let client = Client::of(&shop.process, "order");
    // A batch of 1,024 orders: no book has the number 99, and the last order is for an existing book.
    let mut orders: Vec<_> = (0..1_023).map(|_| (key(), 99)).collect();
    orders.push((key(), 1));
    let results = place(&client, &orders).await;
    let expected = [("sold", 1), ("unavailable", 23), ("unknown-item", RECORDED_MAX)];
    let expected = expected.map(|(status, count)| (status.to_owned(), count));
    assert_eq!(count(&results), BTreeMap::from(expected));
    let unavailable: Vec<_> = orders
        .iter()
        .zip(&results)
        .filter(|(_, result)| result["code"] == "unavailable")
        .collect();
    assert!(
        unavailable.iter().all(|(_, result)| result["status"] == 503),
        "{unavailable:?}"
    );
    let recorded = shop
        .store
        .ledger_rows()
        .iter()
        .filter(|row| row[2] == "refused")
        .count();
    assert_eq!(recorded, RECORDED_MAX);
    // A recorded refusal is replayed.
    let again = place(&client, &orders[..100]).await;
    assert!(again.iter().all(|result| result["replayed"] == true), "{again:?}");
    // A refusal that was not recorded is decided later, and its key is free for another order.
    let free = &unavailable[0].0.0;
    let bought = frontend.buy(1, 1, Some(free)).await;
    assert_eq!(bought.status, 200, "{}", bought.body);
    let refused = &unavailable[1].0.0;
    eventually("the refusal is recorded", || async {
        let reply = frontend.buy(99, 1, Some(refused)).await;
        if reply.status == 503 {
            assert_eq!(reply.header("retry-after"), Some("1"));
            return None;
        }
        assert_eq!(reply.summary(), "404 unknown-item");
        Some(())
    })
    .await;
    // The limit also applies to changes that are refused under a key, but not to other changes.
    let token = format!("Bearer {TOKEN}");
    let restock = frontend
        .send("PUT", "/stock/1", &[("authorization", &token)], r#"{"change":1}"#)
        .await;
    assert_eq!(restock.status, 200, "{}", restock.body);
}
