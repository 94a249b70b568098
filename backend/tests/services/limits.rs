//! Bad input, wrong methods, bodies that are too large: a clear error, and nothing is used up.

use crate::shop::{Customer, Store, key, send};

#[tokio::test]
async fn what_is_not_a_purchase_is_refused_and_uses_up_no_key() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    let key = key();
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"item":0}"#,
        r#"{"item":4294967296}"#,
        r#"{"item":1,"quantity":0}"#,
        r#"{"item":1,"quantity":-1}"#,
        r#"{"item":1,"quantity":101}"#,
        r#"{"item":1,"quantity":1000000000}"#,
        r#"{"item":1,"quantity":null}"#,
        r#"{"item":1,"quantity":"1"}"#,
        r#"{"item":1,"quantity":1.5}"#,
        r#"{"item":1,"price":1}"#,
        "[1]",
        "[1,1]",
    ] {
        let request = customer
            .request("POST", "/buy")
            .header("idempotency-key", &key)
            .body(body);
        assert_eq!(send(request).await.verdict(), (400, "invalid-request".into()), "{body}");
    }
    for bad in ["", "abc", "\"\"", "0190b6d57f3c7cc080002b0a6f1c9d4e"] {
        let request = customer
            .request("POST", "/buy")
            .header("idempotency-key", bad)
            .body(r#"{"item":1}"#);
        assert_eq!(
            send(request).await.verdict(),
            (400, "invalid-request".into()),
            "{bad:?}"
        );
    }
    let twice = customer
        .request("POST", "/buy")
        .header("idempotency-key", &key)
        .header("idempotency-key", &key);
    assert_eq!(
        send(twice.body(r#"{"item":1}"#)).await.verdict(),
        (400, "invalid-request".into())
    );
    let xml = customer
        .request("POST", "/buy")
        .header("content-type", "text/xml")
        .body("<item/>");
    assert_eq!(send(xml).await.verdict(), (415, "unsupported-media-type".into()));
    assert_eq!(customer.buy(1, 1, Some(&format!("\"{key}\""))).await.status, 200);
    assert_eq!(customer.stock(1).await, 399);
}

#[tokio::test]
async fn a_search_is_for_exactly_one_thing() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    for query in [
        "",
        "?topic=a&item=1",
        "?q=a&topic=b",
        "?item=1&item=2",
        "?item=x",
        "?topic=a&limit=0",
        "?topic=a&limit=101",
        "?topic=a&limit=x",
        "?topic=a&after=x",
        "?q=a&after=9",
    ] {
        let reply = customer.get(&format!("/search{query}")).await;
        assert_eq!(reply.verdict(), (400, "invalid-request".into()), "{query}");
    }
    assert_eq!(
        customer.get("/search?item=77").await.verdict(),
        (404, "unknown-item".into())
    );
    assert_eq!(customer.get("/search?item=1&unknown=ignored").await.status, 200);
    assert_eq!(customer.get("/search?lookupNum=1").await.status, 200);
    assert_eq!(customer.post("/buy?buyNum=1", "").await.status, 200);
}

#[tokio::test]
async fn too_large_a_body_is_answered_even_to_a_client_that_sends_it_all_first() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    let large = vec![b'x'; 1_000_000];
    let sized = customer.request("POST", "/buy").body(large.clone());
    assert_eq!(send(sized).await.verdict(), (413, "payload-too-large".into()));
    let chunks = large
        .chunks(10_000)
        .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
        .collect::<Vec<_>>();
    let chunked = customer
        .request("POST", "/buy")
        .body(reqwest::Body::wrap_stream(futures::stream::iter(chunks)));
    assert_eq!(send(chunked).await.verdict(), (413, "payload-too-large".into()));
    let whole: Vec<Result<_, std::io::Error>> = vec![Ok(r#"{"item""#), Ok(":1}")];
    let small = customer
        .request("POST", "/buy")
        .body(reqwest::Body::wrap_stream(futures::stream::iter(whole)));
    assert_eq!(send(small).await.status, 200);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_told_apart() {
    let store = Store::new();
    let shop = store.open_all();
    for service in ["frontend", "catalog", "order"] {
        let customer = Customer::of(&shop, service);
        assert_eq!(customer.get("/nothing/here").await.verdict(), (404, "not-found".into()));
        let wrong = send(customer.request("DELETE", "/livez")).await;
        assert_eq!(
            (wrong.verdict(), wrong.header("allow")),
            ((405, "method-not-allowed".into()), Some("GET, HEAD"))
        );
        let head = send(customer.request("HEAD", "/livez")).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert!(head.header("content-length").is_some_and(|length| length != "0"));
        assert_eq!(customer.get("/livez").await.json()["service"], service);
        assert_eq!(customer.get("/readyz").await.json()["status"], "ok");
        assert!(
            customer
                .get("/metrics")
                .await
                .body
                .contains("bookstore_http_requests_total")
        );
        assert_eq!(customer.get("/openapi.json").await.json()["openapi"], "3.1.0");
    }
}

#[tokio::test]
async fn an_entity_tag_saves_the_body_until_the_book_changes() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    let book = customer.get("/search?item=1").await;
    let tag = book.header("etag").unwrap().to_owned();
    assert_eq!(tag, "\"1\"");
    let ask = || customer.request("GET", "/search?item=1").header("if-none-match", &tag);
    let same = send(ask()).await;
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    assert_eq!(customer.buy(2, 1, None).await.status, 200);
    assert_eq!(
        send(ask()).await.status,
        304,
        "another book's sale changed this one's tag"
    );
    assert_eq!(customer.buy(1, 1, None).await.status, 200);
    assert_eq!(send(ask()).await.status, 200);
    let list = customer.get("/topics").await;
    assert_eq!(list.header("etag"), Some("\"6\""), "a list is as new as the store");
}

#[tokio::test]
async fn what_was_read_once_is_read_from_memory_and_never_older_than_what_was_seen() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    for path in [
        "/topics",
        "/search?item=2",
        "/search?topic=graduate%20school",
        "/search?q=school&limit=1",
    ] {
        let first = customer.get(path).await;
        let again = crate::shop::eventually("it is kept", || async {
            let again = customer.get(path).await;
            (again.header("cache-status") == Some("bookstore; hit")).then_some(again)
        })
        .await;
        assert_eq!(
            (again.body, again.headers.get("etag")),
            (first.body, first.headers.get("etag")),
            "{path}"
        );
    }
    for _ in 0..50 {
        let stock = customer.buy(2, 1, None).await.json()["stock"].as_i64().unwrap();
        assert_eq!(customer.stock(2).await, stock, "a purchase was not seen by its buyer");
    }
    let confirmed = customer
        .request("GET", "/search?item=2")
        .header("cache-control", "no-cache");
    assert_eq!(
        send(confirmed).await.header("cache-status"),
        Some("bookstore; fwd=miss")
    );
    let ahead = customer
        .request("GET", "/search?item=2")
        .header("bookstore-seq", "1000000");
    assert_eq!(send(ahead).await.header("cache-status"), Some("bookstore; fwd=miss"));
}

#[tokio::test]
async fn while_the_catalog_is_away_what_is_kept_is_shown_with_its_age() {
    let store = Store::new();
    let free = "127.0.0.1:0";
    let catalog = crate::shop::Process::start(&["catalog", "--store", &store.url(), "--listen", free]);
    let url = catalog.url("catalog");
    let order = crate::shop::Process::start(&["order", "--listen", free, "--catalog-url", &url]);
    let orders = order.url("order");
    let front = crate::shop::Process::start(&[
        "frontend",
        "--listen",
        free,
        "--catalog-url",
        &url,
        "--order-url",
        &orders,
    ]);
    let customer = Customer::of(&front, "frontend");
    let kept = crate::shop::eventually("it is kept", || async {
        let reply = customer.get("/search?item=1").await;
        (reply.header("cache-status") == Some("bookstore; hit")).then_some(reply)
    })
    .await;
    catalog.kill();
    let aged = crate::shop::eventually("the loss is noticed", || async {
        let reply = customer.get("/search?item=1").await;
        reply.headers.contains_key("age").then_some(reply)
    })
    .await;
    assert_eq!((aged.status, &aged.body), (200, &kept.body));
    assert!(
        aged.header("cache-status")
            .unwrap()
            .starts_with("bookstore; hit; ttl=-")
    );
    assert_eq!(
        customer.get("/search?item=2").await.verdict(),
        (503, "unavailable".into())
    );
    let ahead = customer
        .request("GET", "/search?item=1")
        .header("bookstore-seq", "1000000");
    assert_eq!(send(ahead).await.verdict(), (503, "unavailable".into()));
}
