//! Malformed input, wrong methods, oversized bodies, and the cache's headers.

use testing::eventually;

use crate::bookstored::{ANY_PORT, start_each};
use crate::client::{Client, key, try_send};
use crate::fixture::{StoreFixture, start_shop};

#[tokio::test]
async fn a_malformed_purchase_is_refused_and_uses_up_no_key() {
    let (_shop, client) = start_shop();
    let key = key();
    let keyed = ("idempotency-key", &*key);
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"item":0}"#,
        r#"{"item":9007199254740992}"#,
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
        let reply = client.send("POST", "/buy", &[keyed], body).await;
        assert_eq!(reply.summary(), "400 invalid-request", "{body}");
    }
    let body = r#"{"item":1}"#;
    for bad in ["", "abc", "\"\"", "0190b6d57f3c7cc080002b0a6f1c9d4e"] {
        let reply = client.send("POST", "/buy", &[("idempotency-key", bad)], body).await;
        assert_eq!(reply.summary(), "400 invalid-request", "{bad:?}");
    }
    let twice = client.send("POST", "/buy", &[keyed, keyed], body).await;
    assert_eq!(twice.summary(), "400 invalid-request");
    let xml = client
        .send("POST", "/buy", &[("content-type", "text/xml")], "<item/>")
        .await;
    assert_eq!(xml.summary(), "415 unsupported-media-type");
    assert_eq!(client.buy(1, 1, Some(&format!("\"{key}\""))).await.status, 200);
    assert_eq!(client.stock(1).await, 399);
}

#[tokio::test]
async fn a_change_is_json_even_if_its_body_is_empty() {
    let (shop, client) = start_shop();
    let order = Client::of(&shop.process, "order");
    for (client, method, path) in [
        (&client, "POST", "/buy?buyNum=1"),
        (&client, "PUT", "/stock/1"),
        (&order, "POST", "/buy/1"),
        (&order, "GET", "/buy/1"),
    ] {
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonx",
            "",
        ] {
            let reply = client.send(method, path, &[("content-type", media_type)], "").await;
            assert_eq!(
                reply.summary(),
                "415 unsupported-media-type",
                "{method} {path} {media_type:?}"
            );
        }
        let twice = [("content-type", "application/json"), ("content-type", "text/plain")];
        assert_eq!(
            client.send(method, path, &twice, "").await.status,
            415,
            "{method} {path}"
        );
    }
    let json = ("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(client.send("POST", "/buy?buyNum=1", &[json], "").await.status, 200);
    assert_eq!(order.send("GET", "/buy/1", &[json], "").await.status, 200);
    assert_eq!(client.stock(1).await, 398);
}

#[tokio::test]
async fn an_encoded_body_is_refused() {
    let (_shop, client) = start_shop();
    for encoding in ["gzip", "identity, gzip", "br", ""] {
        let encoded = ("content-encoding", encoding);
        for (method, path) in [("POST", "/buy"), ("GET", "/search")] {
            let reply = client.send(method, path, &[encoded], r#"{"item":1}"#).await;
            assert_eq!(reply.summary(), "415 unsupported-media-type", "{method} {encoding:?}");
        }
    }
    let plain = [("content-encoding", "identity")];
    assert_eq!(client.send("POST", "/buy", &plain, r#"{"item":1}"#).await.status, 200);
}

#[tokio::test]
async fn a_search_needs_exactly_one_selector() {
    let (_shop, client) = start_shop();
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
        assert_eq!(reply.summary(), "400 invalid-request", "{query}");
    }
    let unknown = client.get("/search?item=77").await;
    assert_eq!(
        (unknown.summary().as_str(), unknown.header("cache-status")),
        ("404 unknown-item", None)
    );
    assert_eq!(client.get("/search?item=1&unknown=ignored").await.status, 200);
    assert_eq!(client.get("/search?lookupNum=1").await.status, 200);
    assert_eq!(client.post("/buy?buyNum=1", "").await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_too_large_gets_its_answer_even_if_the_client_sends_all_of_it_first() {
    let (_shop, client) = start_shop();
    let large = "x".repeat(1_000_000);
    assert_eq!(client.post("/buy", &large).await.summary(), "413 payload-too-large");
    let send_chunked = async |chunks: Vec<String>| {
        let chunks = chunks.into_iter().map(Ok::<_, std::io::Error>);
        let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
        try_send(client.request("POST", "/buy").body(body)).await.unwrap()
    };
    let chunked = send_chunked(vec!["x".repeat(10_000); 100]).await;
    assert_eq!(chunked.summary(), "413 payload-too-large");
    let small = send_chunked(vec![r#"{"item""#.to_owned(), ":1}".to_owned()]).await;
    assert_eq!(small.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_have_different_answers() {
    let (shop, _) = start_shop();
    for service in ["frontend", "catalog", "order"] {
        let client = Client::of(&shop.process, service);
        assert_eq!(client.get("/nothing/here").await.summary(), "404 not-found");
        let wrong = client.send("DELETE", "/livez", &[], "").await;
        assert_eq!(wrong.summary(), "405 method-not-allowed");
        assert_eq!(wrong.header("allow"), Some("GET, HEAD"));
        let head = client.send("HEAD", "/livez", &[], "").await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert!(head.header("content-length").is_some_and(|length| length != "0"));
        assert_eq!(client.get("/livez").await.json()["service"], service);
        eventually("the service is ready", || async {
            (client.get("/readyz").await.json()["status"] == "ready").then_some(())
        })
        .await;
        let metrics = client.get("/metrics").await.body;
        assert!(metrics.contains("bookstore_http_requests_total"));
        assert_eq!(client.get("/openapi.json").await.json()["openapi"], "3.1.0");
    }
}

#[tokio::test]
async fn a_request_with_the_current_entity_tag_gets_304_until_the_book_changes() {
    let (_shop, client) = start_shop();
    let book = client.get("/search?item=1").await;
    let tag = book.header("etag").unwrap();
    assert_eq!(tag, "\"1\"");
    let get_unless_current = async || {
        client
            .send("GET", "/search?item=1", &[("if-none-match", tag)], "")
            .await
    };
    let same = get_unless_current().await;
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    let lines = [("if-none-match", "\"0\""), ("if-none-match", tag)];
    assert_eq!(
        client.send("GET", "/search?item=1", &lines, "").await.status,
        304,
        "two header lines are one list"
    );
    assert_eq!(client.buy(2, 1, None).await.status, 200);
    assert_eq!(
        get_unless_current().await.status,
        304,
        "a sale of another book changed the tag"
    );
    assert_eq!(client.buy(1, 1, None).await.status, 200);
    assert_eq!(get_unless_current().await.status, 200);
    let list = client.get("/topics").await;
    assert_eq!(
        list.header("etag"),
        Some("\"6\""),
        "the tag of a list is the head of the store"
    );
}

#[tokio::test]
async fn repeated_reads_hit_the_cache_and_never_go_back_in_time() {
    let (_shop, client) = start_shop();
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
        });
        let again = again.await;
        assert_eq!(again.body, first.body, "{path}");
        assert_eq!(again.headers.get("etag"), first.headers.get("etag"), "{path}");
    }
    for _ in 0..50 {
        let stock = client.buy(2, 1, None).await.json()["stock"].as_i64().unwrap();
        assert_eq!(
            client.stock(2).await,
            stock,
            "the buyer's next read does not show the purchase"
        );
    }
    for fresh in [("cache-control", "no-cache"), ("bookstore-seq", "1000000")] {
        let reply = client.send("GET", "/search?item=2", &[fresh], "").await;
        assert_eq!(reply.header("cache-status"), Some("bookstore; fwd=miss"), "{fresh:?}");
    }
}

#[tokio::test]
async fn while_the_catalog_is_unreachable_cached_books_are_served_with_their_age() {
    let store = StoreFixture::csv();
    let services = start_each(&store.url, ANY_PORT);
    let client = Client::of(&services.frontend, "frontend");
    let cached = eventually("the book is cached", || async {
        let reply = client.get("/search?item=1").await;
        (reply.header("cache-status") == Some("bookstore; hit")).then_some(reply)
    });
    let cached = cached.await;
    drop(services.catalog);
    let aged = eventually("the front-end has detected that the catalog is unreachable", || async {
        let reply = client.get("/search?item=1").await;
        reply.headers.contains_key("age").then_some(reply)
    });
    let aged = aged.await;
    assert_eq!((aged.status, &aged.body), (200, &cached.body));
    let cache_status = aged.header("cache-status").unwrap();
    assert!(cache_status.starts_with("bookstore; hit; ttl=-"), "{cache_status}");
    assert_eq!(client.get("/search?item=99").await.summary(), "503 unavailable");
    let ahead = client
        .send("GET", "/search?item=1", &[("bookstore-seq", "1000000")], "")
        .await;
    assert_eq!(ahead.summary(), "503 unavailable");
}

#[tokio::test]
async fn books_that_were_not_requested_before_are_served_while_the_catalog_is_unreachable() {
    let store = StoreFixture::csv();
    let services = start_each(&store.url, ANY_PORT);
    let (catalog, frontend) = (
        Client::of(&services.catalog, "catalog"),
        Client::of(&services.frontend, "frontend"),
    );
    // The catalog's books have two topics.
    let pages = "bookstore_http_requests_total{service=\"catalog\",route=\"GET /search/{topic}\",status=\"200\"} 2\n";
    let filled = eventually("both topics are read", || async {
        catalog.get("/metrics").await.body.contains(pages).then_some(())
    });
    filled.await;
    drop(services.catalog);
    let served = eventually("the book is served with its age", || async {
        let reply = frontend.get("/search?item=2").await;
        reply.headers.contains_key("age").then_some(reply.json())
    });
    assert_eq!(served.await["title"], "RPCs for Dummies");
}
