//! Changes of the books of a running shop.

use serde_json::{Value, json};
use testing::eventually;

use crate::bookstored::run;
use crate::client::{AUTHORIZED, Client, Reply, key};
use crate::fixture::{StoreFixture, start_shop};

const PERSUASION: &str = r#"{"title":"Persuasion","author":"Jane Austen","topic":"novels","cost":"7","stock":3}"#;

/// Sends a change under a key, and retries it until it is decided: a database on a busy machine may exceed the deadline.
async fn send(client: &Client, method: &str, path: &str, key: &str, body: &str) -> Reply {
    let headers = [AUTHORIZED, ("idempotency-key", key)];
    eventually("a decision on a change", || async {
        let reply = client.send(method, path, &headers, body).await;
        (reply.status != 503).then_some(reply)
    })
    .await
}

async fn change(client: &Client, body: &Value) -> Reply {
    send(client, "POST", "/books", &key(), &body.to_string()).await
}

fn novel(item: u64, title: &str) -> Value {
    json!({"item": item, "title": title, "topic": "novels", "cost": "5.00"})
}

#[tokio::test]
async fn a_book_is_added_changed_and_withdrawn_while_clients_read_and_buy() {
    let (shop, client) = start_shop();
    let catalog = Client::of(&shop.process, "catalog");
    let topics = client.get("/topics").await.json();
    let added = send(&client, "PUT", "/books/9780141439693", &key(), PERSUASION).await;
    let expected = json!({"item": 9_780_141_439_693_u64, "title": "Persuasion", "author": "Jane Austen",
        "topic": "novels", "cost": "7.00", "stock": 3, "seq": 5});
    assert_eq!(
        (added.status, added.json(), added.header("etag")),
        (200, expected.clone(), Some("\"5\""))
    );
    for read in ["/search?item=9780141439693", "/search?q=austen", "/search?topic=novels"] {
        let found = client.get(read).await.json();
        assert!(
            found == expected || found["books"] == json!([expected]),
            "{read}: {found}"
        );
    }
    assert_ne!(client.get("/topics").await.json(), topics);
    let sold = client.post("/buy", r#"{"item":9780141439693}"#).await.json();

    let renamed = r#"{"title":"Anne Elliot","topic":"novels","cost":"8.50"}"#;
    let changed = send(&catalog, "PUT", "/books/9780141439693", &key(), renamed)
        .await
        .json();
    assert_eq!(
        (&changed["title"], &changed["stock"], changed.get("author")),
        (&"Anne Elliot".into(), &2.into(), None),
        "a change without a stock leaves the stock unchanged"
    );
    let receipt = async || {
        client
            .get(&format!("/orders/{}", sold["order"].as_str().unwrap()))
            .await
            .json()
    };
    assert_eq!(
        receipt().await,
        sold,
        "the receipt has the title and the cost at the time of the sale"
    );
    assert_eq!(client.get("/search?q=persuasion").await.json()["books"], json!([]));

    let withdrawn = send(&client, "DELETE", "/books/9780141439693", &key(), "").await;
    assert_eq!(
        withdrawn.json(),
        json!({"books": [], "withdrawn": [9_780_141_439_693_u64], "seq": 8})
    );
    let buy = client.post("/buy", r#"{"item":9780141439693}"#).await;
    assert_eq!(buy.summary(), "404 unknown-item");
    assert_eq!(
        client.get("/search?item=9780141439693").await.summary(),
        "404 unknown-item"
    );
    assert_eq!(client.get("/topics").await.json(), topics);
    assert_eq!(receipt().await, sold);
}

#[tokio::test]
async fn several_books_change_together_and_readers_see_all_of_it() {
    let (shop, client) = start_shop();
    let events = client.get("/search?item=1").await;
    assert_eq!(events.status, 200);
    let set: Vec<Value> = (100..1_099).map(|item| novel(item, &"x".repeat(900))).collect();
    let body = json!({"set": set, "withdraw": [4]});
    let done = change(&client, &body).await;
    let answer = done.json();
    assert_eq!(
        (done.status, &answer["withdrawn"], &answer["seq"]),
        (200, &json!([4]), &1_004.into())
    );
    assert_eq!(answer["books"].as_array().unwrap().len(), 999);
    let page = client
        .send("GET", "/ledger?after=4&limit=1", &[AUTHORIZED], "")
        .await
        .json();
    let entries = page["entries"].as_array().unwrap();
    assert_eq!(
        (entries.len(), &entries[0]["item"], &entries[999]["line"]),
        (1_000, &4.into(), &1_000.into())
    );
    assert_eq!(client.get("/search?item=4").await.summary(), "404 unknown-item");
    assert_eq!(
        client.get("/search?topic=novels&limit=3").await.json()["books"][2]["item"],
        102
    );

    let unknown = change(&client, &json!({"set": [novel(7, "Seven")], "withdraw": [4, 3, 8]})).await;
    assert_eq!(
        (unknown.summary(), &unknown.json()["items"]),
        ("404 unknown-item".to_owned(), &json!([4, 8]))
    );
    assert_eq!(
        client.get("/search?item=7").await.status,
        404,
        "a refused change is not applied in part"
    );
    assert_eq!(client.stock(3).await, 300);
    let many: Vec<u64> = (1..=1_001).collect();
    for body in [
        json!({}),
        json!({"withdraw": many}),
        json!({"withdraw": [3], "set": [novel(3, "Three")]}),
        json!({"set": [{"item": 3}]}),
        json!({"set": [novel(3, "")]}),
    ] {
        assert_eq!(change(&client, &body).await.summary(), "400 invalid-request");
    }
    let large = json!({"set": [novel(3, &"x".repeat(1_048_577))]});
    assert_eq!(change(&client, &large).await.summary(), "413 payload-too-large");
    drop(shop);
}

#[tokio::test]
async fn a_key_replays_its_change_after_a_kill_and_is_refused_for_another_change() {
    for fixture in StoreFixture::each() {
        let process = fixture.start_all();
        let client = Client::of(&process, "frontend");
        let several = json!({"set": [novel(9, "Nine"), novel(7, "Seven")], "withdraw": [1]}).to_string();
        let changes = [
            ("PUT", "/books/9", PERSUASION.to_owned()),
            ("POST", "/books", several.clone()),
            ("DELETE", "/books/9", String::new()),
            ("DELETE", "/books/9", String::new()),
        ];
        let mut decided = Vec::new();
        for (method, path, body) in &changes {
            let key = key();
            decided.push((key.clone(), send(&client, method, path, &key, body).await));
        }
        assert_eq!(decided[3].1.summary(), "404 unknown-item");
        drop(process);
        let process = fixture.start_all();
        let client = Client::of(&process, "frontend");
        for ((method, path, body), (key, first)) in changes.iter().zip(&decided) {
            let again = send(&client, method, path, key, body).await;
            assert_eq!(
                (again.header("idempotency-replayed"), &again.body),
                (Some("true"), &first.body)
            );
            let other = PERSUASION.replace('3', "4");
            assert_eq!(
                send(&client, "PUT", "/books/9", key, &other).await.summary(),
                "422 key-reused"
            );
            let other = several.replace("Seven", "Eight");
            assert_eq!(
                send(&client, "POST", "/books", key, &other).await.summary(),
                "422 key-reused"
            );
        }
        assert_eq!(client.get("/search?item=7").await.json()["title"], "Seven");
        assert_eq!(client.get("/search?item=1").await.status, 404);
        drop(process);
        let audited = run(&["audit", "--store", &fixture.url]);
        assert!(audited.0 == 0 && audited.1.starts_with("clean"), "{audited:?}");
    }
}

#[tokio::test]
async fn a_book_changes_only_in_a_state_that_if_match_names() {
    let (_shop, client) = start_shop();
    let tag = client.get("/search?item=1").await.header("etag").unwrap().to_owned();
    let list = client.get("/topics").await.header("etag").unwrap().to_owned();
    let key = key();
    let send = async |method, path, tag: &str, body: &str| {
        let headers = [AUTHORIZED, ("if-match", tag), ("idempotency-key", &*key)];
        client.send(method, path, &headers, body).await
    };
    client.buy(1, 1, None).await;
    let several = json!({"set": [novel(1, "One")]}).to_string();
    for (method, path, tag, body) in [
        ("PUT", "/books/1", &*tag, PERSUASION),
        ("PUT", "/books/9", "*", PERSUASION),
        ("DELETE", "/books/1", &*tag, ""),
        ("POST", "/books", &*list, &*several),
    ] {
        let stale = send(method, path, tag, body).await;
        assert_eq!(stale.summary(), "412 precondition-failed", "{method} {path}");
    }
    assert_eq!(client.stock(1).await, 399);
    let current = client.get("/search?item=1").await.header("etag").unwrap().to_owned();
    let changed = send("PUT", "/books/1", &current, PERSUASION).await;
    assert_eq!(
        (changed.status, &changed.json()["stock"]),
        (200, &3.into()),
        "a 412 uses up no key"
    );
    let again = send("PUT", "/books/1", &tag, PERSUASION).await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.body),
        (Some("true"), &changed.body)
    );
}

#[tokio::test]
async fn only_the_shopkeeper_changes_books() {
    let (shop, client) = start_shop();
    let catalog = Client::of(&shop.process, "catalog");
    for client in [&client, &catalog] {
        for (method, path, body) in [
            ("PUT", "/books/1", PERSUASION),
            ("DELETE", "/books/1", ""),
            ("POST", "/books", r#"{"withdraw":[1]}"#),
        ] {
            assert_eq!(client.send(method, path, &[], body).await.summary(), "401 unauthorized");
            let text = [AUTHORIZED, ("content-type", "text/plain")];
            let wrong_type = client.send(method, path, &text, body).await;
            assert_eq!(wrong_type.summary(), "415 unsupported-media-type", "{method} {path}");
        }
        let get = client.get("/books/1").await;
        assert_eq!((get.status, get.header("allow")), (405, Some("DELETE, PUT")));
    }
    assert_eq!(client.stock(1).await, 400);
}

#[tokio::test]
async fn a_change_is_sent_to_the_subscribers_of_events() {
    let (_shop, client) = start_shop();
    let mut stream = client.request("GET", "/events?after=4").send().await.unwrap();
    change(&client, &json!({"set": [novel(9, "Nine")], "withdraw": [2]})).await;
    let mut text = String::new();
    while !text.contains("id: 6") {
        let chunk = stream.chunk().await.unwrap().unwrap();
        text += &String::from_utf8_lossy(&chunk);
    }
    assert!(text.contains(r#""item":2,"stock":0,"change":-500,"#), "{text}");
    assert!(text.contains(r#""item":9,"stock":0,"change":0,"#), "{text}");
    assert!(!text.contains("id: 5"), "no reader resumes within a change: {text}");
}

#[tokio::test]
async fn another_catalog_over_the_same_database_sees_a_change_of_books() {
    let Some(fixture) = StoreFixture::postgres() else {
        return;
    };
    let (first, second) = (fixture.start_all(), fixture.start_all());
    let (writer, reader) = (Client::of(&first, "frontend"), Client::of(&second, "frontend"));
    change(&writer, &json!({"set": [novel(9, "Nine")], "withdraw": [2]})).await;
    let new = eventually("the other front-end has the new book", || async {
        let found = reader.get("/search?item=9").await;
        (found.status == 200).then(|| found.json())
    });
    assert_eq!(new.await["title"], "Nine");
    assert_eq!(reader.buy(2, 1, None).await.summary(), "404 unknown-item");
}
