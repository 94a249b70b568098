//! Orders of several lines: either all lines are sold or none, also when services are killed.

use serde_json::{Value, json};

use crate::bookstored::{all_arguments, start};
use crate::client::{AUTHORIZED, Client, Reply, key};
use crate::fixture::{Shop, start_shop};

async fn buy(client: &Client, lines: &str, key: &str) -> Reply {
    let body = format!(r#"{{"lines":[{lines}]}}"#);
    client.send("POST", "/buy", &[("idempotency-key", key)], &body).await
}

/// The fields of the lines of a receipt.
fn fields(receipt: &Value, names: &[&str]) -> Vec<Vec<Value>> {
    let lines = receipt["lines"].as_array().unwrap().iter();
    lines
        .map(|line| names.iter().map(|name| line[name].clone()).collect())
        .collect()
}

#[tokio::test]
async fn a_basket_is_sold_whole_and_replayed_by_its_key_after_a_restart_too() {
    let (Shop { process, store }, client) = start_shop();
    let key = key();
    let first = buy(&client, r#"{"item":4,"quantity":2},{"item":2}"#, &key).await;
    let receipt = first.json();
    assert_eq!(
        (first.status, &receipt["order"], &receipt["seq"]),
        (200, &json!(key), &json!(6))
    );
    assert_eq!(receipt["total"], "340.00");
    let names = ["item", "title", "quantity", "cost", "total", "stock", "seq"];
    let expected = [
        json!([2, "RPCs for Dummies", 1, "40.00", "40.00", 499, 5]),
        json!([
            4,
            "Cooking for the Impatient Graduate Student",
            2,
            "150.00",
            "300.00",
            498,
            6
        ]),
    ];
    assert_eq!(json!(fields(&receipt, &names)), json!(expected));
    assert!(receipt.get("item").is_none() && receipt.get("reason").is_none());
    process.stop();
    let process = start(&all_arguments(&store.url));
    let client = Client::of(&process, "frontend");
    let again = buy(&client, r#"{"item":2},{"item":4,"quantity":2}"#, &key).await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.body),
        (Some("true"), &first.body)
    );
    assert_eq!(client.get(&format!("/orders/{key}")).await.body, first.body);
    for other in [
        r#"{"item":2}"#,
        r#"{"item":2},{"item":4}"#,
        r#"{"item":2},{"item":4,"quantity":2},{"item":1}"#,
    ] {
        assert_eq!(buy(&client, other, &key).await.summary(), "422 key-reused", "{other}");
    }
    assert_eq!((client.stock(2).await, client.stock(4).await), (499, 498));
    let orders = Client::of(&process, "order").get("/orders").await.json();
    assert_eq!(orders, json!({"orders": [receipt]}));
}

#[tokio::test]
async fn one_line_is_the_same_as_an_item() {
    let (_shop, client) = start_shop();
    let key = key();
    let first = buy(&client, r#"{"item":2,"quantity":3}"#, &key).await;
    assert_eq!((first.status, &first.json()["item"]), (200, &json!(2)));
    assert_eq!(client.buy(2, 3, Some(&key)).await.body, first.body);
}

#[tokio::test]
async fn a_refused_basket_changes_no_stock_and_names_the_lines_that_are_the_reason() {
    let (_shop, client) = start_shop();
    client.send("PUT", "/stock/2", &[AUTHORIZED], r#"{"stock":1}"#).await;
    let sold_out = key();
    let refused = buy(&client, r#"{"item":1},{"item":2,"quantity":2}"#, &sold_out).await;
    assert_eq!(refused.summary(), "409 sold-out");
    assert_eq!(refused.json()["lines"], json!([{"item": 2, "stock": 1, "wanted": 2}]));
    assert_eq!(refused.json()["order"], *sold_out);
    let unknown = buy(
        &client,
        r#"{"item":1},{"item":2,"quantity":2},{"item":9},{"item":8}"#,
        &key(),
    )
    .await;
    assert_eq!(unknown.summary(), "404 unknown-item");
    assert_eq!(unknown.json()["items"], json!([8, 9]));
    let unkeyed = client
        .post("/buy", r#"{"lines":[{"item":1},{"item":2,"quantity":2}]}"#)
        .await;
    assert_eq!(
        (unkeyed.summary(), unkeyed.json().get("order")),
        ("409 sold-out".to_owned(), None)
    );
    assert_eq!(unkeyed.json()["lines"], refused.json()["lines"]);
    client.send("PUT", "/stock/2", &[AUTHORIZED], r#"{"stock":9}"#).await;
    let again = buy(&client, r#"{"item":2,"quantity":2},{"item":1}"#, &sold_out).await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.body),
        (Some("true"), &refused.body)
    );
    let receipt = client.get(&format!("/orders/{sold_out}")).await.json();
    assert_eq!(
        (&receipt["status"], &receipt["total"]),
        (&json!("refused"), &json!("0.00"))
    );
    let expected = json!([[1, "with-others", 400], [2, "sold-out", 1]]);
    assert_eq!(json!(fields(&receipt, &["item", "reason", "stock"])), expected);
    assert_eq!((client.stock(1).await, client.stock(2).await), (400, 9));
}

#[tokio::test]
async fn a_malformed_basket_is_refused_and_uses_up_no_key() {
    let (_shop, client) = start_shop();
    let key = key();
    let many: Vec<_> = (1..=21).map(|item| format!(r#"{{"item":{item}}}"#)).collect();
    let too_many = many.join(",");
    for lines in [
        "",
        r#"{"item":1},{"item":1}"#,
        r#"{"quantity":1}"#,
        r#"{"item":1,"quantity":0}"#,
        "1",
        &too_many,
    ] {
        assert_eq!(
            buy(&client, lines, &key).await.summary(),
            "400 invalid-request",
            "{lines}"
        );
    }
    for body in [
        r#"{"lines":[{"item":1}],"item":1}"#,
        r#"{"lines":[{"item":1}],"quantity":1}"#,
        r#"{"lines":null}"#,
    ] {
        let reply = client.send("POST", "/buy", &[("idempotency-key", &*key)], body).await;
        assert_eq!(reply.summary(), "400 invalid-request", "{body}");
    }
    let both = client.post("/buy?buyNum=1", r#"{"lines":[{"item":1}]}"#).await;
    assert_eq!(both.summary(), "400 invalid-request");
    assert_eq!(buy(&client, r#"{"item":1},{"item":2}"#, &key).await.status, 200);
}

#[tokio::test]
async fn a_page_of_the_ledger_and_the_feed_end_with_a_whole_order() {
    let (shop, client) = start_shop();
    let process = &shop.process;
    buy(&client, r#"{"item":1},{"item":2},{"item":3}"#, &key()).await;
    client.buy(4, 1, None).await;
    let seqs = |page: &Value| -> Vec<u64> {
        let entries = page["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["seq"].as_u64().unwrap()).collect()
    };
    let page = client
        .send("GET", "/ledger?after=4&limit=1", &[AUTHORIZED], "")
        .await
        .json();
    assert_eq!((seqs(&page), &page["head"]), (vec![5, 6, 7], &json!(8)));
    assert_eq!(
        (&page["entries"][1]["line"], &page["entries"][1]["lines"]),
        (&json!(2), &json!(3))
    );
    let whole = client
        .send("GET", "/ledger?after=4&limit=4", &[AUTHORIZED], "")
        .await
        .json();
    assert_eq!(seqs(&whole), [5, 6, 7, 8]);
    assert!(whole["entries"][3].get("line").is_none());
    let mut feed = Client::of(process, "catalog")
        .request("GET", "/feed?after=4")
        .send()
        .await
        .unwrap();
    let mut text = String::new();
    while !text.contains("id: 8\n") {
        let chunk = tokio::time::timeout(testing::WAIT_TIMEOUT, feed.chunk()).await.unwrap();
        text.push_str(str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
    }
    let ids: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["7", "8"], "only the end of an order can be resumed after");
    assert_eq!(text.matches("event: entry").count(), 4);
}

#[tokio::test]
async fn the_lines_of_a_batch_between_the_services_are_limited() {
    let (shop, _) = start_shop();
    let process = &shop.process;
    let lines: Vec<_> = (1..=20).map(|item| json!({"item": item})).collect();
    let order = |deadline| {
        let lines = lines.clone();
        json!({"order": key(), "lines": lines, "deadline": deadline})
    };
    for (service, path, name) in [("catalog", "/sales", "sales"), ("order", "/orders", "orders")] {
        let client = Client::of(process, service);
        let batch: Vec<_> = (0..52).map(|_| order(u64::MAX)).collect();
        let reply = client.post(path, &json!({name: batch}).to_string()).await;
        assert_eq!(reply.summary(), "400 invalid-request", "{service}");
        let reply = client.post(path, &json!({name: batch[..51]}).to_string()).await;
        assert_eq!(reply.status, 200, "{service}: {}", reply.body);
    }
}
