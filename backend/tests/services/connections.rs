//! Misbehaving connections must not exhaust memory or descriptors, and must not cause a lost purchase.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testing::{Process, eventually, proc};

use crate::bookstored::{all_arguments, start_with_limit};
use crate::client::{Client, key, try_send};
use crate::fixture::{StoreFixture, start_shop};

/// A write without progress for this long is blocked.
const STALLED: Duration = Duration::from_secs(1);
/// A number of bytes that exceeds the buffers of both ends of a connection.
const PIPELINED_BYTES: usize = 32 * 1024 * 1024;
/// The memory that a client which reads no responses may cost the server, in KiB.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

fn connect(shop: &Process, service: &str) -> TcpStream {
    TcpStream::connect(shop.address(service)).unwrap()
}

/// Sends bytes and reads until the server closes.
fn exchange(shop: &Process, service: &str, request: &str) -> String {
    let mut stream = connect(shop, service);
    stream.write_all(request.as_bytes()).unwrap();
    read_to_end(stream)
}

/// Sends bytes, closes the client's side, and reads until the server closes.
fn exchange_and_close(shop: &Process, service: &str, request: &str) -> String {
    let mut stream = connect(shop, service);
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_to_end(stream)
}

fn read_to_end(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn a_service_stops_reading_from_a_client_that_reads_no_answers() {
    let shop = start_shop().0;
    let process = &shop.process;
    let before = proc::resident_kib(process.id());
    let mut stream = connect(process, "frontend");
    stream.set_write_timeout(Some(STALLED)).unwrap();
    let requests = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000);
    let mut sent = 0;
    while sent < PIPELINED_BYTES {
        match stream.write(requests.as_bytes()) {
            Ok(written) => sent += written,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("after {sent} bytes: {error}"),
        }
        let grown = proc::resident_kib(process.id()).saturating_sub(before);
        assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more after {sent} bytes");
    }
    assert!(sent < PIPELINED_BYTES, "the server read {sent} bytes of requests");
}

#[tokio::test]
async fn a_purchase_before_a_malformed_request_gets_its_answer() {
    let (shop, client) = start_shop();
    let body = r#"{"item":1}"#;
    let (length, key) = (body.len(), key());
    let purchase = format!(
        "POST /buy HTTP/1.1\r\nhost: localhost\r\nidempotency-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let answers = exchange(&shop.process, "frontend", &format!("{purchase}\0garbage\r\n\r\n"));
    assert!(answers.starts_with("HTTP/1.1 200 OK"), "{answers}");
    assert!(answers.contains(&key) && answers.contains("HTTP/1.1 400"), "{answers}");
    assert_eq!(client.stock(1).await, 399);
}

#[test]
fn a_malformed_message_gets_an_error_status_after_the_answers_to_earlier_requests() {
    let (shop, _) = start_shop();
    let earlier = "GET /topics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let long_target = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(70_000));
    let long_field = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\na: {}\r\n\r\n",
        "x".repeat(300_000)
    );
    let many_fields = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(150));
    let purchase =
        |field: &str| format!("POST /buy HTTP/1.1\r\nhost: localhost\r\n{field}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
    for (message, status) in [
        ("\0garbage\r\n\r\n", 400),
        ("GET /livez HTTP/1.1\r\n\r\n", 400),
        ("GET /livez HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n", 400),
        ("GET /livez HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
        ("GET /livez HTTP/1.1\r\nhost:\r\n\r\n", 400),
        ("GET /livez HTTP/9.9\r\nhost: localhost\r\n\r\n", 400),
        (&purchase("transfer-encoding: gzip"), 400),
        (&purchase("content-length: 1\r\ncontent-length: 2"), 400),
        (&purchase("transfer-encoding: chunked\r\ncontent-encoding: gzip"), 415),
        (&purchase("transfer-encoding: gzip, chunked"), 501),
        (&purchase("transfer-encoding: gzip\r\ntransfer-encoding: chunked"), 501),
        (&long_target, 414),
        (&long_field, 431),
        (&many_fields, 431),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ] {
        let start = message.get(..40).unwrap_or(message);
        for before in ["", earlier] {
            let answers = match status {
                // The message is valid: the connection stays open for the next request.
                415 => exchange_and_close(&shop.process, "frontend", &format!("{before}{message}")),
                _ => exchange(&shop.process, "frontend", &format!("{before}{message}")),
            };
            let (first, last) = answers.split_at(answers.rfind("HTTP/1.1 ").unwrap_or_default());
            assert!(
                last.starts_with(&format!("HTTP/1.1 {status} ")),
                "{start:?}: {answers:?}"
            );
            assert_eq!(
                status == 415,
                !last.contains("connection: close"),
                "{start:?}: {answers:?}"
            );
            assert_eq!(
                first.starts_with("HTTP/1.1 200 OK"),
                !before.is_empty(),
                "{start:?}: {answers:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_closes_its_side_first_gets_its_answer() {
    let (shop, client) = start_shop();
    let head = "POST /buy HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n";
    for (message, status) in [
        (format!(r#"{head}{{"item":1}}"#), 200),
        (format!(r#"{head}{{"ite"#), 400),
        (head.get(..20).unwrap().to_owned(), 400),
    ] {
        let answer = exchange_and_close(&shop.process, "frontend", &message);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{message:?}: {answer:?}"
        );
    }
    assert_eq!(client.stock(1).await, 399);
}

#[test]
fn connect_is_refused_by_every_service() {
    let (shop, _) = start_shop();
    let request = "CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\nconnection: close\r\n\r\n";
    for service in ["frontend", "catalog", "order"] {
        let answer = exchange(&shop.process, service, request);
        assert!(answer.starts_with("HTTP/1.1 405"), "{service}: {answer:?}");
        assert!(answer.contains("GET, HEAD, "), "{service}: {answer}");
        assert!(answer.contains(r#""code":"method-not-allowed""#), "{service}: {answer}");
    }
}

#[tokio::test]
async fn events_pass_through_a_buffering_proxy() {
    let (_shop, client) = start_shop();
    let response = client.request("GET", "/events").send().await.unwrap();
    assert_eq!(response.headers()["x-accel-buffering"], "no");
}

#[tokio::test]
async fn a_low_soft_limit_of_descriptors_is_raised() {
    let store = StoreFixture::csv();
    let shop = start_with_limit("ulimit -Sn 256", &all_arguments(&store.url));
    let idle: Vec<_> = (0..300).map(|_| connect(&shop, "frontend")).collect();
    assert_eq!(Client::of(&shop, "frontend").buy(1, 1, None).await.status, 200);
    drop(idle);
}

#[tokio::test]
async fn idle_connections_beyond_the_limit_do_not_delay_purchases() {
    let store = StoreFixture::csv();
    let shop = start_with_limit("ulimit -n 1024", &all_arguments(&store.url));
    // Every second connection has sent part of a request.
    let mut idle: Vec<_> = (0..925).map(|_| connect(&shop, "frontend")).collect();
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(b"POST /buy HTT").unwrap();
    }
    let purchases = (0..50).map(async |_| Client::of(&shop, "frontend").buy(1, 1, None).await.status);
    assert_eq!(futures::future::join_all(purchases).await, [200; 50]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_connections_beyond_the_limit_take_turns() {
    let store = StoreFixture::csv();
    let shop = start_with_limit("ulimit -n 256", &all_arguments(&store.url));
    let clients: Vec<_> = (0..40).map(|_| Client::of(&shop, "frontend")).collect();
    let served = AtomicUsize::new(0);
    let shoppers = clients.iter().map(async |client| {
        let key = key();
        let purchase = || {
            let request = client.request("POST", "/buy").header("idempotency-key", &key);
            try_send(request.body(r#"{"item":1}"#))
        };
        let answer = eventually("the purchase is answered", || async { purchase().await.ok() }).await;
        assert_eq!(answer.status, 200);
        served.fetch_add(1, Ordering::Relaxed);
        while served.load(Ordering::Relaxed) < clients.len() {
            // The service may close the connection at this moment.
            let _ = try_send(client.request("GET", "/topics")).await;
        }
    });
    futures::future::join_all(shoppers).await;
    assert_eq!(clients[0].stock(1).await, 360);
}

#[tokio::test]
async fn idle_connections_never_take_the_descriptors_of_the_store() {
    for engine in ["csv:", "sqlite:"] {
        let store = StoreFixture::csv();
        let url = store.url.replace("csv:", engine);
        let mut shop = start_with_limit("ulimit -n 256", &all_arguments(&url));
        let services = ["frontend", "catalog", "order"].into_iter().cycle().take(600);
        let idle: Vec<_> = services.map(|service| connect(&shop, service)).collect();
        let client = Client::of(&shop, "frontend");
        assert_eq!(client.buy(1, 1, None).await.status, 200, "{engine}");
        drop((idle, client));
        assert!(shop.is_running());
        assert!(shop.stop().success(), "{engine}");
    }
}
