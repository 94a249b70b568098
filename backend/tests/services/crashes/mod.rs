//! `kill -9` under load: every acknowledged purchase is in the store exactly once, and no other copy is missing.
//!
//! A long run of one store: `BOOKSTORE_KILLS=300 BOOKSTORE_SEED=1 cargo test --release -p backend --test services
//! crashes::csv -- --nocapture`; `crashes::sqlite`, `crashes::postgres` and `crashes::two` are the others. The seed decides
//! the order of the kills, the purchases before each, and what the clients buy; the timing varies.

mod checks;
mod feeds;
mod journal;
mod run;
mod topology;
mod workload;

use feeds::FeedRecorder;
use run::{Plan, Run};
use topology::{KillTarget, SERVICES};
use workload::ITEMS;

use testing::eventually;

use crate::client::Client;
use crate::fixture::StoreFixture;

async fn nothing_is_lost_or_doubled(fixture: StoreFixture, kills: usize) -> String {
    let plan = Plan::from_environment(kills);
    let mut run = Run::start(fixture, 1, plan.seed).await;
    run.kill_in_rounds(plan.kills).await;
    run.finish(plan.seed).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_loses_and_doubles_nothing_when_processes_are_killed() {
    if checks::are_available() {
        println!("{}", nothing_is_lost_or_doubled(StoreFixture::csv(), 8).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_loses_and_doubles_nothing_when_processes_are_killed() {
    if checks::are_available() {
        println!("{}", nothing_is_lost_or_doubled(StoreFixture::sqlite(), 8).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_loses_and_doubles_nothing_when_processes_are_killed() {
    if let (true, Some(fixture)) = (checks::are_available(), StoreFixture::postgres_on_own_server()) {
        println!("{}", nothing_is_lost_or_doubled(fixture, 7).await);
    }
}

/// Two catalogs, two order services and two front-ends over one database: all are killed in turn, sales continue, and in
/// the end all have the same state.
async fn two_of_each_agree(fixture: StoreFixture) -> String {
    let plan = Plan::from_environment(0);
    let mut run = Run::start(fixture, 2, plan.seed).await;
    let [one, other] = run.topology.clients("catalog").try_into().unwrap();
    let (one, other) = (FeedRecorder::start(one), FeedRecorder::start(other));
    run.wait_for_purchases(50).await;
    let first = one.count().max(other.count());
    run.wait_for_purchases(300).await;
    let delays = eventually("more than a hundred entries reach both", || async {
        Some(one.delays(&other, first)).filter(|delays| delays.count() > 100)
    });
    let delays = delays.await;
    for instance in [0, 1] {
        for name in SERVICES {
            run.kill(KillTarget::Service(name, instance)).await;
        }
    }
    run.kill_in_rounds(plan.kills).await;
    run.wait_for_purchases(50).await;
    run.finish_clients().await;
    let mut states = Vec::new();
    for (name, path) in [("catalog", "/lookup/"), ("frontend", "/search?item=")] {
        for client in run.topology.clients(name) {
            states.push(confirmed_state(&client, path).await);
        }
    }
    let (head, _) = states[0].clone();
    assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
    let (one, other) = (one.finish_at(head).await, other.finish_at(head).await);
    assert_eq!((one.len(), other.len()), (head, head));
    for (seq, (one, other)) in (1..).zip(one.iter().zip(&other)) {
        assert!(
            one.contains(&format!("\ndata: {{\"seq\":{seq},")),
            "{one} is not entry {seq}"
        );
        assert_eq!(one, other);
    }
    let result = run.finish(plan.seed).await;
    format!("{delays}\n{head} entries, equal on both feeds; both catalogs and both front-ends in one state\n{result}")
}

/// The head and all books, which the catalog confirms against the database before it answers.
async fn confirmed_state(client: &Client, path: &str) -> (usize, Vec<String>) {
    let (mut head, mut books) = (String::new(), Vec::new());
    for item in ITEMS {
        let path = format!("{path}{item}");
        let reply = client.send("GET", &path, &[("cache-control", "no-cache")], "").await;
        head = reply.header("bookstore-seq").unwrap().to_owned();
        books.push(reply.body);
    }
    (head.parse().unwrap(), books)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_each_over_one_database_agree() {
    if let (true, Some(fixture)) = (checks::are_available(), StoreFixture::postgres_on_own_server()) {
        println!("with notifications: {}", two_of_each_agree(fixture).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_each_agree_without_notifications_from_the_database() {
    if let (true, Some(fixture)) = (checks::are_available(), checks::postgres_without_notifications()) {
        println!("by polling: {}", two_of_each_agree(fixture).await);
    }
}
