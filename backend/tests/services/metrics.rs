//! The metrics that `GET /metrics` exports.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use testing::{Process, eventually, skip_or_fail};

use crate::bookstored::{ANY_PORT, Services, start_each};
use crate::client::Client;
use crate::fixture::{StoreFixture, start_shop};

/// The samples of one service: name and labels, and the value.
type Samples = BTreeMap<String, f64>;

pub(crate) async fn scrape(client: &Client) -> String {
    let reply = client.get("/metrics").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    reply.body
}

fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    let samples = Vec::from_iter(lines.map(sample));
    let by_name = Samples::from_iter(samples.iter().cloned());
    assert_eq!(by_name.len(), samples.len(), "a sample is exported twice");
    by_name
}

/// The names of the families of a document.
pub(crate) fn families(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// Asserts that `promtool` accepts a document and its names. Skipped if `promtool` is missing and may be skipped.
fn check_by_promtool(text: &str) {
    let command = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = command else {
        return skip_or_fail("promtool", "install it (Debian: `apt-get install prometheus`)");
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let found = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success() && found.is_empty(),
        "{}",
        String::from_utf8_lossy(&found)
    );
}

/// The metrics of catalog, order service and front-end of one shop after a few requests.
async fn scrape_each(catalog: &Process, order: &Process, frontend: &Process) -> [String; 3] {
    let client = Client::of(frontend, "frontend");
    for (item, quantity) in [(1, 1), (1, 2), (999, 1)] {
        client.buy(item, quantity, None).await;
    }
    for path in ["/search?item=1", "/search?item=1", "/topics", "/no/such/path"] {
        client.get(path).await;
    }
    let client = Client::of(catalog, "catalog");
    let catalog = scrape(&client).await;
    assert_eq!(client.send("PATCH", "/topics", &[], "").await.status, 405);
    [
        catalog,
        scrape(&Client::of(order, "order")).await,
        scrape(&Client::of(frontend, "frontend")).await,
    ]
}

fn assert_exported(texts: &[String; 3]) {
    let [catalog, _, frontend] = texts.each_ref().map(|text| samples(text));
    for (name, value) in [
        (r#"bookstore_sales_total{service="catalog"}"#, 2.0),
        (r#"bookstore_copies_sold_total{service="catalog"}"#, 3.0),
        (r#"bookstore_revenue_total{service="catalog"}"#, 90.0),
        (
            r#"bookstore_refusals_total{service="catalog",reason="unknown-item"}"#,
            1.0,
        ),
        (r#"bookstore_refusals_total{service="catalog",reason="sold-out"}"#, 0.0),
        (r#"bookstore_store_state{service="catalog",state="ok"}"#, 1.0),
        (r#"bookstore_store_state{service="catalog",state="full"}"#, 0.0),
        (r#"bookstore_ledger_head{service="catalog"}"#, 6.0),
        (r#"bookstore_books{service="catalog"}"#, 4.0),
        (r#"bookstore_batch_queue_depth{service="catalog",queue="ledger"}"#, 0.0),
    ] {
        assert_eq!(catalog.get(name), Some(&value), "{name}");
    }
    for (name, value) in [
        (
            r#"bookstore_http_requests_total{service="frontend",route="POST /buy",status="200"}"#,
            2.0,
        ),
        (
            r#"bookstore_http_requests_total{service="frontend",route="POST /buy",status="404"}"#,
            1.0,
        ),
        (
            r#"bookstore_http_requests_total{service="frontend",route="unmatched",status="404"}"#,
            1.0,
        ),
        (r#"bookstore_feed_connected{service="frontend"}"#, 1.0),
        (r#"bookstore_feed_lag_entries{service="frontend"}"#, 0.0),
    ] {
        assert_eq!(frontend.get(name), Some(&value), "{name}");
    }
    assert!(frontend[r#"bookstore_cache_requests_total{service="frontend",result="hit"}"#] >= 1.0);
    let appends = catalog[r#"bookstore_store_append_duration_seconds_count{service="catalog"}"#];
    assert!((1.0..=3.0).contains(&appends), "{appends}");
    for (text, service) in texts.iter().zip(["catalog", "order", "frontend"]) {
        check_by_promtool(text);
        let others = text.lines().filter(|line| line.starts_with("bookstore_"));
        let own = format!("{{service=\"{service}\"");
        assert!(
            others.clone().count() > 20 && others.clone().all(|line| line.contains(&own)),
            "{text}"
        );
        let samples = samples(text);
        for name in [
            "process_cpu_seconds_total",
            "process_open_fds",
            "process_start_time_seconds",
        ] {
            assert!(samples[name] > 0.0, "{service}: {name}");
        }
        let build = samples
            .iter()
            .find(|(name, _)| name.starts_with("bookstore_build_info"));
        assert_eq!(build.map(|(_, value)| *value), Some(1.0));
    }
    for text in &texts[1..] {
        let skew = samples(text)
            .into_iter()
            .find(|(name, _)| name.contains("clock_skew_seconds") && name.contains("catalog"));
        assert!(skew.is_some_and(|(_, seconds)| seconds.abs() < 1.0), "{text}");
    }
}

#[tokio::test]
async fn each_port_of_one_process_exports_its_own_service() {
    let (shop, client) = start_shop();
    wait_until_observed(&client).await;
    let process = &shop.process;
    let texts = scrape_each(process, process, process).await;
    assert_exported(&texts);
    let order = samples(&texts[1]);
    assert_eq!(
        order[r#"bookstore_http_requests_total{service="order",route="local",status="200"}"#],
        3.0
    );
}

#[tokio::test]
async fn three_processes_export_the_batches_between_them() {
    let store = StoreFixture::csv();
    let Services {
        catalog,
        order,
        frontend,
    } = start_each(&store.url, ANY_PORT);
    wait_until_observed(&Client::of(&frontend, "frontend")).await;
    let texts = scrape_each(&catalog, &order, &frontend).await;
    assert_exported(&texts);
    for (text, service, queue) in [(&texts[2], "frontend", "orders"), (&texts[1], "order", "sales")] {
        let samples = samples(text);
        let count = |name| samples[&format!("bookstore_batch_{name}_count{{service=\"{service}\",queue=\"{queue}\"}}")];
        assert_eq!(
            ["lines", "wait_seconds", "duration_seconds"].map(count),
            [3.0; 3],
            "{service}"
        );
    }
}

/// Waits until the front-end has probed its dependencies and follows the feed.
async fn wait_until_observed(frontend: &Client) {
    eventually("the dependencies are probed and the feed is connected", || async {
        let text = frontend.get("/metrics").await.body;
        let is_observed =
            text.contains("neighbour=\"order\"") && text.contains("bookstore_feed_connected{service=\"frontend\"} 1");
        is_observed.then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_documented_metrics_are_the_exported_metrics() {
    let (shop, _) = start_shop();
    let mut exported = BTreeSet::new();
    for service in ["catalog", "order", "frontend"] {
        exported.extend(families(&scrape(&Client::of(&shop.process, service)).await));
    }
    exported.retain(|name| name.starts_with("bookstore_"));
    let document = include_str!("../../../docs/MONITORING.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `bookstore_"));
    let listed = rows.map(|row| format!("bookstore_{}", row.split('`').next().unwrap()));
    assert_eq!(BTreeSet::from_iter(listed), exported);
}
