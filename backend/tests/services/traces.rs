//! Traces: a purchase through three processes, received by an OTLP collector, and purchases that share a batch.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use testing::{Process, eventually};

use crate::bookstored::{ANY_PORT, command};
use crate::client::Client;
use crate::fixture::StoreFixture;

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN: &str = "b7ad6b7169203331";

/// A span, and the service that recorded it.
type Recorded = (String, Span);

/// An OTLP collector over HTTP that keeps all received spans.
#[derive(Debug, Clone)]
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Recorded>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::<Mutex<Vec<Recorded>>>::default();
        let received = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let received = Arc::clone(&received);
                std::thread::spawn(move || receive(stream.unwrap(), &received));
            }
        });
        Self { url, spans }
    }

    fn of_trace(&self, trace: &str) -> Vec<Recorded> {
        let spans = self.spans.lock().unwrap();
        let of_trace = spans.iter().filter(|(_, span)| hex(&span.trace_id) == trace);
        of_trace.cloned().collect()
    }
}

/// Answers the requests of one connection.
fn receive(mut stream: TcpStream, spans: &Mutex<Vec<Recorded>>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).unwrap_or(0) == 1 {
        head.extend_from_slice(&byte);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut head)).unwrap().to_lowercase();
        assert!(text.starts_with("post /v1/traces "), "{text}");
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        spans.lock().unwrap().extend(spans_of(&body));
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n");
    }
}

fn spans_of(body: &[u8]) -> Vec<Recorded> {
    let export = ExportTraceServiceRequest::decode(body).unwrap();
    let mut spans = Vec::new();
    for resource in export.resource_spans {
        let attributes = resource.resource.unwrap().attributes;
        let service = attributes
            .iter()
            .find(|attribute| attribute.key == "service.name")
            .unwrap();
        let Some(Value::StringValue(service)) = service.value.clone().unwrap().value else {
            panic!("{service:?}");
        };
        let of_service = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(of_service.map(|span| (service.clone(), span)));
    }
    spans
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn start(collector: &Collector, arguments: &[&str]) -> Process {
    let mut command = command(arguments);
    command
        .env("BOOKSTORE_OTLP_ENDPOINT", &collector.url)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .stderr(Stdio::null());
    Process::start(&mut command, 1).unwrap()
}

/// Three processes, each with its traces sent to the collector.
fn start_each(collector: &Collector, store: &StoreFixture) -> [Process; 3] {
    let catalog = start(collector, &["catalog", "--store", &store.url, "--listen", ANY_PORT]);
    let catalog_url = catalog.url("catalog");
    let order = start(
        collector,
        &["order", "--listen", ANY_PORT, "--catalog-url", catalog_url],
    );
    let urls = ["--catalog-url", catalog_url, "--order-url", order.url("order")];
    let frontend = start(collector, &[&["frontend", "--listen", ANY_PORT], &urls[..]].concat());
    frontend.wait_until_ready("frontend");
    [catalog, order, frontend]
}

#[tokio::test]
async fn one_purchase_is_one_trace_through_three_services() {
    let (collector, store) = (Collector::start(), StoreFixture::csv());
    let [_catalog, _order, frontend] = start_each(&collector, &store);
    let traceparent = format!("00-{TRACE_ID}-{CLIENT_SPAN}-01");
    let client = Client::of(&frontend, "frontend");
    let reply = client
        .send("POST", "/buy", &[("traceparent", &traceparent)], r#"{"item":1}"#)
        .await;
    assert_eq!(reply.summary(), "200");
    let timing = reply.header("server-timing").unwrap();
    assert!(timing.starts_with("order;dur="), "{timing}");
    let spans = eventually("all spans are received", || async {
        let spans = collector.of_trace(TRACE_ID);
        (spans.len() >= 6).then_some(spans)
    });
    let spans = spans.await;
    // From the client's request inwards: each span is the child of the one before.
    let mut parent = CLIENT_SPAN.to_owned();
    for (service, name) in [
        ("frontend", "POST /buy"),
        ("frontend", "batch of orders"),
        ("order", "POST /orders"),
        ("order", "batch of sales"),
        ("catalog", "POST /sales"),
        ("catalog", "append"),
    ] {
        let found = spans.iter().find(|(_, span)| hex(&span.parent_span_id) == parent);
        let (recorded_by, span) = found.unwrap_or_else(|| panic!("{name} is missing: {spans:?}"));
        assert_eq!((&**recorded_by, &*span.name), (&*format!("bookstore-{service}"), name));
        parent = hex(&span.span_id);
    }
    assert_eq!(spans.len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_several_purchases_links_to_all_of_them() {
    let (collector, store) = (Collector::start(), StoreFixture::csv());
    let [_catalog, _order, frontend] = start_each(&collector, &store);
    let client = Client::of(&frontend, "frontend");
    let linked = eventually("purchases share a batch", || async {
        let purchases = (0..32).map(|_| client.buy(2, 1, None));
        for reply in futures::future::join_all(purchases).await {
            assert!(matches!(reply.status, 200 | 409));
        }
        let spans = collector.spans.lock().unwrap();
        let batch = spans
            .iter()
            .find(|(_, span)| span.name == "batch of orders" && span.links.len() > 1);
        batch.map(|(_, span)| span.clone())
    });
    let linked = linked.await;
    let traces = BTreeSet::from_iter(linked.links.iter().map(|link| hex(&link.trace_id)));
    assert_eq!(traces.len(), linked.links.len(), "each purchase has a trace of its own");
    assert!(
        traces.contains(&hex(&linked.trace_id)),
        "the batch belongs to the trace of the first purchase"
    );
    eventually("the purchases are received", || async {
        let is_purchase = |trace: &String| {
            collector
                .of_trace(trace)
                .iter()
                .any(|(_, span)| span.name == "POST /buy")
        };
        traces.iter().all(is_purchase).then_some(())
    })
    .await;
}
