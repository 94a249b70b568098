//! The OpenAPI documents: every reference resolves, and the services answer as documented.

mod document;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use testing::Process;

use self::document::Document;
use crate::bookstored::{ANY_PORT, start};
use crate::client::{AUTHORIZED, Client, Reply, key};
use crate::fixture::start_shop;

const SERVICES: [&str; 3] = ["frontend", "catalog", "order"];

/// Calls `of` with every object in a document and its path.
fn visit(value: &Value, place: &str, of: &mut impl FnMut(&Value, &str)) {
    match value {
        Value::Object(fields) => {
            of(value, place);
            fields
                .iter()
                .for_each(|(name, field)| visit(field, &format!("{place}/{name}"), of));
        }
        Value::Array(values) => values.iter().for_each(|value| visit(value, place, of)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_of_a_document_resolves_and_its_parts_are_described_and_used() {
    let (shop, _) = start_shop();
    for service in SERVICES {
        let document = Document::of(&Client::of(&shop.process, service)).await;
        let mut used = BTreeSet::new();
        visit(&document.json, service, &mut |object, place| {
            if let Some(reference) = object["$ref"].as_str() {
                assert!(document.at(reference).is_some(), "{place}: {reference} does not exist");
                used.insert(reference.to_owned());
            }
            // A rustdoc link has no target in an OpenAPI document.
            let description = object["description"].as_str().unwrap_or_default();
            assert!(!description.contains("[`"), "{place}: {description}");
            let mut types = object["type"].as_array().into_iter().flatten().chain([&object["type"]]);
            assert!(types.all(|name| name != "null"), "{place}: no field may be null");
            let examples = object["examples"]
                .as_array()
                .into_iter()
                .flatten()
                .chain(object.get("example"));
            if object["type"].is_string() {
                examples.for_each(|example| document.assert_valid(object, example, place));
            }
        });
        for kind in ["schemas", "responses", "parameters", "headers"] {
            for name in document.json["components"][kind].as_object().unwrap().keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(used.contains(&reference), "{service}: {reference} is not used");
            }
        }
        let tags = document.json["tags"].as_array().unwrap();
        for (path, method, operation) in document.operations() {
            for name in ["operationId", "summary", "description"] {
                let text = operation[name].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{service}: {method} {path} has no {name}");
            }
            let is_described = |tag: &Value| tag["name"] == operation["tags"][0] && tag["description"].is_string();
            assert!(tags.iter().any(is_described), "{service}: {method} {path}");
            let schemes = operation["security"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|scheme| scheme.as_object().unwrap().keys());
            for scheme in schemes {
                assert!(
                    document.json["components"]["securitySchemes"][scheme].is_object(),
                    "{scheme}"
                );
            }
        }
    }
}

/// A service and its document.
struct Documented {
    client: Client,
    document: Document,
}

impl Documented {
    async fn of(process: &Process, service: &str) -> Self {
        let client = Client::of(process, service);
        let document = Document::of(&client).await;
        Self { client, document }
    }

    /// Sends a request and compares the answer, which must have that status, with the document.
    async fn check(&self, request: &str, fields: &[(&str, &str)], body: &str, status: u16) -> Reply {
        let (method, path) = request.split_once(' ').unwrap();
        let reply = self.client.send(method, path, fields, body).await;
        assert_eq!(reply.status, status, "{request} {fields:?} {body}: {}", reply.body);
        self.document.check(method, path, &reply);
        reply
    }

    /// Compares the beginning of an event stream with the document.
    async fn follow(&self, path: &str) {
        let mut response = self.client.request("GET", path).send().await.unwrap();
        let mut body = Vec::new();
        while !body.ends_with(b"\n\n") {
            body.extend_from_slice(&response.chunk().await.unwrap().unwrap());
        }
        let body = String::from_utf8(body).unwrap();
        let reply = Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        };
        self.document.check("GET", path, &reply);
    }

    /// Compares the answers of every operation to wrong requests.
    async fn check_wrong_requests(&self) {
        for (path, method, operation) in self.document.operations() {
            let request = format!(
                "{} {}",
                method.to_uppercase(),
                path.replace("{item}", "2")
                    .replace("{order}", &key())
                    .replace("{topic}", "x")
            );
            self.check(&request, &[("bookstore-hops", "4")], "", 508).await;
            self.check(&request, &[("bookstore-hops", "x")], "", 400).await;
            self.check(&request, &[("host", "shop.example")], "", 421).await;
            self.check(&request, &[("content-encoding", "gzip")], "x", 415).await;
            if !operation["responses"]["403"].is_null() {
                self.check(&request, &[("origin", "http://shop.example")], "", 403)
                    .await;
            }
            let reply = self
                .client
                .send("PATCH", &request[request.find('/').unwrap()..], &[], "")
                .await;
            assert_eq!(reply.status, 405, "{request}");
            self.document.check(method, path, &reply);
        }
    }

    async fn check_health(&self) {
        for path in ["/livez", "/readyz", "/metrics", "/openapi.json"] {
            self.check(&format!("GET {path}"), &[("x-request-id", "a-request")], "", 200)
                .await;
        }
    }
}

/// Compares the answers to changes of books.
async fn check_changes_of_books(service: &Documented) {
    let key = key();
    let change = [AUTHORIZED, ("idempotency-key", &*key)];
    let book = r#"{"title":"A title","author":"An author","topic":"novels","cost":"9.5","stock":3}"#;
    for _ in 0..2 {
        service.check("PUT /books/9", &change, book, 200).await;
    }
    service.check("PUT /books/8", &change, book, 422).await;
    service
        .check(
            "PUT /books/9",
            &[AUTHORIZED],
            r#"{"title":" ","topic":"novels","cost":"9.50"}"#,
            400,
        )
        .await;
    service
        .check("PUT /books/9", &[AUTHORIZED, ("if-match", "\"1\"")], book, 412)
        .await;
    let several = r#"{"set":[{"item":10,"title":"Another","topic":"novels","cost":"1.00"}],"withdraw":[9]}"#;
    service.check("POST /books", &[AUTHORIZED], several, 200).await;
    service.check("POST /books", &[AUTHORIZED], several, 404).await;
    service.check("POST /books", &[AUTHORIZED], "{}", 400).await;
    let old = [AUTHORIZED, ("if-match", "\"1\"")];
    service.check("POST /books", &old, r#"{"withdraw":[10]}"#, 412).await;
    service.check("DELETE /books/10", &[AUTHORIZED], "", 200).await;
    service.check("DELETE /books/10", &[AUTHORIZED], "", 404).await;
    service.check("DELETE /books/2", &[], "", 401).await;
}

#[tokio::test]
async fn every_route_of_a_front_end_answers_as_documented() {
    let (shop, _) = start_shop();
    let shop = Documented::of(&shop.process, "frontend").await;
    shop.check_health().await;
    shop.check_wrong_requests().await;
    let topics = shop.check("GET /topics", &[], "", 200).await;
    let tag = [("if-none-match", topics.header("etag").unwrap())];
    shop.check("GET /topics", &tag, "", 304).await;
    for query in ["topic=graduate%20school&limit=1", "q=the", "item=2", "lookupNum=2"] {
        shop.check(&format!("GET /search?{query}"), &[("bookstore-seq", "1")], "", 200)
            .await;
        shop.check(
            &format!("GET /search?{query}"),
            &[("cache-control", "no-cache")],
            "",
            200,
        )
        .await;
    }
    shop.check("GET /search", &[], r#"{"item":2}"#, 200).await;
    for query in [
        "",
        "?item=2&q=x",
        "?item=0",
        "?q=x&limit=0",
        "?q=x&limit=101",
        "?q=x&after=x",
    ] {
        shop.check(&format!("GET /search{query}"), &[], "", 400).await;
    }
    shop.check("GET /search?item=77", &[], "", 404).await;
    let keys = [key(), key(), key()];
    let [first, second, third] = keys.each_ref().map(|key| [("idempotency-key", key.as_str())]);
    for _ in 0..2 {
        shop.check("POST /buy", &first, r#"{"item":2,"quantity":3}"#, 200).await;
        shop.check(
            "POST /buy",
            &second,
            r#"{"lines":[{"item":2},{"item":4,"quantity":2}]}"#,
            200,
        )
        .await;
        shop.check("POST /buy", &third, r#"{"item":77}"#, 404).await;
    }
    shop.check("POST /buy?buyNum=2", &[], "", 200).await;
    shop.check("POST /buy", &first, r#"{"item":1}"#, 422).await;
    shop.check("POST /buy", &[], r#"{"lines":[{"item":77},{"item":1}]}"#, 404)
        .await;
    shop.check("POST /buy", &[], "{}", 400).await;
    shop.check("POST /buy", &[("content-type", "text/plain")], "{}", 415)
        .await;
    shop.check("POST /buy", &[("bookstore-deadline", "1")], r#"{"item":1}"#, 504)
        .await;
    shop.check("POST /buy", &[], &" ".repeat(20_000), 413).await;
    for key in &keys {
        shop.check(&format!("GET /orders/{key}"), &[], "", 200).await;
    }
    shop.check(&format!("GET /orders/{}", key()), &[], "", 404).await;
    shop.check("GET /orders/x", &[], "", 400).await;
    let change = [AUTHORIZED, ("idempotency-key", &*key())];
    for _ in 0..2 {
        shop.check("PUT /stock/1", &change, r#"{"stock":1}"#, 200).await;
    }
    shop.check("POST /buy", &[], r#"{"item":1,"quantity":2}"#, 409).await;
    shop.check(
        "POST /buy",
        &[],
        r#"{"lines":[{"item":1,"quantity":2},{"item":2}]}"#,
        409,
    )
    .await;
    shop.check("PUT /stock/1", &[AUTHORIZED], r#"{"change":-9}"#, 409).await;
    shop.check(
        "PUT /stock/1",
        &[AUTHORIZED, ("if-match", "\"1\"")],
        r#"{"stock":9}"#,
        412,
    )
    .await;
    shop.check("PUT /stock/77", &[AUTHORIZED], r#"{"stock":9}"#, 404).await;
    shop.check("PUT /stock/1", &[], r#"{"stock":9}"#, 401).await;
    check_changes_of_books(&shop).await;
    shop.check("GET /ledger?limit=3", &[], "", 401).await;
    shop.check("GET /ledger?limit=1000", &[AUTHORIZED], "", 200).await;
    shop.check("GET /ledger?limit=1001", &[AUTHORIZED], "", 400).await;
    shop.follow("/events?after=4").await;
    let id = [("last-event-id", "5")];
    shop.check("GET /events?after=x", &id, "", 400).await;
    shop.document.assert_seen(&[
        200, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 421, 422, 504, 508,
    ]);
}

#[tokio::test]
async fn every_route_of_catalog_and_order_service_answers_as_documented() {
    let (shop, _) = start_shop();
    let catalog = Documented::of(&shop.process, "catalog").await;
    let order = Documented::of(&shop.process, "order").await;
    for service in [&catalog, &order] {
        service.check_health().await;
        service.check_wrong_requests().await;
    }
    let keys = [key(), key()];
    let keyed = [("idempotency-key", keys[0].as_str())];
    for _ in 0..2 {
        order.check("POST /buy/2", &keyed, r#"{"quantity":2}"#, 200).await;
    }
    order.check("GET /buy/2", &[], "", 200).await;
    order.check("GET /buy/77", &[], "", 404).await;
    order.check("GET /buy/2", &keyed, "", 422).await;
    order.check("POST /buy/77", &[], "", 404).await;
    order
        .check("POST /buy/2", &[("bookstore-deadline", "1")], "", 504)
        .await;
    let batch = format!(
        r#"{{"orders":[{{"order":"{}","item":2}},{{"lines":[{{"item":2}},{{"item":3}}]}},{{"item":77}}]}}"#,
        keys[1]
    );
    order.check("POST /orders", &[], &batch, 200).await;
    order.check("POST /orders", &[], r#"{"orders":[{}]}"#, 400).await;
    order.check(&format!("GET /orders/{}", keys[1]), &[], "", 200).await;
    order.check(&format!("GET /orders/{}", key()), &[], "", 404).await;
    order.check("GET /orders?limit=2", &[], "", 200).await;
    order.check("GET /orders?limit=0", &[], "", 400).await;
    for path in ["/topics", "/search/graduate%20school", "/search?q=the", "/lookup/2"] {
        let reply = catalog.check(&format!("GET {path}"), &[], "", 200).await;
        let tag = [("if-none-match", reply.header("etag").unwrap())];
        catalog.check(&format!("GET {path}"), &tag, "", 304).await;
    }
    catalog.check("GET /search", &[], "", 400).await;
    catalog.check("GET /lookup/77", &[], "", 404).await;
    let sale = |key: &str, fields: &str| format!(r#"{{"order":"{key}",{fields},"deadline":{}}}"#, u64::MAX);
    let sales = [
        sale(&key(), r#""lines":[{"item":2},{"item":3}]"#),
        sale(&key(), r#""item":77"#),
        sale(&keys[0], r#""item":1"#),
    ];
    let sold = catalog
        .check(
            "POST /sales",
            &[],
            &format!(r#"{{"sales":[{}]}}"#, sales.join(",")),
            200,
        )
        .await;
    let several = sold.json()["decisions"][0]["order"].as_str().unwrap().to_owned();
    for order in [&keys[0], &several] {
        catalog
            .check(&format!("GET /ledger/orders/{order}"), &[], "", 200)
            .await;
    }
    catalog
        .check(&format!("GET /ledger/orders/{}", key()), &[], "", 404)
        .await;
    catalog.check("GET /ledger?limit=1000", &[], "", 200).await;
    let keyed = [AUTHORIZED, keyed[0]];
    catalog
        .check("PUT /update/2", &[AUTHORIZED], r#"{"change":2}"#, 200)
        .await;
    catalog.check("PUT /update/2", &keyed, r#"{"change":2}"#, 422).await;
    catalog
        .check(
            "PUT /update/2",
            &[AUTHORIZED, ("if-match", "\"1\"")],
            r#"{"stock":9}"#,
            412,
        )
        .await;
    catalog
        .check("PUT /update/2", &[AUTHORIZED], r#"{"change":-9000}"#, 409)
        .await;
    catalog
        .check("PUT /update/77", &[AUTHORIZED], r#"{"stock":9}"#, 404)
        .await;
    catalog.check("PUT /update/2", &[], r#"{"stock":9}"#, 401).await;
    check_changes_of_books(&catalog).await;
    catalog.follow("/feed?after=4").await;
    catalog.follow("/feed").await;
    catalog
        .document
        .assert_seen(&[200, 304, 400, 401, 403, 404, 405, 409, 412, 415, 421, 422, 508]);
    order
        .document
        .assert_seen(&[200, 400, 403, 404, 405, 415, 421, 422, 504, 508]);
}

#[tokio::test]
async fn a_service_without_a_dependency_or_with_too_many_requests_answers_as_documented() {
    let nothing = "http://127.0.0.1:9";
    let dependencies = ["--catalog-url", nothing, "--order-url", nothing];
    let process = start(&[&["frontend", "--listen", ANY_PORT], &dependencies[..]].concat());
    let shop = Documented::of(&process, "frontend").await;
    shop.check("GET /livez", &[], "", 200).await;
    for request in ["GET /readyz", "GET /topics", "GET /search?q=x", "GET /events"] {
        shop.check(request, &[], "", 503).await;
    }
    shop.check(&format!("GET /orders/{}", key()), &[], "", 503).await;
    shop.check("POST /buy", &[], r#"{"item":1}"#, 503).await;
    shop.check("PUT /stock/1", &[AUTHORIZED], r#"{"stock":1}"#, 503).await;
    shop.check("GET /ledger", &[AUTHORIZED], "", 503).await;
    let limited = start(
        &[
            &["frontend", "--listen", ANY_PORT, "--rate-limit", "1/s"],
            &dependencies[..],
        ]
        .concat(),
    );
    let client = Client::of(&limited, "frontend");
    for _ in 0..100 {
        let reply = client.get("/metrics").await;
        shop.document.check("GET", "/metrics", &reply);
        if reply.status == 429 {
            return;
        }
    }
    panic!("none of 100 requests exceeded the rate limit");
}

#[tokio::test]
async fn a_malformed_message_gets_a_documented_status() {
    let (shop, client) = start_shop();
    let document = Document::of(&client).await;
    for (message, status) in [
        ("GET /topics HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            format!("GET /topics?{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(70_000)),
            414,
        ),
        (
            format!(
                "GET /topics HTTP/1.1\r\nhost: localhost\r\n{}\r\n",
                "x: y\r\n".repeat(200)
            ),
            431,
        ),
        (
            "POST /buy HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip, chunked\r\n\r\n".to_owned(),
            501,
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
    ] {
        let mut stream = TcpStream::connect(shop.process.address("frontend")).unwrap();
        stream.set_read_timeout(Some(testing::WAIT_TIMEOUT)).unwrap();
        stream.write_all(message.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        for (path, method, operation) in document.operations() {
            assert!(
                operation["responses"][status.to_string()].is_object(),
                "{method} {path} {status}"
            );
        }
    }
}
