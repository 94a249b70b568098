//! The log lines of a service while one of its dependencies is unreachable.

use std::path::Path;

use testing::{ReservedAddress, eventually};

use crate::bookstored::{ANY_PORT, start, start_logged};
use crate::client::Client;
use crate::fixture::StoreFixture;

/// Number of failed requests of each kind.
const FAILURES: usize = 1_000;
/// Maximum number of log lines: the begin and the end of the fault, and those of each dependency that fails for a while.
const LINES_MAX: usize = 12;

fn lines(log: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(log).unwrap();
    log.lines().map(str::to_owned).collect()
}

/// Reads the topics and buys a book until [`FAILURES`] of both requests have failed.
async fn fail_repeatedly(client: &Client) {
    let mut failures = 0;
    while failures < FAILURES {
        let (read, bought) = tokio::join!(client.get("/topics"), client.buy(1, 1, None));
        failures += usize::from(read.status == 503 && bought.status == 503);
    }
}

#[tokio::test]
async fn a_stopped_catalog_costs_a_few_log_lines_however_many_requests_fail() {
    let store = StoreFixture::csv();
    let reserved = ReservedAddress::new().unwrap();
    let (address, url) = (reserved.to_string(), reserved.url());
    let catalog = || start(&["catalog", "--store", &store.url, "--listen", &address]);
    let mut running = catalog();
    let logs = ["order", "frontend"].map(|service| store.path(&format!("{service}.log")));
    let order = start_logged(&["order", "--listen", ANY_PORT, "--catalog-url", &url], &logs[0]);
    let urls = ["--catalog-url", &url, "--order-url", order.url("order")];
    let frontend = start_logged(&[&["frontend", "--listen", ANY_PORT], &urls[..]].concat(), &logs[1]);
    let client = Client::of(&frontend, "frontend");
    assert_eq!(client.buy(1, 1, None).await.status, 200);
    running.send_kill();
    drop(running);
    futures::future::join_all((0..8).map(|_| fail_repeatedly(&client))).await;
    let _running = catalog();
    eventually("purchases succeed again", || async {
        (client.buy(1, 1, None).await.status == 200).then_some(())
    })
    .await;
    for log in &logs {
        let ended = format!("over: calls to {url} fail");
        let lines = eventually("the end of the failures is logged", || async {
            let _ = client.get("/search?item=1").await;
            let lines = lines(log);
            lines.iter().any(|line| line.contains(&ended)).then_some(lines)
        })
        .await;
        assert!(lines.len() <= LINES_MAX, "{} lines: {lines:#?}", lines.len());
        let refused = lines.iter().find(|line| line.contains("Connection refused"));
        let refused = refused.unwrap_or_else(|| panic!("no line names the cause: {lines:#?}"));
        assert_eq!(refused.matches("os error").count(), 1, "{refused}");
        assert!(refused.contains(&format!("calls to {url} fail")), "{refused}");
    }
}

#[tokio::test]
async fn a_wrong_dependency_is_logged_when_it_is_detected_and_when_it_is_resolved() {
    let store = StoreFixture::csv();
    let reserved = ReservedAddress::new().unwrap();
    let (address, url) = (reserved.to_string(), reserved.url());
    let wrong = start(&["order", "--listen", &address, "--catalog-url", &url]);
    let log = store.path("order.log");
    let order = start_logged(&["order", "--listen", ANY_PORT, "--catalog-url", &url], &log);
    let what = format!("the catalog service at {url} cannot be used");
    let logged = async |text: &str| {
        eventually("the line is logged", || async {
            let _ = Client::of(&order, "order").get("/readyz").await;
            lines(&log).into_iter().find(|line| line.contains(text))
        })
        .await
    };
    let began = logged(&what).await;
    assert!(
        began.contains("WARN") && began.contains("it is an order service"),
        "{began}"
    );
    assert!(wrong.stop().success());
    let _catalog = start(&["catalog", "--store", &store.url, "--listen", &address]);
    let over = logged(&format!("over: {what}")).await;
    assert!(over.contains("INFO") && over.contains("after="), "{over}");
    let lines = lines(&log);
    assert_eq!(
        lines.iter().filter(|line| line.contains(&what)).count(),
        2,
        "{lines:#?}"
    );
}
