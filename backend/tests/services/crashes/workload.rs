//! The clients of a crash test: buyers with and without keys, a shopkeeper, and a reader of decided orders.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};

use super::journal::Journal;
use crate::bookstored::TOKEN;
use crate::client::{Client, Reply, key, try_send};

/// The first five never sell out, the others often do.
pub(super) const BOOKS: &str = "1,Plenty,100000000,30,a\n2,More,100000000,40.50,a\n3,Ample,100000000,7.25,a\n\
    4,Lots,100000000,0.99,a\n5,Heaps,100000000,12,a\n6,Few,30,1,b\n7,Fewer,9,2,b\n8,None,0,3,b\n";
pub(super) const ITEMS: RangeInclusive<u64> = 1..=8;
const PLENTIFUL: RangeInclusive<u64> = 1..=5;
const SCARCE: RangeInclusive<u64> = 6..=8;
/// A book that is added and withdrawn, and that no client buys.
const PASSING: u64 = 9;
/// The number of lines of every third purchase; the others have one line.
const SEVERAL: RangeInclusive<usize> = 2..=5;
/// The timeout for the decision of an order, including restarts of services.
const DECISION_MAX: Duration = Duration::from_secs(90);
/// The number of decided orders that are kept for lookups.
const DECIDED_MAX: usize = 256;
/// Maximum think times in milliseconds.
const BETWEEN_PURCHASES_MS: u64 = 4;
const BETWEEN_ATTEMPTS_MS: u64 = 20;
const BETWEEN_RESTOCKS_MS: u64 = 100;

/// A line of an order: the book and the number of copies.
pub(super) type Line = (u64, u64);

/// The state that all clients share.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) journal: Journal,
    pub(super) frontends: Vec<Client>,
    pub(super) is_stopped: AtomicBool,
    decided: Mutex<VecDeque<Value>>,
}

/// What a response means for the request.
enum Outcome {
    Decided,
    /// The request changed nothing.
    NotApplied,
    /// The outcome is unknown; with the order's id if the response named it.
    Unknown(Option<String>),
}

impl Workload {
    pub(super) fn new(journal: Journal, frontends: Vec<Client>) -> Self {
        Self {
            journal,
            frontends,
            is_stopped: AtomicBool::new(false),
            decided: Mutex::default(),
        }
    }

    fn is_running(&self) -> bool {
        !self.is_stopped.load(Ordering::Relaxed)
    }

    fn frontend(&self, random: &mut StdRng) -> &Client {
        &self.frontends[random.random_range(0..self.frontends.len())]
    }

    /// Buys until the workload is stopped; the last order is decided before this returns.
    pub(super) async fn run_buyer(&self, mut random: StdRng, keyed: bool) {
        while self.is_running() {
            let lines = random_lines(&mut random);
            self.buy(&mut random, &lines, keyed).await;
            think(&mut random, BETWEEN_PURCHASES_MS).await;
        }
    }

    /// Places one order. While its outcome is unknown it is sent again with its key, or with the id that a response named.
    pub(super) async fn buy(&self, random: &mut StdRng, lines: &[Line], keyed: bool) {
        let mut order = keyed.then(key);
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < DECISION_MAX, "{order:?} is not decided");
            let request = self
                .frontend(random)
                .request("POST", "/buy")
                .body(body(lines).to_string());
            let request = match &order {
                Some(order) => request.header("idempotency-key", order),
                None => request,
            };
            let record = |reply: &Reply| self.record_purchase(reply, lines);
            match self.send(request, record).await {
                Outcome::Decided => return,
                Outcome::NotApplied => {}
                Outcome::Unknown(id) => {
                    order = order.or(id);
                    self.record_unknown(order.as_deref());
                    if order.is_none() {
                        return;
                    }
                }
            }
            think(random, BETWEEN_ATTEMPTS_MS).await;
        }
    }

    fn record_purchase(&self, reply: &Reply, lines: &[Line]) -> Outcome {
        let answer = reply.json();
        match (reply.status, answer["code"].as_str()) {
            (200, _) => {
                let acknowledgement = acknowledgement(&answer);
                self.journal.write(&acknowledgement);
                self.journal.sold.send_modify(|sold| *sold += 1);
                if lines.len() > 1 {
                    self.journal.sold_of_several_lines.fetch_add(1, Ordering::Relaxed);
                }
                assert_eq!(lines_of(&answer), lines, "{answer}");
                self.remember(acknowledgement);
                Outcome::Decided
            }
            (409, Some("sold-out")) => {
                let order = &answer["order"];
                let mut refusal = body(lines);
                (refusal["order"], refusal["status"]) = (order.clone(), "sold-out".into());
                refusal["recorded"] = order.is_string().into();
                self.journal.write(&refusal);
                self.journal.refused.fetch_add(1, Ordering::Relaxed);
                if order.is_string() {
                    self.remember(refusal);
                }
                Outcome::Decided
            }
            _ => undecided(reply, &answer),
        }
    }

    fn record_unknown(&self, order: Option<&str>) {
        self.journal.unknown.fetch_add(1, Ordering::Relaxed);
        self.journal.write(&json!({"order": order, "status": "unknown"}));
    }

    /// Changes scarce books and their stock until the workload is stopped; each change is applied exactly once.
    pub(super) async fn run_shopkeeper(&self, mut random: StdRng) {
        while self.is_running() {
            if random.random_bool(0.5) {
                self.change_books(&mut random).await;
                think(&mut random, BETWEEN_RESTOCKS_MS).await;
                continue;
            }
            let item = random.random_range(SCARCE);
            let change = match random.random_range(0..4) {
                0 => json!({"stock": random.random_range(0..20)}),
                1 => json!({"change": -random.random_range(1..6)}),
                _ => json!({"change": random.random_range(1..20)}),
            };
            self.restock(&mut random, item, &change).await;
            think(&mut random, BETWEEN_RESTOCKS_MS).await;
        }
    }

    async fn restock(&self, random: &mut StdRng, item: u64, change: &Value) {
        let line = |reply: &Reply, order: &str| {
            let book = reply.json();
            let mut line = json!({"order": order, "item": item, "change": change["change"], "to": change["stock"]});
            match (reply.status, book["code"].as_str()) {
                (200, _) => {
                    line["status"] = "restocked".into();
                    (line["seq"], line["stock"]) = (book["seq"].clone(), book["stock"].clone());
                }
                (409, Some("sold-out")) => line["status"] = "not-restocked".into(),
                _ => return Err(undecided(reply, &book)),
            }
            Ok(line)
        };
        self.change(random, "PUT", &format!("/stock/{item}"), change, line)
            .await;
    }

    /// Changes the scarce books, and adds or withdraws a book that no client buys.
    async fn change_books(&self, random: &mut StdRng) {
        let mut book = |item: u64| {
            let number = random.random_range(0..100);
            json!({"item": item, "title": format!("Edition {number}"), "topic": "b", "cost": format!("{number}.50"),
                "stock": random.random_range(0..20)})
        };
        let mut set: Vec<Value> = SCARCE.map(&mut book).collect();
        let mut withdrawn = Vec::new();
        if self.journal.restocks.load(Ordering::Relaxed).is_multiple_of(2) {
            set.push(book(PASSING));
        } else {
            withdrawn.push(PASSING);
        }
        let body = json!({"set": set, "withdraw": withdrawn});
        let line = |reply: &Reply, order: &str| {
            let changed = reply.json();
            let mut line = json!({"order": order, "status": "restocked"});
            match (reply.status, changed["code"].as_str()) {
                (200, _) => {
                    let mut lines = changed["books"].as_array().unwrap().clone();
                    lines.extend(withdrawn.iter().map(|item| json!({"item": item, "stock": 0})));
                    (line["lines"], line["seq"]) = (lines.into(), changed["seq"].clone());
                }
                (404, Some("unknown-item")) => {
                    line["status"] = "not-restocked".into();
                    line["lines"] = json!([{"item": PASSING, "reason": "unknown-item"}]);
                }
                _ => return Err(undecided(reply, &changed)),
            }
            Ok(line)
        };
        self.change(random, "POST", "/books", &body, line).await;
    }

    /// Sends a shopkeeper's change until it is decided. `line` returns the journal's line for a decision, else the outcome.
    async fn change(
        &self,
        random: &mut StdRng,
        method: &str,
        path: &str,
        body: &Value,
        line: impl Fn(&Reply, &str) -> Result<Value, Outcome>,
    ) {
        let (order, start) = (key(), Instant::now());
        loop {
            assert!(start.elapsed() < DECISION_MAX, "{order} is not decided");
            let request = self
                .frontend(random)
                .request(method, path)
                .bearer_auth(TOKEN)
                .header("idempotency-key", &order)
                .body(body.to_string());
            let record = |reply: &Reply| match line(reply, &order) {
                Ok(line) => {
                    self.journal.write(&line);
                    self.journal.restocks.fetch_add(1, Ordering::Relaxed);
                    Outcome::Decided
                }
                Err(outcome) => outcome,
            };
            match self.send(request, record).await {
                Outcome::Decided => return,
                Outcome::NotApplied => {}
                Outcome::Unknown(_) => self.record_unknown(Some(&order)),
            }
            think(random, BETWEEN_ATTEMPTS_MS).await;
        }
    }

    /// Looks up decided orders until the workload is stopped: the check compares the receipts with the decisions.
    pub(super) async fn run_reader(&self, mut random: StdRng) {
        while self.is_running() {
            if let Some(known) = self.random_decided(&mut random) {
                let order = known["order"].as_str().unwrap();
                let seq = known["seq"].as_u64().unwrap_or_default();
                let request = self
                    .frontend(&mut random)
                    .request("GET", &format!("/orders/{order}"))
                    .header("bookstore-seq", seq);
                let record = |reply: &Reply| {
                    let answer = reply.json();
                    match (reply.status, answer["code"].as_str()) {
                        (200, _) => self.journal.write(&acknowledgement(&answer)),
                        (404, Some("unknown-order")) => {
                            self.journal.write(&json!({"order": order, "status": "missing"}));
                        }
                        _ => return undecided(reply, &answer),
                    }
                    self.journal.lookups.fetch_add(1, Ordering::Relaxed);
                    Outcome::Decided
                };
                // A failed lookup changes nothing and is not repeated.
                let _ = self.send(request, record).await;
            }
            think(&mut random, BETWEEN_ATTEMPTS_MS).await;
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder, record: impl FnOnce(&Reply) -> Outcome) -> Outcome {
        let _in_flight = self.journal.begin_request();
        match try_send(request).await {
            Ok(reply) => record(&reply),
            Err(error) if error.is_connect() => Outcome::NotApplied,
            Err(_) => Outcome::Unknown(None),
        }
    }

    fn remember(&self, line: Value) {
        let mut decided = self.decided.lock().unwrap();
        if decided.len() == DECIDED_MAX {
            decided.pop_front();
        }
        decided.push_back(line);
    }

    fn random_decided(&self, random: &mut StdRng) -> Option<Value> {
        let decided = self.decided.lock().unwrap();
        let last = decided.len().checked_sub(1)?;
        decided.get(random.random_range(0..=last)).cloned()
    }
}

/// The outcome of a response without a decision.
fn undecided(reply: &Reply, body: &Value) -> Outcome {
    match reply.status {
        503 | 507 | 429 => Outcome::NotApplied,
        500 | 502 | 504 => Outcome::Unknown(body["order"].as_str().map(str::to_owned)),
        _ => panic!("{} {}", reply.status, reply.body),
    }
}

/// The journal's line for a receipt; it contains the whole receipt.
fn acknowledgement(receipt: &Value) -> Value {
    let mut line = receipt.clone();
    if line["status"] == "refused" {
        line["status"] = "sold-out".into();
    }
    line["recorded"] = true.into();
    line
}

/// Random lines of different books, by item number.
fn random_lines(random: &mut StdRng) -> Vec<Line> {
    let is_plentiful = random.random_bool(0.7);
    let (range, count) = match random.random_ratio(1, 3) {
        true => (
            if is_plentiful { PLENTIFUL } else { ITEMS },
            random.random_range(SEVERAL),
        ),
        false => (if is_plentiful { PLENTIFUL } else { SCARCE }, 1),
    };
    let mut items: Vec<u64> = range.collect();
    items.shuffle(random);
    items.truncate(count);
    items.sort_unstable();
    items
        .into_iter()
        .map(|item| (item, random.random_range(1..=3)))
        .collect()
}

/// The body of an order.
fn body(lines: &[Line]) -> Value {
    let line = |(item, quantity): &Line| json!({"item": item, "quantity": quantity});
    match lines {
        [only] => line(only),
        _ => json!({"lines": lines.iter().rev().map(line).collect::<Vec<_>>()}),
    }
}

/// The lines of a receipt.
fn lines_of(receipt: &Value) -> Vec<Line> {
    let lines = receipt["lines"]
        .as_array()
        .map_or(std::slice::from_ref(receipt), Vec::as_slice);
    let number = |line: &Value, name: &str| line[name].as_u64().unwrap();
    lines
        .iter()
        .map(|line| (number(line, "item"), number(line, "quantity")))
        .collect()
}

/// A pause between two requests of a client: it shapes the load and waits for nothing.
async fn think(random: &mut StdRng, max_ms: u64) {
    tokio::time::sleep(Duration::from_millis(random.random_range(0..max_ms))).await;
}
