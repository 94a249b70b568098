//! A shopper: performs the operations of its plan one after another, and reports outcomes to the tally and answers to
//! the audit.

mod idempotency_check;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::backoff::Backoff;
use common::client::{Error, Resolution, Response, ShopClient, send_until_decided};
use common::limits::PAGE_BOOKS_DEFAULT;
use common::wire::{OrderLines, Receipt};
use common::{Deadline, ItemNumber, Quantity, Seq};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use tokio::sync::watch;

use idempotency_check::Decided;

use super::audit::{
    ChangeKind, ChangeOutcome, ChangeRecord, Check, LastSeen, OrderKey, Requested, SHOPKEEPER, StockObservation,
};
use super::outcome::{Outcome, of_failed_read, of_purchase};
use super::pace::Pace;
use super::plan::{self, Operation, Plans};
use super::run_state::{Control, Shared};

/// How long a purchase in flight may take after the run was stopped.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// The first random stream for think times; the streams below are for plans.
const THINK_STREAM: u64 = 1 << 32;

/// Runs a shopper until the run stops or its operations are used up, then checks idempotency.
pub(super) async fn run(shared: Arc<Shared>, plans: Arc<Plans>, number: u32) {
    let mut shopper = Shopper::new(&shared, number);
    let stopping = shared.stopping.clone();
    let mut stopped = std::pin::pin!(stopping.cancelled());
    if shopper.wait_for_ramp_up().await {
        for operation in plans.of(number) {
            let due = tokio::select! {
                biased;
                () = stopped.as_mut() => break,
                due = shopper.wait_until_due() => due,
            };
            let (Some(due), true) = (due, shared.claim_operation()) else {
                break;
            };
            let kind = operation.kind();
            let performed = match operation {
                // An operation in flight may still succeed, so it is awaited.
                Operation::Buy { item, quantity } => Some(shopper.buy(item, quantity).await),
                read => tokio::select! {
                    biased;
                    performed = shopper.read(&read) => Some(performed),
                    () = stopped.as_mut() => None,
                },
            };
            let Some((outcome, last_error)) = performed else { break };
            shared.record(kind, outcome, due.elapsed(), last_error);
            shopper.is_store_available = outcome != Outcome::Unavailable;
        }
    }
    shopper.check_idempotency().await;
}

/// What the audit needs of a page of books.
#[derive(Debug, Deserialize)]
struct StockObservations {
    books: Vec<StockObservation>,
}

struct Shopper<'a> {
    shared: &'a Shared,
    shop: ShopClient,
    number: u32,
    control: watch::Receiver<Control>,
    /// When the next operation is due, and the period; `None` in a closed loop.
    due: Option<(Instant, Duration)>,
    think_rng: ChaCha8Rng,
    has_begun: bool,
    is_store_available: bool,
    backoff: Backoff,
    last_seen: LastSeen,
    orders: u32,
    /// The last sale and the last refusal.
    decided: [Option<Decided>; 2],
}

impl<'a> Shopper<'a> {
    fn new(shared: &'a Shared, number: u32) -> Self {
        let shop = shared.shop.new_session();
        shop.observe_seq(shared.shop.last_seq());
        Self {
            shop,
            number,
            control: shared.control.subscribe(),
            due: None,
            think_rng: plan::rng(shared.settings.seed, THINK_STREAM + u64::from(number)),
            has_begun: false,
            is_store_available: true,
            backoff: Backoff::RESEND,
            last_seen: LastSeen::default(),
            orders: 0,
            decided: [None, None],
            shared,
        }
    }

    /// Waits for the shopper's start in the ramp-up; returns false if the run stops first.
    async fn wait_for_ramp_up(&mut self) -> bool {
        let settings = &self.shared.settings;
        let shoppers = settings.shoppers.max(1);
        let offset = f64::from(self.number) / f64::from(shoppers);
        let mut wait = settings.ramp.mul_f64(offset.min(1.0));
        if let Some(period) = settings.pace().period(shoppers) {
            // The first operations are spread evenly over one period.
            wait += period.mul_f64(offset.fract());
            self.due = Some((Instant::now() + wait, period));
            return true;
        }
        if wait.is_zero() {
            return true;
        }
        tokio::select! {
            () = self.shared.stopping.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    /// Waits until the next operation may begin. Returns the time from which its latency counts, or `None` if none is
    /// left.
    async fn wait_until_due(&mut self) -> Option<Instant> {
        if !self.control.borrow().allows(self.number) {
            let number = self.number;
            tokio::select! {
                () = self.shared.budget_exhausted.cancelled() => return None,
                allowed = self.control.wait_for(|control| control.allows(number)) => drop(allowed.ok()?),
            }
            // Operations that were due during a pause are skipped.
            if let Some((due, _)) = &mut self.due {
                *due = Instant::now().max(*due);
            }
        }
        match (&mut self.due, self.shared.settings.pace()) {
            (Some((due, period)), _) => {
                let begins = *due;
                *due += *period;
                if begins > Instant::now() {
                    tokio::time::sleep_until(begins.into()).await;
                }
                return Some(begins);
            }
            (None, Pace::Closed(think)) if self.has_begun => {
                let pause = think.pause(&mut self.think_rng);
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
            _ => {}
        }
        self.has_begun = true;
        if self.is_store_available {
            self.backoff.reset();
        } else {
            tokio::time::sleep(self.backoff.next_delay()).await;
        }
        Some(Instant::now())
    }

    /// Performs a search or a lookup.
    async fn read(&mut self, operation: &Operation) -> (Outcome, Option<Error>) {
        let seen = self.shop.last_seq();
        let (answer, found) = match operation {
            Operation::Search { topic } => {
                let answer = self.shop.search_topic(topic, None, PAGE_BOOKS_DEFAULT).await;
                let found = parse::<StockObservations>(&answer).map(|page| page.books);
                (answer, found)
            }
            Operation::Lookup { item } | Operation::Buy { item, .. } => {
                let answer = self.shop.lookup(*item).await;
                let found = parse::<StockObservation>(&answer).map(|book| vec![book]);
                (answer, found)
            }
        };
        self.shared.shop.observe_seq(self.shop.last_seq());
        match found {
            Ok(books) => {
                self.shared.observe(&books);
                self.check_freshness(&books, seen, answer.ok().and_then(|answer| answer.seq));
                (Outcome::Found, None)
            }
            Err(error) => (of_failed_read(&answer), Some(error)),
        }
    }

    /// Checks that the books in an answer are not older than those seen before.
    fn check_freshness(&mut self, books: &[StockObservation], seen: Seq, seq: Option<Seq>) {
        let older = seq.filter(|seq| *seq < seen);
        let older = older.map(|seq| format!("what was read as of entry {seen} was answered as of entry {seq}"));
        let stale = books.iter().filter_map(|book| self.last_seen.observe(*book).err());
        let stale: Vec<_> = older.into_iter().chain(stale).collect();
        let findings = &mut self.shared.stats().findings;
        findings.count(Check::ReadsGoForward, books.len() as u64);
        for detail in stale {
            let detail = format!("shopper {}: {detail}", self.number);
            findings.add(Check::ReadsGoForward, detail, Vec::new());
        }
    }

    /// Performs a purchase with a new idempotency key.
    async fn buy(&mut self, item: ItemNumber, quantity: Quantity) -> (Outcome, Option<Error>) {
        let shared = self.shared;
        let key = OrderKey {
            shopper: u16::try_from(self.number).unwrap_or(SHOPKEEPER),
            number: self.orders,
        };
        self.orders = self.orders.wrapping_add(1);
        let requested = Requested { item, quantity };
        let invoked_us = shared.begin_change(key);
        let (outcome, receipt, last_error) = match self.send_purchase(key, requested).await {
            Some(resolution) => of_purchase(resolution),
            None => (Outcome::Unknown, None, None),
        };
        shared.shop.observe_seq(self.shop.last_seq());
        let audited = match (&receipt, outcome) {
            (Some(receipt), Outcome::Sold) => ChangeOutcome::Acknowledged(ChangeRecord {
                seq: receipt.seq,
                invoked_us,
                answered_us: shared.now_us(),
                key,
                item: receipt.lines[0].item,
                kind: ChangeKind::Sold(receipt.lines[0].quantity, receipt.lines[0].cost),
                stock: receipt.lines[0].stock,
            }),
            (_, Outcome::Unknown) => ChangeOutcome::Unknown(requested),
            _ => ChangeOutcome::Refused,
        };
        shared.end_change(key, audited);
        if let Some(receipt) = &receipt {
            self.observe_receipt(receipt);
        }
        let [sold, refused] = &mut self.decided;
        let slot = match outcome {
            Outcome::Sold => sold,
            Outcome::SoldOut => refused,
            _ => return (outcome, last_error),
        };
        *slot = Some(Decided {
            key,
            requested,
            receipt,
        });
        (outcome, last_error)
    }

    /// Sends a purchase until it is decided; `None` if the run is stopped first.
    async fn send_purchase(&self, key: OrderKey, requested: Requested) -> Option<Resolution> {
        let order = self.shared.run_id.order(key);
        let deadline = Deadline::after(self.shared.settings.order_timeout);
        let Requested { item, quantity } = requested;
        let purchase = send_until_decided(deadline, || {
            self.shop.buy(OrderLines::one(item, quantity), Some(order), deadline)
        });
        tokio::select! {
            biased;
            resolution = purchase => Some(resolution),
            () = async {
                self.shared.stopping.cancelled().await;
                tokio::time::sleep(STOP_GRACE).await;
            } => None,
        }
    }

    fn observe_receipt(&mut self, receipt: &Receipt) {
        self.shared.sold(receipt);
        let line = &receipt.lines[0];
        let observation = line.stock.map(|stock| StockObservation {
            item: line.item,
            seq: receipt.seq,
            stock,
        });
        self.check_freshness(observation.as_slice(), receipt.seq, None);
    }
}

fn parse<T: serde::de::DeserializeOwned>(answer: &Result<Response, Error>) -> Result<T, Error> {
    answer.as_ref().map_err(Clone::clone).and_then(Response::parse)
}
