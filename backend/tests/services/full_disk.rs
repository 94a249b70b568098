//! A full disk: sales are refused, reads continue, and a start serves reads.

use std::fs::{self, File};
use std::path::Path;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use testing::{SmallDisk, eventually};

use crate::bookstored::{all_arguments, command, start_all};
use crate::client::{Client, key};

/// The stores on the disk, one for each engine.
fn urls(disk: &SmallDisk) -> [String; 2] {
    let path = disk.path().display();
    [format!("csv:{path}/store"), format!("sqlite:{path}/store.db")]
}

/// Reads that the store must confirm.
async fn assert_reads(client: &Client) {
    let unknown = client.get(&format!("/orders/{}", key())).await;
    assert_eq!(unknown.summary(), "404 unknown-order");
    for path in ["/search?item=2", "/topics", "/ledger?after=0"] {
        let headers = [("cache-control", "no-cache"), crate::client::AUTHORIZED];
        assert_eq!(client.send("GET", path, &headers, "").await.status, 200, "{path}");
    }
}

/// Asserts that one batch answers an earlier order and refuses the new ones, which need disk space.
async fn assert_one_batch(orders: &Client, sold: &str) {
    let again = format!(r#"{{"order":"{sold}","item":2,"quantity":1,"keyed":true}}"#);
    let batch = format!(r#"{{"orders":[{{"item":1}},{again},{{"item":1}},{{"item":99}}]}}"#);
    let reply = orders.post("/orders", &batch).await.json();
    let results = reply["results"].as_array().unwrap();
    let codes: Vec<_> = results.iter().map(|result| result["code"].as_str()).collect();
    assert_eq!(
        codes,
        [Some("storage-full"), None, Some("storage-full"), Some("unknown-item")]
    );
    assert_eq!(
        (&results[1]["order"], &results[1]["replayed"]),
        (&sold.into(), &true.into())
    );
}

/// Buys until the disk is full.
async fn sell_until_full(client: &Client) {
    for _ in 0..10_000 {
        match client.buy(1, 1, Some(&key())).await.summary().as_str() {
            "200" => {}
            full => return assert_eq!(full, "507 storage-full"),
        }
        // Recorded changes take disk space as well.
        let restock = client.send("PUT", "/stock/1", &[crate::client::AUTHORIZED], r#"{"stock":400}"#);
        restock.await;
    }
    panic!("the disk is not full");
}

#[tokio::test]
async fn reads_are_answered_while_sales_are_refused_on_a_full_disk() {
    for index in 0..2 {
        let Some(disk) = SmallDisk::mount() else { return };
        let shop = start_all(&urls(&disk)[index]);
        let client = Client::of(&shop, "frontend");
        let sold = key();
        let receipt = client.buy(2, 1, Some(&sold)).await;
        disk.fill();
        sell_until_full(&client).await;
        for _ in 0..30 {
            let keys = [key(), key()];
            let (first, unknown, read, second) = tokio::join!(
                client.buy(1, 1, Some(&keys[0])),
                client.get("/orders/0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e"),
                client.send("GET", "/search?item=2", &[("cache-control", "no-cache")], ""),
                client.buy(1, 1, Some(&keys[1])),
            );
            assert_eq!((first.status, second.status), (507, 507));
            assert_eq!((unknown.status, read.status), (404, 200));
            assert_eq!(client.buy(2, 1, Some(&sold)).await.body, receipt.body);
        }
        assert_one_batch(&Client::of(&shop, "order"), &sold).await;
        let change_key = key();
        let headers = [crate::client::AUTHORIZED, ("idempotency-key", &*change_key)];
        let title = "x".repeat(1_000);
        let body = format!(r#"{{"set":[{{"item":3,"title":"{title}","topic":"t","cost":"1.00"}}],"withdraw":[4]}}"#);
        let change = || client.send("POST", "/books", &headers, &body);
        assert_eq!(change().await.summary(), "507 storage-full");
        assert_eq!(client.stock(4).await, 500);
        assert_eq!(client.get("/readyz").await.status, 503);
        disk.make_room();
        eventually("the shop is ready again without a sale", || async {
            (client.get("/readyz").await.status == 200).then_some(())
        })
        .await;
        assert_eq!(change().await.status, 200, "a 507 uses up no key");
        assert_eq!(client.buy(1, 1, Some(&key())).await.status, 200);
        assert!(shop.stop().success());
    }
}

#[tokio::test]
async fn a_start_on_a_full_disk_serves_reads_and_sells_once_there_is_disk_space() {
    for index in 0..2 {
        let Some(disk) = SmallDisk::mount() else { return };
        let url = &urls(&disk)[index];
        let shop = start_all(url);
        let client = Client::of(&shop, "frontend");
        let sold = key();
        let receipt = client.buy(2, 1, Some(&sold)).await;
        assert_eq!(receipt.status, 200);
        disk.fill();
        sell_until_full(&client).await;
        drop(shop);
        let shop = start_all(url);
        let client = Client::of(&shop, "frontend");
        assert_reads(&client).await;
        assert_eq!(client.get(&format!("/orders/{sold}")).await.body, receipt.body);
        assert_eq!(client.buy(2, 1, Some(&sold)).await.body, receipt.body);
        // SQLite may have free space in its write-ahead log.
        if index == 0 {
            assert_eq!(client.buy(1, 1, None).await.summary(), "507 storage-full");
        }
        sell_until_full(&client).await;
        assert_reads(&client).await;
        disk.make_room();
        eventually("a sale succeeds again", || async {
            (client.buy(2, 1, None).await.status == 200).then_some(())
        })
        .await;
        assert!(shop.stop().success());
    }
}

/// A process that does not listen yet.
struct Waiting {
    child: Child,
    output: tempfile::TempDir,
}

impl Waiting {
    /// Starts all services.
    fn start(url: &str) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = |name| File::create(output.path().join(name)).unwrap();
        let mut command = command(&all_arguments(url));
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        Self { child, output }
    }

    /// Waits until the process has written `words` to the file `name`.
    async fn wrote(&self, name: &str, words: &str) {
        eventually(words, || async {
            let text = fs::read_to_string(self.output.path().join(name)).unwrap();
            text.contains(words).then_some(())
        })
        .await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn an_upgrade_waits_for_disk_space_and_a_signal_ends_the_wait() {
    let format_1 = Path::new(env!("CARGO_MANIFEST_DIR")).join("store/tests/format_1");
    // SQLite needs disk space for the index of its write-ahead log to read the old store.
    for (index, space_kib) in [0, 40].into_iter().enumerate() {
        let Some(disk) = SmallDisk::mount() else { return };
        fs::create_dir(disk.path().join("store")).unwrap();
        for entry in fs::read_dir(format_1.join("csv")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), disk.path().join("store").join(entry.file_name())).unwrap();
        }
        fs::copy(format_1.join("books.db"), disk.path().join("store.db")).unwrap();
        let spare = disk.path().join("spare");
        fs::write(&spare, vec![0; space_kib * 1024]).unwrap();
        disk.fill();
        fs::remove_file(spare).unwrap();
        let url = &urls(&disk)[index];
        let mut stopped = Waiting::start(url);
        stopped.wrote("stderr", "waits for free disk space").await;
        kill_process(Pid::from_child(&stopped.child), Signal::TERM).unwrap();
        let status = eventually("the process stops", || {
            std::future::ready(stopped.child.try_wait().unwrap())
        });
        assert!(status.await.success());
        let upgraded = Waiting::start(url);
        upgraded.wrote("stderr", "waits for free disk space").await;
        disk.make_room();
        upgraded.wrote("stdout", "listening frontend").await;
    }
}
