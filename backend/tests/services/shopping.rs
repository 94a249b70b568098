//! Browsing and buying through the front-end.

use std::collections::{BTreeMap, HashSet};

use crate::bookstored::TOKEN;
use crate::client::{Client, Reply, key, send};
use crate::fixture::StoreFixture;

#[tokio::test]
async fn a_new_store_has_four_books_found_by_topic_number_and_words() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    assert_eq!(
        client.get("/topics").await.body,
        r#"{"topics":[{"topic":"distributed systems","books":2},{"topic":"graduate school","books":2}]}"#
    );
    let page = client.get("/search?topic=Distributed%20SYSTEMS&limit=1").await.json();
    assert_eq!(
        (
            page["books"][0]["item"].as_u64(),
            page["books"].as_array().map(Vec::len)
        ),
        (Some(1), Some(1))
    );
    let after = page["next"].as_str().unwrap();
    let rest = client
        .get(&format!("/search?topic=distributed+systems&after={after}"))
        .await
        .json();
    assert_eq!((rest["books"][0]["item"].as_u64(), rest.get("next")), (Some(2), None));
    assert_eq!(
        client.get("/search?item=2").await.body,
        r#"{"item":2,"title":"RPCs for Dummies","topic":"distributed systems","cost":"40.00","stock":500,"seq":2}"#
    );
    assert_eq!(client.get("/search?q=grad+sch").await.json()["books"][0]["item"], 3);
    let by_body = send(client.request("GET", "/search").body(r#"{"item":4}"#)).await;
    assert_eq!(by_body.json()["title"], "Cooking for the Impatient Graduate Student");
    assert_eq!(client.get("/search?topic=poetry").await.body, r#"{"books":[]}"#);
}

#[tokio::test]
async fn a_purchase_returns_a_receipt_which_its_key_repeats() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    let key = key();
    let first = client.buy(2, 3, Some(&key)).await;
    let receipt = first.json();
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    assert_eq!(
        (receipt["order"].as_str(), receipt["status"].as_str()),
        (Some(key.as_str()), Some("sold"))
    );
    assert_eq!(
        (receipt["total"].as_str(), receipt["stock"].as_u64()),
        (Some("120.00"), Some(497))
    );
    let again = client.buy(2, 3, Some(&key)).await;
    assert_eq!(
        (again.body, again.headers.get("idempotency-replayed").is_some()),
        (first.body.clone(), true)
    );
    assert_eq!(client.get(&format!("/orders/{key}")).await.body, first.body);
    assert_eq!(client.buy(2, 4, Some(&key)).await.verdict(), (422, "key-reused".into()));
    assert_eq!(client.buy(1, 3, Some(&key)).await.verdict(), (422, "key-reused".into()));
    assert_eq!(client.stock(2).await, 497);
}

#[tokio::test]
async fn a_refusal_is_final_for_its_key_and_not_recorded_without_one() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    let seq_of = |reply: &Reply| reply.header("bookstore-seq").unwrap().parse::<u64>().unwrap();
    for _ in 0..3 {
        assert_eq!(client.buy(3, 100, None).await.status, 200);
    }
    let before = seq_of(&client.get("/topics").await);
    let unkeyed = client.buy(3, 1, None).await;
    assert_eq!(unkeyed.verdict(), (409, "sold-out".into()));
    assert_eq!(
        (&unkeyed.json()["stock"], unkeyed.json().get("order")),
        (&0.into(), None)
    );
    assert_eq!(
        seq_of(&client.get("/topics").await),
        before,
        "an unkeyed refusal was recorded"
    );
    let key = key();
    let keyed = client.buy(3, 1, Some(&key)).await;
    assert_eq!(
        (keyed.verdict(), keyed.json()["order"].as_str()),
        ((409, "sold-out".into()), Some(key.as_str()))
    );
    let restocked = send(
        client
            .request("PUT", "/stock/3")
            .bearer_auth(TOKEN)
            .body(r#"{"change":5}"#),
    )
    .await;
    assert_eq!(restocked.json()["stock"], 5);
    let again = client.buy(3, 1, Some(&key)).await;
    assert_eq!((again.body, again.status), (keyed.body, 409));
    let receipt = client.get(&format!("/orders/{key}")).await.json();
    assert_eq!(
        (receipt["status"].as_str(), receipt["total"].as_str()),
        (Some("refused"), Some("0.00"))
    );
}

#[tokio::test]
async fn sixty_four_clients_buy_the_whole_stock_and_not_one_copy_more() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    let mut buying = tokio::task::JoinSet::new();
    for number in 0..64 {
        let client = client.clone();
        buying.spawn(async move {
            let attempts = if number < 16 { 32 } else { 31 };
            let mut answers = Vec::new();
            for _ in 0..attempts {
                answers.push(client.buy(2, 1, Some(&key())).await);
            }
            answers
        });
    }
    let answers: Vec<_> = buying.join_all().await.into_iter().flatten().collect();
    let mut counts = BTreeMap::new();
    for answer in &answers {
        *counts.entry(answer.verdict()).or_insert(0) += 1;
    }
    assert_eq!(
        counts,
        BTreeMap::from([((200, String::new()), 500), ((409, "sold-out".into()), 1_500)])
    );
    assert_eq!(client.stock(2).await, 0);
    let acknowledged: HashSet<_> = answers
        .iter()
        .filter(|a| a.status == 200)
        .map(|a| a.json()["order"].as_str().unwrap().to_owned())
        .collect();
    assert!(shop.stop().success());
    let sold: Vec<_> = store
        .ledger_rows()
        .into_iter()
        .filter(|row| row[2] == "sold")
        .map(|row| row[7].clone())
        .collect();
    assert_eq!(sold.len(), 500);
    assert_eq!(sold.into_iter().collect::<HashSet<_>>(), acknowledged);
    assert_eq!(store.stock_in_catalog_file(2), 0);
}

#[tokio::test]
async fn one_key_sent_twenty_times_at_once_is_one_sale_and_twenty_equal_receipts() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    let key = key();
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, key) = (client.clone(), key.clone());
        sending.spawn(async move { client.buy(1, 2, Some(&key)).await });
    }
    let bodies: HashSet<_> = sending
        .join_all()
        .await
        .into_iter()
        .map(|reply| (reply.status, reply.body))
        .collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(client.stock(1).await, 398);
}

#[tokio::test]
async fn a_late_purchase_is_not_applied_and_names_its_order() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    let key = key();
    let late = client
        .request("POST", "/buy")
        .header("bookstore-deadline", "1000")
        .body(r#"{"item":1}"#);
    let keyed = send(late.try_clone().unwrap().header("idempotency-key", &key)).await;
    assert_eq!(
        (keyed.verdict(), keyed.json()["order"].as_str()),
        ((504, "deadline-exceeded".into()), Some(&*key))
    );
    let unkeyed = send(late.try_clone().unwrap()).await;
    assert_eq!(unkeyed.verdict(), (504, "deadline-exceeded".into()));
    assert!(unkeyed.json()["order"].is_string());
    assert_eq!(
        client.get(&format!("/orders/{key}")).await.verdict(),
        (404, "unknown-order".into())
    );
    assert_eq!(client.stock(1).await, 400);
    let in_time = client.buy(1, 1, Some(&key)).await;
    let replayed_late = send(late.header("idempotency-key", &key)).await;
    assert_eq!((replayed_late.status, replayed_late.body), (200, in_time.body));
}

#[tokio::test]
async fn the_order_service_accepts_batches_and_the_old_form_and_pages_through_receipts() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let orders = Client::of(&shop, "order");
    let key = key();
    let batch = format!(r#"{{"orders":[{{"order":"{key}","item":1}},{{"item":9}},{{"item":2,"quantity":2}}]}}"#);
    let results = orders.post("/orders", &batch).await.json();
    let codes: Vec<_> = results["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["code"].as_str())
        .collect();
    assert_eq!(codes, [None, Some("unknown-item"), None]);
    assert_eq!(results["results"][0]["order"].as_str(), Some(key.as_str()));
    let old = orders.get("/buy/4").await;
    assert_eq!((old.status, old.header("deprecation").is_some()), (200, true));
    let head = send(orders.request("HEAD", "/buy/4")).await;
    assert_eq!((head.status, head.header("allow")), (405, Some("GET, POST")));
    let (mut after, mut items) = (String::new(), Vec::new());
    loop {
        let page = orders.get(&format!("/orders?limit=1{after}")).await.json();
        items.extend(
            page["orders"]
                .as_array()
                .unwrap()
                .iter()
                .map(|order| order["item"].as_u64().unwrap()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(items, [1, 2, 4]);
}
