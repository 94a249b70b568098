//! The header fields that a service propagates: request id, trace, and the number of services passed.

use std::sync::mpsc;
use std::time::Instant;

use testing::WAIT_TIMEOUT;

use crate::bookstored::{ANY_PORT, start};
use crate::client::Client;
use crate::fake::{response, start_fake};
use crate::fixture::start_shop;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn every_answer_has_an_id_and_forbids_content_sniffing() {
    let (shop, _) = start_shop();
    for service in ["frontend", "catalog", "order"] {
        let client = Client::of(&shop.process, service);
        for (method, path) in [
            ("GET", "/livez"),
            ("GET", "/nothing"),
            ("DELETE", "/livez"),
            ("HEAD", "/metrics"),
        ] {
            let first = client.send(method, path, &[], "").await;
            let second = client.send(method, path, &[], "").await;
            assert_eq!(
                first.header("x-content-type-options"),
                Some("nosniff"),
                "{service}: {path}"
            );
            assert!(first.header("x-request-id").is_some(), "{service}: {path}");
            assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
            let given = client.send(method, path, &[("x-request-id", "mine-1")], "").await;
            assert_eq!(given.header("x-request-id"), Some("mine-1"), "{service}: {path}");
        }
        let long = "x".repeat(129);
        for invalid in ["", "a b", &long] {
            let reply = client.send("GET", "/livez", &[("x-request-id", invalid)], "").await;
            assert_ne!(reply.header("x-request-id"), Some(invalid));
        }
    }
}

#[tokio::test]
async fn a_request_through_more_than_three_services_is_a_loop() {
    let (shop, _) = start_shop();
    for service in ["frontend", "catalog", "order"] {
        let client = Client::of(&shop.process, service);
        for (hops, expected) in [
            ("0", "200"),
            ("3", "200"),
            ("4", "508 loop-detected"),
            ("x", "400 invalid-request"),
        ] {
            let reply = client.send("GET", "/livez", &[("bookstore-hops", hops)], "").await;
            assert_eq!(reply.summary(), expected, "{service}: {hops}");
        }
    }
}

#[tokio::test]
async fn calls_to_other_services_carry_the_id_the_trace_and_the_number_of_services() {
    let (url, heads) = start_recorder();
    let frontend = start(&[
        "frontend",
        "--listen",
        ANY_PORT,
        "--catalog-url",
        &url,
        "--order-url",
        &url,
    ]);
    let client = Client::of(&frontend, "frontend");
    let fields = [
        ("x-request-id", "mine-2"),
        ("traceparent", TRACE),
        ("bookstore-hops", "1"),
    ];
    let reply = client.send("GET", "/search?item=1", &fields, "").await;
    assert_eq!(reply.summary(), "503 unavailable");
    let start = Instant::now();
    let received = |target: &str| loop {
        let head = heads.recv_timeout(WAIT_TIMEOUT.saturating_sub(start.elapsed()));
        let head = head.unwrap_or_else(|_| panic!("no request {target}"));
        if head.starts_with(target) {
            return head;
        }
    };
    let lookup = received("GET /lookup/1 ");
    for field in [
        "x-request-id: mine-2",
        &format!("traceparent: {TRACE}"),
        "bookstore-hops: 2",
    ] {
        assert!(
            lookup.contains(&format!("\r\n{field}\r\n")),
            "{field} is not in {lookup}"
        );
    }
    let bought = client.send("POST", "/buy", &fields, r#"{"item":1}"#).await;
    assert_eq!(bought.summary(), "504 deadline-exceeded");
    let batch = received("POST /orders ");
    // The count restarts with a batch, because its purchases may have passed different numbers of services.
    for field in [
        "x-request-id: mine-2",
        &format!("traceparent: {TRACE}"),
        "bookstore-hops: 1",
    ] {
        assert!(batch.contains(&format!("\r\n{field}\r\n")), "{field} is not in {batch}");
    }
    let own = received("GET /ledger?");
    assert!(own.contains("\r\nbookstore-hops: 1\r\n"), "{own}");
}

/// A service that refuses every request and reports its head.
fn start_recorder() -> (String, mpsc::Receiver<String>) {
    let (sender, heads) = mpsc::channel();
    let url = start_fake(move |head| {
        let _ = sender.send(head.to_owned());
        response(503, "text/plain", "")
    });
    (url, heads)
}
