//! A shop that moves to another engine and back while it sells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;
use testing::{ReservedAddress, eventually};
use tokio::task::{JoinSet, block_in_place};

use super::backup::{Follower, backup};
use crate::bookstored::{ANY_PORT, start};
use crate::client::{Client, key, try_send};
use crate::fixture::StoreFixture;

/// Purchases of clients that retry each order with its key until it is decided.
#[derive(Debug, Default)]
struct Load {
    is_stopped: AtomicBool,
    sold: AtomicUsize,
    resent: AtomicUsize,
}

impl Load {
    /// Buys until it is stopped; returns the orders and their receipts.
    async fn run(self: Arc<Self>, client: Client, lines: &'static str) -> Vec<(String, Value)> {
        let mut receipts = Vec::new();
        while !self.is_stopped.load(Ordering::Relaxed) {
            let order = key();
            let receipt = loop {
                let request = client
                    .request("POST", "/buy")
                    .header("idempotency-key", &order)
                    .body(lines);
                match try_send(request).await {
                    Ok(reply) if reply.status == 200 => break reply.json(),
                    Ok(reply) => assert!(reply.status >= 500, "{}", reply.body),
                    Err(_) => {}
                }
                self.resent.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            };
            receipts.push((order, receipt));
            self.sold.fetch_add(1, Ordering::Relaxed);
        }
        receipts
    }

    async fn wait_for_sales(&self, more: usize) {
        let enough = self.sold.load(Ordering::Relaxed) + more;
        eventually("the shop sells", || async {
            (self.sold.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_moves_to_postgres_and_back_under_load_and_loses_and_doubles_nothing() {
    let (first, last) = (StoreFixture::csv(), StoreFixture::csv());
    let Some(between) = StoreFixture::postgres() else {
        return;
    };
    let books = first.file("books.csv", "1,One,100000000,30,a\n2,Two,100000000,40,b\n");
    let address = ReservedAddress::new().unwrap();
    let (listen, url) = (address.to_string(), address.url());
    let catalog_at = |store: &StoreFixture, listen: &str| {
        let catalog = start(&["catalog", "--store", &store.url, "--books", &books, "--listen", listen]);
        catalog.wait_until_ready("catalog");
        catalog
    };
    let mut catalog = block_in_place(|| catalog_at(&first, &listen));
    let order = start(&["order", "--listen", ANY_PORT, "--catalog-url", &url]);
    let frontend = start(&[
        "frontend",
        "--listen",
        ANY_PORT,
        "--catalog-url",
        &url,
        "--order-url",
        order.url("order"),
    ]);
    frontend.wait_until_ready("frontend");
    let (load, mut clients) = (Arc::new(Load::default()), JoinSet::new());
    for lines in [r#"{"item":1}"#, r#"{"item":2}"#, r#"{"lines":[{"item":1},{"item":2}]}"#].repeat(2) {
        clients.spawn(Arc::clone(&load).run(Client::of(&frontend, "frontend"), lines));
    }
    for (from, to) in [(&first, &between), (&between, &last)] {
        load.wait_for_sales(50).await;
        let follower = block_in_place(|| Follower::start(&url, to));
        load.wait_for_sales(50).await;
        let began = std::time::Instant::now();
        catalog = block_in_place(|| {
            follower.stop();
            assert!(catalog.stop().success());
            let old = catalog_at(from, ANY_PORT);
            let copied = backup(old.url("catalog"), to);
            assert_eq!(
                (&copied["verdict"], &copied["lag"]),
                (&"complete".into(), &0.into()),
                "{copied}"
            );
            assert!(old.stop().success());
            catalog_at(to, &listen)
        });
        println!(
            "{} to {}: nothing was sold for {:?}",
            from.engine(),
            to.engine(),
            began.elapsed()
        );
    }
    load.wait_for_sales(50).await;
    load.is_stopped.store(true, Ordering::Relaxed);
    let receipts = clients.join_all().await.concat();
    let client = Client::of(&frontend, "frontend");
    for (order, receipt) in &receipts {
        assert_eq!(client.get(&format!("/orders/{order}")).await.json(), *receipt);
    }
    assert!(catalog.stop().success());
    let audit: Value = serde_json::from_str(&last.succeed(&["audit", "--json"])).unwrap();
    let lines = |receipt: &Value| receipt["lines"].as_array().map_or(1, Vec::len);
    let bought: usize = receipts.iter().map(|(_, receipt)| lines(receipt)).sum();
    // Each order is there exactly once.
    assert_eq!(
        (&audit["verdict"], &audit["sold"]),
        (&"clean".into(), &bought.into()),
        "{audit}"
    );
    println!(
        "{} orders, {} retries",
        receipts.len(),
        load.resent.load(Ordering::Relaxed)
    );
    assert!(
        load.resent.load(Ordering::Relaxed) > 0,
        "no purchase was sent during the pause"
    );
}
