//! The audit, audited: the real three services, each time with one line wrong, must be caught by a run of the autopilot.
//!
//! `cargo test -p tui --features fault-injection --test fault_injection`
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A shop that may be wrong, in a process of its own.
struct Shop {
    process: Child,
    url: String,
}

impl Shop {
    /// Over a store in that folder, at that port.
    fn open(folder: &Path, port: u16, fault: &str) -> Self {
        let books = folder.join("books.csv");
        std::fs::write(&books, "1,First,60,2.50,a\n2,Second,60,4.00,b\n3,Third,60,9.99,b\n").unwrap();
        let mut command = bookstore(&format!(
            "serve all --store csv:{} --books {} --listen 127.0.0.1:{port} --catalog-listen 127.0.0.1:0 --order-listen \
             127.0.0.1:0",
            folder.join("store").display(),
            books.display()
        ));
        let mut process = command
            .env("BOOKSTORE_FAULT", fault)
            .env("BOOKSTORE_ADMIN_TOKEN", "secret")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let front_end = lines
            .map(Result::unwrap)
            .find(|line| line.contains("frontend"))
            .unwrap();
        let url = front_end.split(' ').next_back().unwrap().to_owned();
        Self { process, url }
    }

    /// Lets shoppers in, in a process of their own.
    fn autopilot(&self) -> Child {
        let arguments = "autopilot --headless --json --seed 1 --shoppers 16 --requests 3000 --mix 1:1:2 --restock 10";
        bookstore(&format!("--url {} --token secret {arguments}", self.url))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn bookstore(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookstore"));
    command
        .args(arguments.split_whitespace())
        .env_remove("BOOKSTORE_URL")
        .env_remove("BOOKSTORE_ADMIN_TOKEN")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

/// The exit code and the audit of a run.
fn ended(run: Child) -> (i32, Value) {
    let output = run.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), report["audit"].clone())
}

/// Runs against a shop with that fault and expects the audit to say so by one of those checks.
fn is_caught(fault: &str, checks: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path(), 0, fault);
    let (exit, audit) = ended(shop.autopilot());
    convicts(fault, exit, &audit, checks);
}

fn convicts(fault: &str, exit: i32, audit: &Value, checks: &[&str]) {
    assert_eq!(
        (exit, &audit["verdict"]),
        (4, &Value::from("violated")),
        "{fault}: {audit:#}"
    );
    let violations = audit["violations"].as_array().unwrap();
    let found = violations
        .iter()
        .find(|found| checks.iter().any(|check| found["check"] == *check));
    let found = found.unwrap_or_else(|| panic!("{fault}: {audit:#}"));
    // Shown with --nocapture: what an engineer would read.
    eprintln!("{fault}: {found:#}");
}

#[test]
fn a_shop_without_a_fault_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path(), 0, "");
    let (exit, audit) = ended(shop.autopilot());
    assert_eq!((exit, &audit["verdict"]), (0, &Value::from("clean")), "{audit:#}");
    let checks = audit["checks"].as_object().unwrap();
    assert!(
        checks.values().all(|looked_at| looked_at.as_u64().unwrap() > 0),
        "{checks:?}"
    );
}

#[test]
fn a_lost_update_is_caught() {
    is_caught("lost-update", &["stock_adds_up"]);
}

#[test]
fn a_sale_acknowledged_before_it_is_durable_is_caught_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    // A port that stays the same over the kill.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let shop = Shop::open(folder.path(), port, "acknowledged-before-durable");
    let mut run = bookstore(&format!(
        "--url {} --token secret autopilot --headless --json --seed 1 --shoppers 16 --duration 4s --think 5ms --restock 40",
        shop.url
    ))
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let progress = BufReader::new(run.stderr.take().unwrap());
    let mut lines = progress.lines();
    lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains("/s  sold "))
        .unwrap();
    drop(shop);
    let _again = Shop::open(folder.path(), port, "acknowledged-before-durable");
    let rest = std::thread::spawn(move || lines.for_each(drop));
    let (exit, audit) = ended(run);
    rest.join().unwrap();
    convicts(
        "acknowledged-before-durable",
        exit,
        &audit,
        &["acknowledged_sales", "ledger_in_order"],
    );
}

#[test]
fn an_order_applied_twice_is_caught() {
    is_caught("double-apply", &["one_answer_per_key", "acknowledged_sales"]);
}

#[test]
fn a_stale_cache_is_caught() {
    is_caught("stale-cache", &["reads_go_forward"]);
}

#[test]
fn a_refusal_that_was_sold_is_caught() {
    is_caught("refused-then-sold", &["refusals_stand"]);
}

#[test]
fn a_lost_restock_is_caught() {
    is_caught("restock-lost", &["acknowledged_restocks"]);
}

#[test]
fn a_stock_below_zero_is_caught() {
    is_caught("negative-quantity", &["stock_never_negative"]);
}

#[test]
fn a_wrong_price_is_caught() {
    is_caught("wrong-price", &["prices"]);
}

#[test]
fn a_missing_order_is_caught() {
    is_caught("missing-order", &["acknowledged_sales"]);
}

#[test]
fn a_reordered_feed_is_caught() {
    is_caught("reordered-feed", &["feed_in_order"]);
}
