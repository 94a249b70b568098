//! Who asks while services die: buyers with and without keys, a shopkeeper, and customers who look after their orders.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::journal::Journal;
use crate::shop::{Customer, Reply, TOKEN, key, try_send};

/// The first two never empty, the others often do.
pub(super) const BOOKS: &str =
    "1,Plenty,100000000,30,a\n2,More,100000000,40.50,a\n3,Few,30,1,b\n4,Fewer,9,2,b\n5,None,0,3,b\n";
const PLENTY: std::ops::RangeInclusive<u32> = 1..=2;
const SCARCE: std::ops::RangeInclusive<u32> = 3..=5;
/// An order that is not decided in this time never is.
const PATIENCE: Duration = Duration::from_secs(90);
/// Decided orders to look after.
const REMEMBERED_MAX: usize = 256;

/// What everybody shares.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) journal: Journal,
    pub(super) fronts: Vec<Customer>,
    pub(super) is_over: AtomicBool,
    remembered: Mutex<VecDeque<Value>>,
}

/// What an answer means to whoever asked.
enum Heard {
    Decided,
    /// This request changed nothing.
    NotTaken,
    /// Nobody knows; the order's name, if it has one.
    Unknown(Option<String>),
}

impl Town {
    pub(super) fn new(journal: Journal, fronts: Vec<Customer>) -> Self {
        Self {
            journal,
            fronts,
            is_over: AtomicBool::new(false),
            remembered: Mutex::default(),
        }
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn front(&self, random: &mut StdRng) -> &Customer {
        &self.fronts[random.random_range(0..self.fronts.len())]
    }

    /// Buys until it is over, and until the last order is decided.
    pub(super) async fn keep_buying(&self, mut random: StdRng, keyed: bool) {
        while self.goes_on() {
            let range = if random.random_bool(0.7) { PLENTY } else { SCARCE };
            let (item, quantity) = (random.random_range(range), random.random_range(1..=3));
            self.buy(&mut random, item, quantity, keyed).await;
            think(&mut random, 4).await;
        }
    }

    /// Places one order. Where its fate is unknown it is sent again with its key, or with the id that the answer named.
    pub(super) async fn buy(&self, random: &mut StdRng, item: u32, quantity: u32, keyed: bool) {
        let mut order = keyed.then(key);
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "{order:?} is not decided");
            let body = json!({"item": item, "quantity": quantity}).to_string();
            let request = self.front(random).request("POST", "/buy").body(body);
            let request = match &order {
                Some(order) => request.header("idempotency-key", order),
                None => request,
            };
            match self
                .ask(request, |reply| self.hear_of_order(reply, item, quantity))
                .await
            {
                Heard::Decided => return,
                Heard::NotTaken => {}
                Heard::Unknown(named) => {
                    order = order.or(named);
                    self.journal.unknown.fetch_add(1, Ordering::Relaxed);
                    self.journal
                        .write(&json!({"order": order, "item": item, "status": "unknown"}));
                    if order.is_none() {
                        return;
                    }
                }
            }
            think(random, 20).await;
        }
    }

    fn hear_of_order(&self, reply: &Reply, item: u32, quantity: u32) -> Heard {
        let told = reply.json();
        match (reply.status, told["code"].as_str()) {
            (200, _) => {
                let told = receipt(&told);
                self.journal.write(&told);
                self.journal.sold.send_modify(|sold| *sold += 1);
                assert_eq!(
                    (&told["item"], &told["quantity"]),
                    (&json!(item), &json!(quantity)),
                    "{told}"
                );
                self.remember(told);
                Heard::Decided
            }
            (409, Some("sold-out")) => {
                let order = &told["order"];
                let told = json!({
                    "order": order, "item": item, "quantity": quantity,
                    "status": "sold-out", "recorded": order.is_string(),
                });
                self.journal.write(&told);
                self.journal.refused.fetch_add(1, Ordering::Relaxed);
                if order.is_string() {
                    self.remember(told);
                }
                Heard::Decided
            }
            _ => undecided(reply, &told),
        }
    }

    /// Changes the stock of what is scarce, each change once.
    pub(super) async fn keep_shop(&self, mut random: StdRng) {
        while self.goes_on() {
            let item = random.random_range(SCARCE);
            let change = match random.random_range(0..4) {
                0 => json!({"stock": random.random_range(0..20)}),
                1 => json!({"change": -random.random_range(1..6)}),
                _ => json!({"change": random.random_range(1..20)}),
            };
            self.restock(&mut random, item, &change).await;
            think(&mut random, 100).await;
        }
    }

    async fn restock(&self, random: &mut StdRng, item: u32, change: &Value) {
        let (order, begun) = (key(), Instant::now());
        loop {
            assert!(begun.elapsed() < PATIENCE, "{order} is not decided");
            let request = self
                .front(random)
                .request("PUT", &format!("/stock/{item}"))
                .bearer_auth(TOKEN)
                .header("idempotency-key", &order)
                .body(change.to_string());
            let hear = |reply: &Reply| {
                let book = reply.json();
                let mut told = json!({"order": order, "item": item, "change": change["change"], "to": change["stock"]});
                match (reply.status, book["code"].as_str()) {
                    (200, _) => {
                        told["status"] = "restocked".into();
                        (told["seq"], told["stock"]) = (book["seq"].clone(), book["stock"].clone());
                    }
                    (409, Some("sold-out")) => told["status"] = "not-restocked".into(),
                    _ => return undecided(reply, &book),
                }
                self.journal.write(&told);
                self.journal.restocks.fetch_add(1, Ordering::Relaxed);
                Heard::Decided
            };
            match self.ask(request, hear).await {
                Heard::Decided => return,
                Heard::NotTaken => {}
                Heard::Unknown(_) => {
                    self.journal.unknown.fetch_add(1, Ordering::Relaxed);
                    self.journal
                        .write(&json!({"order": order, "item": item, "status": "unknown"}));
                }
            }
            think(random, 20).await;
        }
    }

    /// Asks for orders that were decided: they stay decided, with the same receipt.
    pub(super) async fn keep_looking(&self, mut random: StdRng) {
        while self.goes_on() {
            if let Some(known) = self.recall(&mut random) {
                let order = known["order"].as_str().unwrap();
                let seen = known["seq"].as_u64().unwrap_or_default();
                let request = self
                    .front(&mut random)
                    .request("GET", &format!("/orders/{order}"))
                    .header("bookstore-seq", seen);
                let hear = |reply: &Reply| {
                    let told = reply.json();
                    match (reply.status, told["code"].as_str()) {
                        (200, _) => self.journal.write(&receipt(&told)),
                        (404, Some("unknown-order")) => {
                            let missing = json!({"order": order, "item": known["item"], "status": "missing"});
                            self.journal.write(&missing);
                        }
                        _ => return undecided(reply, &told),
                    }
                    self.journal.asked.fetch_add(1, Ordering::Relaxed);
                    Heard::Decided
                };
                // One that is not answered is not asked again: nothing hangs on it.
                let _ = self.ask(request, hear).await;
            }
            think(&mut random, 20).await;
        }
    }

    async fn ask(&self, request: reqwest::RequestBuilder, hear: impl FnOnce(&Reply) -> Heard) -> Heard {
        let _flight = self.journal.begin();
        match try_send(request).await {
            Ok(reply) => hear(&reply),
            Err(error) if error.is_connect() => Heard::NotTaken,
            Err(_) => Heard::Unknown(None),
        }
    }

    fn remember(&self, told: Value) {
        let mut remembered = self.remembered.lock().unwrap();
        if remembered.len() == REMEMBERED_MAX {
            remembered.pop_front();
        }
        remembered.push_back(told);
    }

    fn recall(&self, random: &mut StdRng) -> Option<Value> {
        let remembered = self.remembered.lock().unwrap();
        let last = remembered.len().checked_sub(1)?;
        remembered.get(random.random_range(0..=last)).cloned()
    }
}

/// An answer that is no decision.
fn undecided(reply: &Reply, told: &Value) -> Heard {
    match reply.status {
        503 | 507 | 429 => Heard::NotTaken,
        500 | 502 | 504 => Heard::Unknown(told["order"].as_str().map(str::to_owned)),
        _ => panic!("{} {}", reply.status, reply.body),
    }
}

/// A receipt as it is written down.
fn receipt(receipt: &Value) -> Value {
    let sold = receipt["status"] == "sold";
    json!({
        "order": receipt["order"],
        "item": receipt["item"],
        "quantity": receipt["quantity"],
        "status": if sold { "sold" } else { "sold-out" },
        "recorded": true,
        "seq": receipt["seq"],
        "cost": receipt["cost"],
        "stock": receipt["stock"],
        "at": receipt["at"],
    })
}

/// What people do between two requests, so that they do not all ask at once: it shapes the load and waits for nothing.
async fn think(random: &mut StdRng, longest_ms: u64) {
    tokio::time::sleep(Duration::from_millis(random.random_range(0..longest_ms))).await;
}
