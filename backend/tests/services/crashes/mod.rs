//! `kill -9` under load: what was acknowledged is in the store once, and nothing else was taken from the shelf.
//!
//! A long run, of one store: `BOOKSTORE_KILLS=300 BOOKSTORE_SEED=1 cargo test --release -p backend --test services
//! crashes::csv -- --nocapture`; `crashes::sqlite`, `crashes::postgres` and `crashes::two` are the others. The seed decides
//! who is killed in which order, after how many purchases, and what everybody buys; the rest is up to the machine.

mod feeds;
mod journal;
mod people;
mod place;
mod run;
mod tier;

use feeds::Follower;
use place::{Place, can_check};
use run::{Plan, Run};
use tier::Victim;

use crate::shop::{Customer, send};

async fn nothing_is_lost_or_doubled(place: Place, quick: usize) -> String {
    let plan = Plan::or_quick(quick);
    let mut run = Run::begin(place, 1, plan.seed);
    run.kill_in_rounds(plan.kills).await;
    run.end(plan.seed).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_loses_and_doubles_nothing_whoever_is_killed() {
    if can_check() {
        println!("{}", nothing_is_lost_or_doubled(Place::csv(), 8).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_loses_and_doubles_nothing_whoever_is_killed() {
    if can_check() {
        println!("{}", nothing_is_lost_or_doubled(Place::sqlite(), 8).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_loses_and_doubles_nothing_whoever_is_killed() {
    if let (true, Some(place)) = (can_check(), Place::postgres()) {
        println!("{}", nothing_is_lost_or_doubled(place, 7).await);
    }
}

/// Two catalogs, two order services and two front-ends over one database: everybody is killed, everything goes on, and in
/// the end everybody knows the same.
async fn two_of_each_stay_one_shop(place: Place) -> String {
    let plan = Plan::or_quick(0);
    let mut run = Run::begin(place, 2, plan.seed);
    let [one, other] = run.tier.of("catalog").try_into().unwrap();
    let (one, other) = (Follower::of(one), Follower::of(other));
    run.sell(50).await;
    let first = one.count().max(other.count());
    run.sell(300).await;
    let delays = one.delays(&other, first);
    assert!(delays.count() > 100, "only {} entries came to both", delays.count());
    for copy in [0, 1] {
        for victim in [Victim::Catalog(copy), Victim::Order(copy), Victim::FrontEnd(copy)] {
            run.kill(victim).await;
        }
    }
    run.kill_in_rounds(plan.kills).await;
    run.sell(50).await;
    run.finish_buying().await;
    // Whoever asks for what is known nowhere yet gets what the database says.
    let mut states = Vec::new();
    for customer in run.tier.of("catalog") {
        states.push(state(&customer, "/lookup/").await);
    }
    for customer in run.tier.customers() {
        states.push(state(&customer, "/search?item=").await);
    }
    let (head, _) = states[0].clone();
    assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
    let (one, other) = (one.until(head).await, other.until(head).await);
    assert_eq!((one.len(), other.len()), (head, head));
    for (seq, (one, other)) in (1..).zip(one.iter().zip(&other)) {
        assert!(one.contains(&format!("\nid: {seq}\n")), "{one} is not the {seq}th");
        assert_eq!(one, other);
    }
    let told = run.end(plan.seed).await;
    format!("{delays}\n{head} entries, the same on both feeds; both catalogs and both front-ends in one state\n{told}")
}

/// The head, and every book as it is then, confirmed by the database.
async fn state(customer: &Customer, path: &str) -> (usize, Vec<String>) {
    let (mut head, mut books) = (String::new(), Vec::new());
    for item in 1..=5 {
        let request = customer.request("GET", &format!("{path}{item}"));
        let reply = send(request.header("cache-control", "no-cache")).await;
        head = reply.header("bookstore-seq").unwrap().to_owned();
        books.push(reply.body);
    }
    (head.parse().unwrap(), books)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_each_over_one_database_stay_one_shop() {
    if let (true, Some(place)) = (can_check(), Place::postgres()) {
        println!("by notices: {}", two_of_each_stay_one_shop(place).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_each_stay_one_shop_where_the_database_sends_no_notices() {
    if let (true, Some(place)) = (can_check(), Place::postgres_without_notices()) {
        println!("by looking: {}", two_of_each_stay_one_shop(place).await);
    }
}
