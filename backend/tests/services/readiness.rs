//! `/livez` and `/readyz`: the state of a service, and its missing dependencies.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::{StoreId, Timestamp};
use serde_json::Value;
use testing::{ReservedAddress, eventually};

use crate::bookstored::{ANY_PORT, assert_contains, assert_wrong_usage, run, start, start_each};
use crate::client::{Client, Reply};
use crate::fake::{response, start_fake};
use crate::fixture::{StoreFixture, start_shop};

/// Number of requests to one service, and the limit on the descriptors that they may add.
const REQUESTS: usize = 20;
const DESCRIPTORS_MAX: usize = 8;

async fn wait_until_ready(client: &Client) -> Value {
    let ready = eventually("the service is ready", || async {
        let reply = client.get("/readyz").await;
        (reply.status == 200).then_some(reply)
    });
    ready.await.json()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[track_caller]
fn assert_not_ready(reply: &Reply, expected: &[&str]) {
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (503, Some("1")),
        "{}",
        reply.body
    );
    let json = reply.json();
    assert_eq!(json["status"], "not-ready");
    let missing = json["missing"].as_array().unwrap();
    assert!(!missing.is_empty());
    assert_contains(&json["missing"].to_string(), expected);
}

#[tokio::test]
async fn each_service_reports_that_it_is_live_and_ready_and_its_store_and_head() {
    let (shop, front_end) = start_shop();
    assert_eq!(front_end.buy(1, 1, None).await.status, 200);
    wait_until_ready(&front_end).await;
    let mut stores = Vec::new();
    for service in ["catalog", "order", "frontend"] {
        let client = Client::of(&shop.process, service);
        let live = client.get("/livez").await.json();
        assert_eq!((&live["status"], &live["service"]), (&"ok".into(), &service.into()));
        assert_eq!(
            (&live["version"], &live["head"]),
            (&env!("CARGO_PKG_VERSION").into(), &5.into())
        );
        let at: Timestamp = live["at"].as_str().unwrap().parse().unwrap();
        assert!(
            (Timestamp::now().as_micros() - at.as_micros()).abs() < 60_000_000,
            "{live}"
        );
        let state = if service == "catalog" { "ok".into() } else { Value::Null };
        assert_eq!(live["state"], state, "{live}");
        stores.push(live["store"].clone());
        let ready = client.get("/readyz").await.json();
        assert_eq!(
            (&ready["status"], &ready["service"]),
            (&"ready".into(), &service.into())
        );
        assert_eq!(
            (&ready["head"], &ready["degraded"]),
            (&5.into(), &Value::Array(Vec::new()))
        );
        assert!(ready["missing"].is_null(), "{ready}");
        let neighbours = ready["neighbours"].as_array().unwrap().iter();
        let neighbours: Vec<_> = neighbours
            .map(|neighbour| (&neighbour["service"], &neighbour["url"]))
            .collect();
        let expected: &[&str] = match service {
            "frontend" => &["catalog", "order"],
            "order" => &["catalog"],
            _ => &[],
        };
        let url = |kind: &&str| (Value::from(*kind), Value::from(shop.process.url(kind)));
        let expected: Vec<_> = expected.iter().map(url).collect();
        let expected: Vec<_> = expected.iter().map(|(kind, url)| (kind, url)).collect();
        assert_eq!(neighbours, expected);
    }
    assert!(
        stores[0].is_string() && stores[1] == stores[0] && stores[2] == stores[0],
        "{stores:?}"
    );
}

#[tokio::test]
async fn a_service_without_its_dependencies_is_live_and_reports_no_store() {
    let nothing = ReservedAddress::new().unwrap().url();
    for service in ["order", "frontend"] {
        let urls: &[&str] = match service {
            "order" => &["--catalog-url", &nothing],
            _ => &["--catalog-url", &nothing, "--order-url", &nothing],
        };
        let process = start(&[&[service, "--listen", ANY_PORT], urls].concat());
        let client = Client::of(&process, service);
        let live = client.get("/livez").await.json();
        assert_eq!(
            names(&live),
            ["at", "requests", "service", "status", "uptime_s", "version"],
            "{live}"
        );
        let ready = client.get("/readyz").await;
        assert_not_ready(&ready, &["catalog at http://127.0.0.1", "cannot be reached"]);
        assert_eq!(ready.header("content-type"), Some("application/json"));
    }
}

/// A service that a configured address may point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Catalog,
    Order,
    Frontend,
}

const TARGETS: [Target; 3] = [Target::Catalog, Target::Order, Target::Frontend];

#[tokio::test(flavor = "multi_thread")]
async fn of_all_wirings_of_three_services_only_the_correct_one_is_ready_and_none_leaks_descriptors() {
    let store = StoreFixture::csv();
    let catalog = start(&["catalog", "--store", &store.url, "--listen", ANY_PORT]);
    for order_catalog in TARGETS {
        for frontend_catalog in TARGETS {
            for frontend_order in TARGETS {
                let wiring = (order_catalog, frontend_catalog, frontend_order);
                let (order, frontend) = (ReservedAddress::new().unwrap(), ReservedAddress::new().unwrap());
                let url = |target| match target {
                    Target::Catalog => catalog.url("catalog").to_owned(),
                    Target::Order => order.url(),
                    Target::Frontend => frontend.url(),
                };
                let (order_listen, frontend_listen) = (order.to_string(), frontend.to_string());
                let catalog_url = url(order_catalog);
                let order_process = start(&["order", "--listen", &order_listen, "--catalog-url", &catalog_url]);
                let urls = [url(frontend_catalog), url(frontend_order)];
                let urls = ["--catalog-url", &urls[0], "--order-url", &urls[1]];
                let frontend_process = start(&[&["frontend", "--listen", &frontend_listen], &urls[..]].concat());
                let is_order_right = order_catalog == Target::Catalog;
                let is_right = wiring == (Target::Catalog, Target::Catalog, Target::Order);
                for (process, service, is_right) in [
                    (&order_process, "order", is_order_right),
                    (&frontend_process, "frontend", is_right),
                ] {
                    let client = Client::of(process, service);
                    if is_right {
                        wait_until_ready(&client).await;
                    }
                    let before = descriptors(process.id());
                    for _ in 0..REQUESTS {
                        let status = client.get("/readyz").await.status;
                        assert_eq!(status == 200, is_right, "{service}: {wiring:?}");
                    }
                    let after = descriptors(process.id());
                    assert!(
                        after < before + DESCRIPTORS_MAX,
                        "{service}: {wiring:?}: {before}, then {after}"
                    );
                }
            }
        }
    }
}

fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

#[tokio::test]
async fn a_front_end_whose_order_service_sells_from_another_store_is_not_ready() {
    let (one, other) = (StoreFixture::csv(), StoreFixture::csv());
    let (one, other) = (start_each(&one.url, ANY_PORT), start_each(&other.url, ANY_PORT));
    let orders = wait_until_ready(&Client::of(&other.frontend, "frontend")).await;
    let order_url = orders["neighbours"][1]["url"].as_str().unwrap();
    let urls = ["--catalog-url", one.catalog.url("catalog"), "--order-url", order_url];
    let crossed = start(&[&["frontend", "--listen", ANY_PORT], &urls[..]].concat());
    let reply = Client::of(&crossed, "frontend").get("/readyz").await;
    assert_not_ready(&reply, &["order at", "store"]);
}

#[tokio::test]
async fn one_reachable_catalog_of_a_list_suffices() {
    let store = StoreFixture::csv();
    let catalog = start(&["catalog", "--store", &store.url, "--listen", ANY_PORT]);
    let gone = ReservedAddress::new().unwrap();
    let urls = format!("{}, {}", gone.url(), catalog.url("catalog"));
    let order = start(&["order", "--listen", ANY_PORT, "--catalog-url", &urls]);
    let client = Client::of(&order, "order");
    let ready = wait_until_ready(&client).await;
    assert_eq!(ready["neighbours"][0]["url"], catalog.url("catalog"));
    assert_contains(&ready["degraded"].to_string(), &[&gone.url(), "cannot be reached"]);
    drop(catalog);
    assert_not_ready(&client.get("/readyz").await, &[&gone.url()]);
}

/// A live service whose clock is `ahead_us` microseconds ahead of this machine's.
fn start_clock(service: &'static str, store: StoreId, ahead_us: Arc<AtomicI64>) -> String {
    start_fake(move |head| {
        if !head.starts_with("GET /livez ") {
            return response(503, "text/plain", "");
        }
        let at = Timestamp::from_micros(Timestamp::now().as_micros() + ahead_us.load(Ordering::Relaxed));
        let body = format!(
            r#"{{"status":"ok","service":"{service}","version":"0.2.0","at":"{at}","store":"{store}","head":4}}"#
        );
        response(200, "application/json", &body)
    })
}

#[tokio::test]
async fn a_service_whose_clock_is_an_hour_off_is_missing_until_its_clock_is_set() {
    let (ahead_us, store) = (Arc::new(AtomicI64::new(0)), StoreId::generate());
    let catalog_url = start_clock("catalog", store, Arc::clone(&ahead_us));
    let order_url = start_clock("order", store, Arc::default());
    for (service, urls) in [
        ("order", &["--catalog-url", &*catalog_url][..]),
        ("frontend", &["--catalog-url", &catalog_url, "--order-url", &order_url]),
    ] {
        let process = start(&[&[service, "--listen", ANY_PORT], urls].concat());
        let client = Client::of(&process, service);
        wait_until_ready(&client).await;
        ahead_us.store(-3_600_000_000, Ordering::Relaxed);
        let reply = eventually("the wrong clock is detected", || async {
            let reply = client.get("/readyz").await;
            (reply.status == 503).then_some(reply)
        });
        assert_not_ready(&reply.await, &["catalog at", "clock is 36", "behind"]);
        ahead_us.store(0, Ordering::Relaxed);
        wait_until_ready(&client).await;
    }
}

#[tokio::test]
async fn user_information_in_the_url_of_a_dependency_is_never_shown() {
    let store = StoreFixture::csv();
    let catalog = start(&["catalog", "--store", &store.url, "--listen", ANY_PORT]);
    let url = format!("http://someone:hidden@{}", catalog.address("catalog"));
    let order = start(&["order", "--listen", ANY_PORT, "--catalog-url", &url]);
    let client = Client::of(&order, "order");
    wait_until_ready(&client).await;
    let ready = client.get("/readyz").await;
    drop(catalog);
    let not_ready = client.get("/readyz").await;
    assert_eq!(not_ready.status, 503);
    let (_, _, message) = run(&["order", "--listen", ANY_PORT, "--catalog-url", &format!("{url}/path")]);
    for text in [&ready.body, &not_ready.body, &message] {
        assert_contains(text, &["127.0.0.1"]);
        assert!(!text.contains("someone") && !text.contains("hidden"), "{text}");
    }
}

#[test]
fn an_address_that_can_never_work_is_wrong_usage() {
    for url in [
        "",
        "nonsense",
        "ftp://127.0.0.1:8081",
        "unix:/run/catalog",
        "http://127.0.0.1:8081/shop",
        "http://127.0.0.1:8081?x=1",
        "http://127.0.0.1:8081#x",
        "http://127.0.0.1:8081,",
        "http://127.0.0.1:8081,,http://127.0.0.1:9081",
    ] {
        assert_wrong_usage(&["order", "--listen", ANY_PORT, "--catalog-url", url]);
        assert_wrong_usage(&["frontend", "--listen", ANY_PORT, "--order-url", url]);
    }
}
