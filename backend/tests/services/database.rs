//! A catalog whose database is unreachable, read-only, or without its standby.

use std::time::Duration;

use testing::postgres::Server;
use testing::{Process, eventually};

use crate::bookstored::{ANY_PORT, all_arguments, assert_contains, start, start_each, start_with_limit};
use crate::client::{Client, key};
use crate::fixture::StoreFixture;

pub(crate) const NO_CACHE: [(&str, &str); 1] = [("cache-control", "no-cache")];

pub(crate) fn fixture() -> Option<(StoreFixture, std::sync::Arc<Server>)> {
    let fixture = StoreFixture::postgres_on_own_server()?;
    let server = fixture.server.clone().unwrap();
    Some((fixture, server))
}

fn start_catalog(store: &str) -> Process {
    start(&["catalog", "--store", store, "--listen", ANY_PORT])
}

pub(crate) async fn wait_until_ready(client: &Client) {
    eventually("the service is ready", || async {
        (client.get("/readyz").await.status == 200).then_some(())
    })
    .await;
}

/// Waits until the service is not ready, and returns the body of `/readyz`.
async fn not_ready(client: &Client) -> String {
    eventually("the service is not ready", || async {
        let reply = client.get("/readyz").await;
        (reply.status == 503).then_some(reply.body)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalog_listens_before_its_database_runs_and_opens_it_later() {
    let Some((fixture, server)) = fixture() else { return };
    server.quit();
    let shop = start(&all_arguments(&fixture.url));
    let (catalog, client) = (Client::of(&shop, "catalog"), Client::of(&shop, "frontend"));
    assert_contains(
        &not_ready(&catalog).await,
        &["database cannot be reached", "No such file"],
    );
    let read = catalog.get("/topics").await;
    assert_eq!(read.summary(), "503 unavailable");
    assert_contains(&read.body, &["database cannot be reached", "No such file"]);
    assert!(read.header("retry-after").is_some());
    assert_eq!(client.buy(1, 1, None).await.summary(), "503 unavailable");
    server.restart(&[]);
    wait_until_ready(&catalog).await;
    eventually("the shop sells", || async {
        (client.buy(1, 1, None).await.status == 200).then_some(())
    })
    .await;
    assert!(shop.stop().success());
}

#[tokio::test]
async fn a_catalog_whose_database_never_runs_stops_at_once() {
    let Some((fixture, server)) = fixture() else { return };
    server.quit();
    let catalog = start_catalog(&fixture.url);
    let started = std::time::Instant::now();
    assert!(catalog.stop().success());
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_database_is_reported_to_clients_and_logged_once() {
    let Some((fixture, server)) = fixture() else { return };
    let log = fixture.path("log");
    let redirect = format!("exec 2>{}", log.display());
    let process = start_with_limit(&redirect, &all_arguments(&fixture.url));
    let (catalog, frontend) = (Client::of(&process, "catalog"), Client::of(&process, "frontend"));
    wait_until_ready(&frontend).await;
    server.quit();
    for _ in 0..10 {
        let read = catalog.send("GET", "/topics", &NO_CACHE, "").await;
        assert_eq!(read.summary(), "503 unavailable");
        assert_contains(&read.body, &["database cannot be reached"]);
    }
    assert_contains(&not_ready(&catalog).await, &["No such file"]);
    // The front-end would also log a fault of the catalog that it detected twice.
    for _ in 0..3 {
        assert_contains(&not_ready(&frontend).await, &["its database does not answer"]);
    }
    server.restart(&[]);
    wait_until_ready(&frontend).await;
    assert!(process.stop().success());
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("WARN") && !line.contains(" sqlx"))
        // This line appears if the fault lasts for more than ten seconds, as on a busy machine.
        .filter(|line| !line.contains("the store is not available, still"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert_contains(lines[0], &["the store is not available", "postgres://shop@"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_is_reported_and_sales_resume_when_it_accepts_writes() {
    let Some((fixture, server)) = fixture() else { return };
    let shop = fixture.start_all();
    let (catalog, client) = (Client::of(&shop, "catalog"), Client::of(&shop, "frontend"));
    wait_until_ready(&client).await;
    let set = |value: &str| {
        server.sql(&format!(
            "BEGIN READ WRITE; ALTER DATABASE postgres SET default_transaction_read_only = {value}; COMMIT"
        ));
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'shop%'");
    };
    set("on");
    assert_eq!(client.buy(1, 1, None).await.summary(), "503 unavailable");
    assert_contains(&not_ready(&catalog).await, &["accepts no writes"]);
    assert_eq!(client.stock(1).await, 400);
    set("off");
    wait_until_ready(&catalog).await;
    assert_eq!(client.buy(1, 1, None).await.status, 200);
}

/// Requires a synchronous standby; while it is missing, a commit is not acknowledged.
fn require_standby(server: &Server, names: &str) {
    server.sql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"));
    server.sql("SELECT pg_reload_conf()");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_waits_for_a_missing_standby_and_is_answered_once_it_is_connected() {
    let Some((fixture, server)) = fixture() else { return };
    let mut shop = fixture.start_all();
    let (catalog, client) = (Client::of(&shop, "catalog"), Client::of(&shop, "frontend"));
    wait_until_ready(&client).await;
    require_standby(&server, "*");
    let key = key();
    assert_eq!(client.buy(1, 1, Some(&key)).await.summary(), "504 deadline-exceeded");
    assert_contains(&not_ready(&catalog).await, &["synchronous standby"]);
    assert_eq!(client.buy(2, 1, None).await.summary(), "503 unavailable");
    assert_eq!(client.stock(1).await, 400, "a read shows a sale that may be lost");
    assert!(shop.is_running());
    require_standby(&server, "");
    wait_until_ready(&catalog).await;
    let sold = client.buy(1, 1, Some(&key)).await;
    assert_eq!((sold.status, sold.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(client.stock(1).await, 399);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_during_which_the_database_fails_is_answered_after_its_restart() {
    let Some((fixture, server)) = fixture() else { return };
    let mut shop = fixture.start_all();
    let (catalog, client) = (Client::of(&shop, "catalog"), Client::of(&shop, "frontend"));
    wait_until_ready(&client).await;
    require_standby(&server, "*");
    let key = key();
    let buying = tokio::spawn({
        let (client, key) = (Client::of(&shop, "frontend"), key.clone());
        async move { client.buy(1, 1, Some(&key)).await.summary() }
    });
    tokio::task::block_in_place(|| {
        server.waiting_commit();
        server.quit();
    });
    assert_eq!(buying.await.unwrap(), "504 deadline-exceeded");
    assert_contains(&not_ready(&catalog).await, &["database cannot be reached"]);
    assert_eq!(client.buy(2, 1, None).await.summary(), "503 unavailable");
    assert!(shop.is_running());
    server.restart(&["synchronous_standby_names="]);
    wait_until_ready(&catalog).await;
    let sold = client.buy(1, 1, Some(&key)).await;
    assert_eq!((sold.status, sold.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(client.buy(2, 1, None).await.status, 200);
    assert_eq!(client.stock(1).await, 399);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_a_missing_standby_and_reports_it() {
    let Some((fixture, server)) = fixture() else { return };
    let shop = fixture.start_all();
    wait_until_ready(&Client::of(&shop, "frontend")).await;
    drop(shop);
    require_standby(&server, "*");
    let shop = start_catalog(&fixture.url);
    let catalog = Client::of(&shop, "catalog");
    eventually("the standby is reported", || async {
        catalog
            .get("/topics")
            .await
            .body
            .contains("no answer within")
            .then_some(())
    })
    .await;
    require_standby(&server, "");
    wait_until_ready(&catalog).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_of_another_catalog_is_visible_once_the_standby_has_it() {
    let Some((fixture, server)) = fixture() else { return };
    let one = start_each(&fixture.url, ANY_PORT);
    one.catalog.wait_until_ready("catalog");
    let other = start_catalog(&fixture.url);
    other.wait_until_ready("catalog");
    let (client, reader, key) = (
        Client::of(&one.frontend, "frontend"),
        Client::of(&other, "catalog"),
        key(),
    );
    wait_until_ready(&client).await;
    require_standby(&server, "*");
    let buying = tokio::spawn({
        let key = key.clone();
        async move { client.buy(1, 1, Some(&key)).await.summary() }
    });
    tokio::task::block_in_place(|| {
        let waiting = server.waiting_commit();
        server.sql(&format!("SELECT pg_cancel_backend({waiting})"));
    });
    // The cancellation takes effect with a delay.
    let stored = format!("SELECT 1 FROM {}.ledger WHERE ord = '{key}'", fixture.schema());
    eventually("the sale is visible in the database", || async {
        (!server.sql(&stored).is_empty()).then_some(())
    })
    .await;
    // The sale is not on the standby: the confirming read waits.
    tokio::task::block_in_place(|| server.waiting_commit());
    let order = format!("/ledger/orders/{key}");
    assert_eq!(reader.get(&order).await.summary(), "503 unavailable");
    assert_eq!(buying.await.unwrap(), "504 deadline-exceeded");
    assert_eq!(reader.get("/lookup/1").await.json()["stock"], 400);
    require_standby(&server, "");
    eventually("the sale is shown", || async {
        (reader.get(&order).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_catalogs_over_one_database_refuse_no_purchase_because_of_each_other() {
    let Some((fixture, _server)) = fixture() else { return };
    let services = [(); 2].map(|()| {
        let services = start_each(&fixture.url, ANY_PORT);
        services.catalog.wait_until_ready("catalog");
        services
    });
    let mut buying = tokio::task::JoinSet::new();
    for services in &services {
        wait_until_ready(&Client::of(&services.frontend, "frontend")).await;
        for item in 1..=4 {
            for _ in 0..4 {
                let client = Client::of(&services.frontend, "frontend");
                buying.spawn(async move {
                    for _ in 0..15 {
                        assert_eq!(client.buy(item, 1, None).await.summary(), "200");
                    }
                });
            }
        }
    }
    while let Some(done) = buying.join_next().await {
        done.unwrap();
    }
    let mut conflicts = 0;
    for services in &services {
        let metrics = Client::of(&services.catalog, "catalog").get("/metrics").await.body;
        let count = metrics
            .lines()
            .find_map(|line| line.strip_prefix("bookstore_conflicts_total{service=\"catalog\"} "));
        conflicts += count.map_or(0, |count| count.parse().unwrap());
    }
    assert!(conflicts > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ready_catalog_reports_that_no_replica_is_synchronous() {
    let Some((fixture, server)) = fixture() else { return };
    let _standby = server.start_standby();
    require_standby(&server, "");
    let process = start_catalog(&fixture.url);
    let catalog = Client::of(&process, "catalog");
    wait_until_ready(&catalog).await;
    let ready = catalog.get("/readyz").await;
    assert_contains(
        &ready.json()["degraded"].to_string(),
        &["store", "synchronous_standby_names"],
    );
    require_standby(&server, "*");
    eventually("sales wait for the standby", || async {
        let ready = catalog.get("/readyz").await.json();
        ready["degraded"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
}
