//! Malformed input, wrong methods, oversized bodies, and the cache's headers.

use testing::eventually;

use crate::bookstored::{ANY_PORT, start_each};
use crate::client::{Client, key, send};
use crate::fixture::StoreFixture;

#[tokio::test]
async fn a_malformed_purchase_is_refused_and_uses_up_no_key() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
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
        let request = client
            .request("POST", "/buy")
            .header("idempotency-key", &key)
            .body(body);
        assert_eq!(send(request).await.verdict(), (400, "invalid-request".into()), "{body}");
    }
    for bad in ["", "abc", "\"\"", "0190b6d57f3c7cc080002b0a6f1c9d4e"] {
        let request = client
            .request("POST", "/buy")
            .header("idempotency-key", bad)
            .body(r#"{"item":1}"#);
        assert_eq!(
            send(request).await.verdict(),
            (400, "invalid-request".into()),
            "{bad:?}"
        );
    }
    let twice = client
        .request("POST", "/buy")
        .header("idempotency-key", &key)
        .header("idempotency-key", &key);
    assert_eq!(
        send(twice.body(r#"{"item":1}"#)).await.verdict(),
        (400, "invalid-request".into())
    );
    let xml = client
        .request("POST", "/buy")
        .header("content-type", "text/xml")
        .body("<item/>");
    assert_eq!(send(xml).await.verdict(), (415, "unsupported-media-type".into()));
    assert_eq!(client.buy(1, 1, Some(&format!("\"{key}\""))).await.status, 200);
    assert_eq!(client.stock(1).await, 399);
}

#[tokio::test]
async fn a_search_is_for_exactly_one_thing() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
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
        let reply = client.get(&format!("/search{query}")).await;
        assert_eq!(reply.verdict(), (400, "invalid-request".into()), "{query}");
    }
    assert_eq!(
        client.get("/search?item=77").await.verdict(),
        (404, "unknown-item".into())
    );
    assert_eq!(client.get("/search?item=1&unknown=ignored").await.status, 200);
    assert_eq!(client.get("/search?lookupNum=1").await.status, 200);
    assert_eq!(client.post("/buy?buyNum=1", "").await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_too_large_gets_its_answer_even_if_the_client_sends_all_of_it_first() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    let large = vec![b'x'; 1_000_000];
    let sized = client.request("POST", "/buy").body(large.clone());
    assert_eq!(send(sized).await.verdict(), (413, "payload-too-large".into()));
    let chunks = large
        .chunks(10_000)
        .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
        .collect::<Vec<_>>();
    let chunked = client
        .request("POST", "/buy")
        .body(reqwest::Body::wrap_stream(futures::stream::iter(chunks)));
    assert_eq!(send(chunked).await.verdict(), (413, "payload-too-large".into()));
    let whole: Vec<Result<_, std::io::Error>> = vec![Ok(r#"{"item""#), Ok(":1}")];
    let small = client
        .request("POST", "/buy")
        .body(reqwest::Body::wrap_stream(futures::stream::iter(whole)));
    assert_eq!(send(small).await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_have_different_answers() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    for service in ["frontend", "catalog", "order"] {
        let client = Client::of(&shop, service);
        assert_eq!(client.get("/nothing/here").await.verdict(), (404, "not-found".into()));
        let wrong = send(client.request("DELETE", "/livez")).await;
        assert_eq!(
            (wrong.verdict(), wrong.header("allow")),
            ((405, "method-not-allowed".into()), Some("GET, HEAD"))
        );
        let head = send(client.request("HEAD", "/livez")).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert!(head.header("content-length").is_some_and(|length| length != "0"));
        assert_eq!(client.get("/livez").await.json()["service"], service);
        assert_eq!(client.get("/readyz").await.json()["status"], "ok");
        assert!(
            client
                .get("/metrics")
                .await
                .body
                .contains("bookstore_http_requests_total")
        );
        assert_eq!(client.get("/openapi.json").await.json()["openapi"], "3.1.0");
    }
}

#[tokio::test]
async fn an_entity_tag_saves_the_body_until_the_book_changes() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    let book = client.get("/search?item=1").await;
    let tag = book.header("etag").unwrap().to_owned();
    assert_eq!(tag, "\"1\"");
    let ask = || client.request("GET", "/search?item=1").header("if-none-match", &tag);
    let same = send(ask()).await;
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    assert_eq!(client.buy(2, 1, None).await.status, 200);
    assert_eq!(
        send(ask()).await.status,
        304,
        "another book's sale changed this one's tag"
    );
    assert_eq!(client.buy(1, 1, None).await.status, 200);
    assert_eq!(send(ask()).await.status, 200);
    let list = client.get("/topics").await;
    assert_eq!(list.header("etag"), Some("\"6\""), "a list is as new as the store");
}

#[tokio::test]
async fn repeated_reads_hit_the_cache_and_never_go_back_in_time() {
    let store = StoreFixture::csv();
    let shop = store.start_all();
    let client = Client::of(&shop, "frontend");
    for path in [
        "/topics",
        "/search?item=2",
        "/search?topic=graduate%20school",
        "/search?q=school&limit=1",
    ] {
        let first = client.get(path).await;
        let again = eventually("the response is cached", || async {
            let again = client.get(path).await;
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
        let stock = client.buy(2, 1, None).await.json()["stock"].as_i64().unwrap();
        assert_eq!(client.stock(2).await, stock, "a purchase was not seen by its buyer");
    }
    let confirmed = client
        .request("GET", "/search?item=2")
        .header("cache-control", "no-cache");
    assert_eq!(
        send(confirmed).await.header("cache-status"),
        Some("bookstore; fwd=miss")
    );
    let ahead = client
        .request("GET", "/search?item=2")
        .header("bookstore-seq", "1000000");
    assert_eq!(send(ahead).await.header("cache-status"), Some("bookstore; fwd=miss"));
}

#[tokio::test]
async fn while_the_catalog_is_away_cached_books_are_served_with_their_age() {
    let store = StoreFixture::csv();
    let services = start_each(&store.url, ANY_PORT);
    let client = Client::of(&services.frontend, "frontend");
    let cached = eventually("the book is cached", || async {
        let reply = client.get("/search?item=1").await;
        (reply.header("cache-status") == Some("bookstore; hit")).then_some(reply)
    })
    .await;
    drop(services.catalog);
    let aged = eventually("the loss is noticed", || async {
        let reply = client.get("/search?item=1").await;
        reply.headers.contains_key("age").then_some(reply)
    })
    .await;
    assert_eq!((aged.status, &aged.body), (200, &cached.body));
    assert!(
        aged.header("cache-status")
            .unwrap()
            .starts_with("bookstore; hit; ttl=-")
    );
    assert_eq!(
        client.get("/search?item=2").await.verdict(),
        (503, "unavailable".into())
    );
    let ahead = client
        .request("GET", "/search?item=1")
        .header("bookstore-seq", "1000000");
    assert_eq!(send(ahead).await.verdict(), (503, "unavailable".into()));
}
