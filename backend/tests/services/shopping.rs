//! Browsing and buying through the front-end.

use std::collections::{BTreeMap, HashSet};

use crate::bookstored::{all_arguments, start};
use crate::client::{AUTHORIZED, Client, Reply, key};
use crate::fixture::{StoreFixture, start_shop};

/// The item numbers of a page of books.
fn items(page: &serde_json::Value) -> Vec<u64> {
    let books = page["books"].as_array().unwrap().iter();
    books.map(|book| book["item"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_new_store_has_four_books_found_by_topic_number_and_words() {
    let (_shop, client) = start_shop();
    assert_eq!(
        client.get("/topics").await.body,
        r#"{"topics":[{"topic":"distributed systems","books":2},{"topic":"graduate school","books":2}]}"#
    );
    let page = client.get("/search?topic=Distributed%20SYSTEMS&limit=1").await.json();
    assert_eq!(items(&page), [1]);
    let after = page["next"].as_str().unwrap();
    let rest = client
        .get(&format!("/search?topic=distributed+systems&after={after}"))
        .await;
    assert_eq!((items(&rest.json())[0], rest.json().get("next")), (2, None));
    assert_eq!(
        client.get("/search?item=2").await.body,
        r#"{"item":2,"title":"RPCs for Dummies","topic":"distributed systems","cost":"40.00","stock":500,"seq":2}"#
    );
    assert_eq!(items(&client.get("/search?q=grad+sch").await.json())[0], 3);
    let by_body = client.send("GET", "/search", &[], r#"{"item":4}"#).await;
    assert_eq!(by_body.json()["title"], "Cooking for the Impatient Graduate Student");
    for topic in ["poetry", "", ".", "..", "%20", "%2F", "%2e%2e%2f"] {
        let found = client.get(&format!("/search?topic={topic}")).await;
        assert_eq!(
            (found.status, found.body.as_str()),
            (200, r#"{"books":[]}"#),
            "{topic:?}"
        );
    }
}

#[tokio::test]
async fn every_topic_lists_its_books_whatever_its_spelling() {
    let store = StoreFixture::csv();
    let topics = [".", "..", "a/b", "C++", "Économie", "100%"];
    let books: String = (1..)
        .zip(topics)
        .map(|(item, topic)| format!("{item},B,1,1,{topic}\n"))
        .collect();
    let file = store.file("topics.csv", &books);
    let shop = start(&[&all_arguments(&store.url)[..], &["--books", &file]].concat());
    let client = Client::of(&shop, "frontend");
    for (item, topic) in [
        (1, "."),
        (2, ".."),
        (3, "A%2FB"),
        (4, "c%2B%2B"),
        (5, "economie"),
        (5, "E%CC%81CONOMIE+"),
        (6, "100%25"),
    ] {
        let found = client.get(&format!("/search?topic={topic}")).await.json();
        assert_eq!(items(&found), [item], "{topic}");
    }
}

#[tokio::test]
async fn a_purchase_returns_a_receipt_which_its_key_repeats() {
    let (_shop, client) = start_shop();
    let key = key();
    let first = client.buy(2, 3, Some(&key)).await;
    let receipt = first.json();
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    assert_eq!(
        (receipt["order"].as_str(), &receipt["status"]),
        (Some(&*key), &"sold".into())
    );
    assert_eq!((&receipt["total"], &receipt["stock"]), (&"120.00".into(), &497.into()));
    let again = client.buy(2, 3, Some(&key)).await;
    assert!(again.headers.contains_key("idempotency-replayed"));
    assert_eq!(again.body, first.body);
    assert_eq!(client.get(&format!("/orders/{key}")).await.body, first.body);
    assert_eq!(client.buy(2, 4, Some(&key)).await.summary(), "422 key-reused");
    assert_eq!(client.buy(1, 3, Some(&key)).await.summary(), "422 key-reused");
    assert_eq!(client.stock(2).await, 497);
}

#[tokio::test]
async fn a_refusal_is_final_for_its_key_and_not_recorded_without_one() {
    let (_shop, client) = start_shop();
    let seq_of = |reply: &Reply| reply.header("bookstore-seq").unwrap().parse::<u64>().unwrap();
    for _ in 0..3 {
        assert_eq!(client.buy(3, 100, None).await.status, 200);
    }
    let before = seq_of(&client.get("/topics").await);
    let unkeyed = client.buy(3, 1, None).await;
    assert_eq!(unkeyed.summary(), "409 sold-out");
    assert_eq!(
        (&unkeyed.json()["stock"], unkeyed.json().get("order")),
        (&0.into(), None)
    );
    let after = seq_of(&client.get("/topics").await);
    assert_eq!(after, before, "an unkeyed refusal was recorded");
    let key = key();
    let keyed = client.buy(3, 1, Some(&key)).await;
    assert_eq!(keyed.summary(), "409 sold-out");
    assert_eq!(keyed.json()["order"], *key);
    let restocked = client.send("PUT", "/stock/3", &[AUTHORIZED], r#"{"change":5}"#).await;
    assert_eq!(restocked.json()["stock"], 5);
    let again = client.buy(3, 1, Some(&key)).await;
    assert_eq!((again.body, again.status), (keyed.body, 409));
    let receipt = client.get(&format!("/orders/{key}")).await.json();
    assert_eq!(
        (&receipt["status"], &receipt["total"]),
        (&"refused".into(), &"0.00".into())
    );
}

#[tokio::test]
async fn sixty_four_clients_buy_the_whole_stock_and_not_one_copy_more() {
    let (shop, client) = start_shop();
    let mut buying = tokio::task::JoinSet::new();
    for number in 0..64 {
        let client = client.clone();
        buying.spawn(async move {
            // Fewer refusals than the limit per second.
            let attempts = if number < 56 { 22 } else { 21 };
            let mut replies = Vec::new();
            for _ in 0..attempts {
                replies.push(client.buy(2, 1, Some(&key())).await);
            }
            replies
        });
    }
    let replies = buying.join_all().await.concat();
    let mut counts = BTreeMap::new();
    for reply in &replies {
        *counts.entry(reply.summary()).or_insert(0) += 1;
    }
    let expected = [("200".to_owned(), 500), ("409 sold-out".to_owned(), 900)];
    assert_eq!(counts, BTreeMap::from(expected));
    assert_eq!(client.stock(2).await, 0);
    let acknowledged = replies.iter().filter(|reply| reply.status == 200);
    let acknowledged: HashSet<_> = acknowledged
        .map(|reply| reply.json()["order"].as_str().unwrap().to_owned())
        .collect();
    assert!(shop.process.stop().success());
    let mut rows = shop.store.ledger_rows();
    rows.retain(|row| row[2] == "sold");
    assert_eq!(rows.len(), 500);
    assert_eq!(
        rows.into_iter().map(|row| row[9].clone()).collect::<HashSet<_>>(),
        acknowledged
    );
    assert_eq!(shop.store.stock_in_catalog_file(2), 0);
}

#[tokio::test]
async fn one_key_sent_twenty_times_at_once_is_one_sale_and_twenty_equal_receipts() {
    let (_shop, client) = start_shop();
    let key = key();
    let replies = futures::future::join_all((0..20).map(|_| client.buy(1, 2, Some(&key)))).await;
    let bodies: HashSet<_> = replies.into_iter().map(|reply| (reply.status, reply.body)).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(client.stock(1).await, 398);
}

#[tokio::test]
async fn a_purchase_after_its_deadline_is_not_applied_and_names_its_order() {
    let (_shop, client) = start_shop();
    let key = key();
    let late = [("bookstore-deadline", "1000"), ("idempotency-key", &*key)];
    let buy = async |headers| client.send("POST", "/buy", headers, r#"{"item":1}"#).await;
    let keyed = buy(&late).await;
    assert_eq!(keyed.summary(), "504 deadline-exceeded");
    assert_eq!(keyed.json()["order"], *key);
    assert_eq!(keyed.header("bookstore-seq"), Some("4"));
    let seen = [late[0], late[1], ("bookstore-seq", "5")];
    assert_eq!(
        buy(&seen).await.header("bookstore-seq"),
        None,
        "the position never goes back"
    );
    let unkeyed = buy(&late[..1]).await;
    assert_eq!(unkeyed.summary(), "504 deadline-exceeded");
    assert!(unkeyed.json()["order"].is_string());
    assert_eq!(
        client.get(&format!("/orders/{key}")).await.summary(),
        "404 unknown-order"
    );
    assert_eq!(client.stock(1).await, 400);
    let in_time = client.buy(1, 1, Some(&key)).await;
    let replayed_late = buy(&late).await;
    assert_eq!((replayed_late.status, replayed_late.body), (200, in_time.body));
}

#[tokio::test]
async fn the_order_service_accepts_batches_and_the_old_form_and_pages_through_receipts() {
    let (shop, _) = start_shop();
    let orders = Client::of(&shop.process, "order");
    let key = key();
    let batch = format!(r#"{{"orders":[{{"order":"{key}","item":1}},{{"item":9}},{{"item":2,"quantity":2}}]}}"#);
    let placed = orders.post("/orders", &batch).await.json();
    let results = placed["results"].as_array().unwrap();
    let codes: Vec<_> = results.iter().map(|result| result["code"].as_str()).collect();
    assert_eq!(codes, [None, Some("unknown-item"), None]);
    assert_eq!(results[0]["order"], *key);
    let old = orders.get("/buy/4").await;
    assert_eq!((old.status, old.header("deprecation").is_some()), (200, true));
    let head = orders.send("HEAD", "/buy/4", &[], "").await;
    assert_eq!((head.status, head.header("allow")), (405, Some("GET, POST")));
    let (mut after, mut items) = (String::new(), Vec::new());
    loop {
        let page = orders.get(&format!("/orders?limit=1{after}")).await.json();
        let receipts = page["orders"].as_array().unwrap().iter();
        items.extend(receipts.map(|receipt| receipt["item"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(items, [1, 2, 4]);
}
