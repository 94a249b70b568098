//! `backup`: copies of running shops, and replicas that follow them.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use backend::store::conformance::{ReferenceShop, book, described};
use common::wire::Book;
use common::{Entry, GroupPosition, OrderId, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testing::{Process, ReservedAddress};
use tokio::task::block_in_place;

use crate::bookstored::{self, assert_contains, command, run};
use crate::client::{Client, key};
use crate::fixture::StoreFixture;

/// Runs a backup to its end, which must succeed.
pub(super) fn backup(url: &str, to: &StoreFixture) -> Value {
    let (code, stdout, stderr) = run(&["backup", "--url", url, "--to", &to.url, "--json"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

/// The error message of a backup that is refused.
fn refusal(url: &str, to: &StoreFixture) -> String {
    let (code, stdout, stderr) = run(&["backup", "--url", url, "--to", &to.url]);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    stderr
}

fn audit(fixture: &StoreFixture) -> Value {
    serde_json::from_str(&fixture.succeed(&["audit", "--json"])).unwrap()
}

fn assert_equal(one: &StoreFixture, other: &StoreFixture) {
    let (one, other) = (audit(one), audit(other));
    assert_eq!(one["verdict"], "clean", "{one}");
    assert_eq!((&one["digest"], &one["entries"]), (&other["digest"], &other["entries"]));
}

/// Buys books 1 and 2, alone and together.
async fn buy(client: &Client, count: u32) -> Vec<(String, String)> {
    let mut orders = Vec::new();
    for index in 0..count {
        let order = key();
        let body = match index % 3 {
            0 => r#"{"lines":[{"item":1},{"item":2}]}"#,
            1 => r#"{"item":1}"#,
            _ => r#"{"item":2}"#,
        };
        let reply = client.send("POST", "/buy", &[("idempotency-key", &order)], body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        orders.push((order, reply.body));
    }
    orders
}

/// A backup that follows.
pub(super) struct Follower {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Follower {
    /// Starts the backup and waits until it has caught up for the first time.
    pub(super) fn start(url: &str, to: &StoreFixture) -> Self {
        let mut command = command(&["backup", "--url", url, "--to", &to.url, "--follow", "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut follower = Self { child, lines };
        assert_eq!(follower.next_line()["verdict"], "following");
        follower
    }

    fn next_line(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    /// Sends SIGTERM; returns the last line.
    pub(super) fn stop(mut self) -> Value {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        serde_json::from_str(&self.lines.by_ref().last().unwrap().unwrap()).unwrap()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a copy that is being written has `entries` entries.
async fn wait_for_entries(copy: &StoreFixture, entries: u64) {
    testing::eventually("the copy has caught up", || async {
        let report = block_in_place(|| audit(copy));
        (report["verdict"] == "clean" && report["entries"].as_u64() >= Some(entries)).then_some(())
    })
    .await;
}

async fn head(client: &Client) -> u64 {
    client.get("/livez").await.json()["head"].as_u64().unwrap()
}

#[tokio::test]
async fn a_running_shop_is_backed_up_into_each_engine_and_the_copy_can_be_started() {
    let source = StoreFixture::csv();
    let shop = source.start_all();
    let client = Client::of(&shop, "frontend");
    for copy in StoreFixture::each() {
        let mut orders = buy(&client, 20).await;
        let first = backup(shop.url("frontend"), &copy);
        assert_eq!(
            (&first["verdict"], &first["lag"]),
            (&"complete".into(), &0.into()),
            "{first}"
        );
        assert_eq!(first["copied"], first["head"]);
        assert_equal(&copy, &source);
        orders.extend(buy(&client, 10).await);
        let second = backup(shop.url("catalog"), &copy);
        assert_eq!(
            (second["copied"].as_u64(), &second["source"]),
            (Some(14), &first["source"]),
            "{second}"
        );
        assert_eq!(backup(shop.url("frontend"), &copy)["copied"], 0);
        assert_equal(&copy, &source);
        let restored = copy.start_all();
        let restored = (Client::of(&restored, "frontend"), restored);
        for (order, receipt) in &orders {
            assert_eq!(restored.0.get(&format!("/orders/{order}")).await.body, *receipt);
        }
        let store = restored.0.get("/livez").await.json()["store"].clone();
        assert_eq!(store, second["store"]);
        assert_ne!(store, second["source"]);
        // The copy is an independent shop now.
        buy(&restored.0, 1).await;
        assert!(restored.1.stop().success());
        assert_contains(
            &refusal(shop.url("frontend"), &copy),
            &["ends with the entry", "back up into a new store"],
        );
        buy(&client, 3).await;
        assert_contains(&refusal(shop.url("frontend"), &copy), &["differs from that in"]);
    }
    assert_contains(
        &refusal(shop.url("order"), &StoreFixture::csv()),
        &["is the order service"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_replica_is_consistent_and_continues_after_a_restart() {
    let source = StoreFixture::csv();
    let shop = source.start_all();
    let client = Client::of(&shop, "frontend");
    buy(&client, 5).await;
    for copy in StoreFixture::each() {
        for _ in 0..3 {
            let follower = block_in_place(|| Follower::start(shop.url("frontend"), &copy));
            let (bought, ()) = tokio::join!(buy(&client, 30), async {
                let entries = head(&client).await + 10;
                wait_for_entries(&copy, entries).await;
                block_in_place(|| follower.kill());
            });
            assert_eq!(bought.len(), 30);
            assert_eq!(audit(&copy)["verdict"], "clean");
        }
        let follower = block_in_place(|| Follower::start(shop.url("catalog"), &copy));
        assert_contains(&refusal(shop.url("frontend"), &copy), &["in use by another program"]);
        let orders = buy(&client, 10).await;
        wait_for_entries(&copy, head(&client).await).await;
        let last = block_in_place(|| follower.stop());
        assert_eq!(
            (&last["verdict"], &last["lag"]),
            (&"stopped".into(), &0.into()),
            "{last}"
        );
        assert_eq!(orders.len(), 10);
        assert_equal(&copy, &source);
    }
}

/// All services over a store in one process, whose front-end listens at an address.
fn start_at(store: &str, address: &ReservedAddress) -> Process {
    let listen = address.to_string();
    let mut arguments = bookstored::all_arguments(store);
    arguments[4] = &listen;
    let shop = bookstored::start(&arguments);
    shop.wait_until_ready("frontend");
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_continues_after_a_crash_of_its_shop_and_refuses_another_shop() {
    let (source, copy) = (StoreFixture::csv(), StoreFixture::sqlite());
    let address = ReservedAddress::new().unwrap();
    let (url, client) = (address.url(), Client::at(&address.url()));
    let mut shop = start_at(&source.url, &address);
    let follower = block_in_place(|| Follower::start(&url, &copy));
    buy(&client, 40).await;
    shop.send_kill();
    drop(shop);
    assert_eq!(audit(&copy)["verdict"], "clean");
    let shop = start_at(&source.url, &address);
    buy(&client, 5).await;
    wait_for_entries(&copy, head(&client).await).await;
    block_in_place(|| follower.stop());
    assert_equal(&copy, &source);
    assert!(shop.stop().success());
    // An older copy of the files, like a restored backup: the same store id, but other entries.
    let folder = source.path("store");
    let sales = StoreFixture::csv();
    let status = std::process::Command::new("cp")
        .arg("-r")
        .arg(&folder)
        .arg(sales.path("store"))
        .status();
    assert!(status.unwrap().success());
    for store in [&source, &sales] {
        let shop = start_at(&store.url, &address);
        buy(&client, 3).await;
        match store.url == source.url {
            true => drop(backup(&url, &copy)),
            false => assert_contains(&refusal(&url, &copy), &["differs from that in", "histories differ"]),
        }
        assert!(shop.stop().success());
    }
    let other = StoreFixture::csv();
    let _shop = start_at(&other.url, &address);
    buy(&client, 60).await;
    assert_contains(
        &refusal(&url, &copy),
        &["is a copy of the store", "back up into a new store"],
    );
}

#[test]
fn groups_at_the_ends_of_pages_are_not_split() {
    let source = StoreFixture::csv();
    {
        let store = source.open();
        let mut shop = ReferenceShop::empty();
        let books: Vec<_> = (1..=1_000).map(|item| book(item, "A book", 1_000_000)).collect();
        shop.import_through(&*store, &books);
        shop.sell_baskets_through(&*store, &[17; 130]);
        for _ in 0..2 {
            // A shopkeeper's change of as many books as a page has entries.
            let (order, at, mut seq) = (OrderId::generate(), Timestamp::now(), shop.head);
            let lines = GroupPosition::of_group(books.len())
                .zip(&shop.books)
                .map(|(line, book)| {
                    seq = seq.next();
                    let book = Book { seq, ..book.clone() };
                    Entry {
                        line,
                        order: Some(order),
                        at,
                        ..described(&book, 0)
                    }
                });
            let change: Vec<Entry> = lines.collect();
            store.append(shop.head, &change).unwrap();
            shop.apply(&change);
        }
        store.checkpoint(&shop.books, shop.head).unwrap();
    }
    let shop = source.start_all();
    for copy in StoreFixture::each() {
        backup(shop.url("frontend"), &copy);
        assert_equal(&copy, &source);
    }
}

#[test]
fn a_shop_that_began_in_the_old_format_is_backed_up() {
    let source = StoreFixture::csv();
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/store/tests/format_1/csv");
    let status = std::process::Command::new("cp")
        .args(["-r", old])
        .arg(source.path("store"))
        .status();
    assert!(status.unwrap().success());
    let shop = source.start_all();
    for copy in StoreFixture::each() {
        backup(shop.url("frontend"), &copy);
        assert_equal(&copy, &source);
        assert_eq!(copy.succeed(&["export"]), source.succeed(&["export"]));
    }
}
