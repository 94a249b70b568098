//! Tests of the audit with seeded bugs: the autopilot runs against the three services with one wrong line each time, and
//! must report a violation.
//!
//! `cargo defects`

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;

use serde_json::Value;
use testing::{Process, ReservedAddress, eventually};

use crate::front_end::{exit_and_output, serve_all, spawn};

const ANY_PORT: &str = "127.0.0.1:0";
/// Enough shoppers and requests to trigger each bug.
const RUN: &str = "--requests 3000 --mix 1:1:2 --restock 10";

/// Starts a shop with the seeded bug `bug` over a store in `folder`.
fn open(folder: &Path, listen: &str, bug: &str) -> Process {
    let books = folder.join("books.csv");
    std::fs::write(&books, "1,First,60,2.50,a\n2,Second,60,4.00,b\n3,Third,60,9.99,b\n").unwrap();
    let mut shop = serve_all(folder, listen);
    shop.arg("--books").arg(books);
    shop.env("BOOKSTORE_FAULT", bug).env("BOOKSTORE_ADMIN_TOKEN", "secret");
    Process::start(&mut shop, 3).unwrap()
}

fn start_autopilot(shop: &Process, arguments: &str) -> Child {
    let url = shop.url("frontend");
    spawn(&format!(
        "--url {url} --token secret autopilot --headless --json --seed 1 --shoppers 16 {arguments}"
    ))
}

/// The exit code and the audit of a run.
fn wait_for_audit(run: Child) -> (i32, Value) {
    let (exit, report, _) = exit_and_output(&run.wait_with_output().unwrap());
    let report: Value = serde_json::from_str(&report).unwrap();
    (exit, report["audit"].clone())
}

/// Asserts that the audit reports a violation of one of `checks`; returns its message.
fn assert_caught(bug: &str, (exit, audit): (i32, Value), checks: &[&str]) -> String {
    let verdict = audit["verdict"].as_str();
    assert_eq!((exit, verdict), (4, Some("violated")), "{bug}: {audit:#}");
    let mut violations = audit["violations"].as_array().unwrap().iter();
    let found = violations.find(|found| checks.iter().any(|check| found["check"] == *check));
    let found = found.unwrap_or_else(|| panic!("{bug}: {audit:#}"));
    // The message is printed with --nocapture.
    eprintln!("{bug}: {found:#}");
    found["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_shop_without_a_seeded_bug_is_clean() {
    for basket in ["1", "1..3"] {
        let folder = tempfile::tempdir().unwrap();
        let shop = open(folder.path(), ANY_PORT, "");
        let (exit, audit) = wait_for_audit(start_autopilot(&shop, &format!("{RUN} --basket {basket}")));
        assert_eq!((exit, audit["verdict"].as_str()), (0, Some("clean")), "{audit:#}");
        let checks = audit["checks"].as_object().unwrap();
        let all_made = checks.values().all(|made| made.as_u64().unwrap() > 0);
        assert!(all_made, "{checks:?}");
        assert_eq!(checks.contains_key("orders_whole"), basket != "1");
    }
}

#[test]
fn every_seeded_bug_of_baskets_is_caught_and_its_order_named() {
    for (bug, check, words) in [
        ("lost-line", "orders_whole", "but was acknowledged as line 1 of"),
        ("half-sold", "orders_whole", "does not continue the entry before it"),
        ("mispriced-line", "acknowledged_sales", "is not what was acknowledged"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let shop = open(folder.path(), ANY_PORT, bug);
        let audit = wait_for_audit(start_autopilot(&shop, &format!("{RUN} --basket 2..3")));
        let detail = assert_caught(bug, audit, &[check]);
        assert!(detail.contains(words) && detail.contains("order 0"), "{bug}: {detail}");
    }
}

#[test]
fn every_seeded_bug_is_caught() {
    for (bug, checks) in [
        ("lost-update", &["stock_adds_up"][..]),
        ("double-apply", &["one_answer_per_key", "acknowledged_sales"]),
        ("stale-cache", &["reads_go_forward"]),
        ("refused-then-sold", &["refusals_stand"]),
        ("restock-lost", &["acknowledged_restocks"]),
        ("negative-quantity", &["stock_never_negative"]),
        ("wrong-price", &["prices"]),
        ("missing-order", &["acknowledged_sales"]),
        ("reordered-feed", &["feed_in_order"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let shop = open(folder.path(), ANY_PORT, bug);
        assert_caught(bug, wait_for_audit(start_autopilot(&shop, RUN)), checks);
    }
}

#[test]
fn a_sale_acknowledged_before_it_is_durable_is_caught_after_a_kill() {
    let bug = "acknowledged-before-durable";
    let folder = tempfile::tempdir().unwrap();
    // The restarted shop must have the same port.
    let address = ReservedAddress::new().unwrap();
    let shop = open(folder.path(), &address.to_string(), bug);
    let mut run = start_autopilot(&shop, "--duration 4s --think 5ms --restock 40");
    let mut progress = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
    progress.find(|line| line.contains("/s  sold ")).unwrap();
    drop(shop);
    let _again = open(folder.path(), &address.to_string(), bug);
    let rest = std::thread::spawn(move || progress.for_each(drop));
    let audit = wait_for_audit(run);
    rest.join().unwrap();
    assert_caught(bug, audit, &["acknowledged_sales", "ledger_in_order"]);
}

#[tokio::test]
async fn half_an_order_is_caught_after_a_kill_between_its_lines() {
    let bug = "half-order";
    let folder = tempfile::tempdir().unwrap();
    // The restarted shop must have the same port.
    let address = ReservedAddress::new().unwrap();
    let mut shop = open(folder.path(), &address.to_string(), bug);
    let run = start_autopilot(&shop, "--duration 4s --think 5ms --restock 40 --basket 2..3");
    eventually("the shop kills itself", || {
        let has_ended = !shop.is_running();
        async move { has_ended.then_some(()) }
    })
    .await;
    let _again = open(folder.path(), &address.to_string(), "");
    let detail = assert_caught(bug, wait_for_audit(run), &["orders_whole"]);
    assert!(
        detail.contains("lines, as line 1 of 1") && detail.contains("(0"),
        "{detail}"
    );
}
