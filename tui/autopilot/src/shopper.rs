//! A shopper: performs the operations of its plan one after another, and reports outcomes to the tally and answers to
//! the audit.

mod idempotency_check;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::client::{Error, Response, ShopClient};
use common::limits::PAGE_BOOKS_DEFAULT;
use common::wire::{OrderLines, OrderStatus, Receipt};
use common::{Deadline, ItemNumber, Quantity, Seq};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use tokio::sync::watch;

use idempotency_check::Decided;

use super::audit::{Asked, Check, Key, Memory, OperationKind, OperationRecord, StockObservation};
use super::outcome::{Outcome, of_failed_read, of_status};
use super::pace::Pace;
use super::plan::{self, Operation, Plans};
use super::run_state::{Control, Shared};
use common::backoff::Backoff;
use common::client::{Resolution, send_until_decided};

/// How long a purchase in flight may take after the run was stopped.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// The first random stream for think times; the streams below are for plans.
const THINKING: u64 = 1 << 32;

/// Runs a shopper until the run stops or its operations are used up, then checks idempotency.
pub(super) async fn run(shared: Arc<Shared>, plans: Arc<Plans>, number: u32) {
    let mut shopper = Shopper::new(&shared, number);
    let stopping = shared.stopping.clone();
    let mut stopped = std::pin::pin!(stopping.cancelled());
    if shopper.come().await {
        for operation in plans.of(number) {
            let due = tokio::select! {
                biased;
                () = stopped.as_mut() => break,
                due = shopper.turn() => due,
            };
            let (Some(due), true) = (due, shared.claim_operation()) else {
                break;
            };
            let verb = operation.verb();
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
            shared.record(verb, outcome, due.elapsed(), last_error);
            shopper.rested = outcome != Outcome::Unavailable;
        }
    }
    shopper.check_idempotency().await;
}

/// A page of books.
#[derive(Debug, Deserialize)]
struct StockObservations {
    books: Vec<StockObservation>,
}

struct Shopper<'a> {
    shared: &'a Shared,
    shop: ShopClient,
    number: u32,
    control: watch::Receiver<Control>,
    /// When the next operation is due; `None` in a closed loop.
    due: Option<(Instant, Duration)>,
    think_rng: ChaCha8Rng,
    has_begun: bool,
    /// Whether the last request was answered.
    rested: bool,
    backoff: Backoff,
    memory: Memory,
    orders: u32,
    told: [Option<Decided>; 2],
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
            think_rng: plan::numbers(shared.settings.seed, THINKING + u64::from(number)),
            has_begun: false,
            rested: true,
            backoff: Backoff::RESEND,
            memory: Memory::new(),
            orders: 0,
            told: [None, None],
            shared,
        }
    }

    /// Waits for the shopper's turn in the ramp-up; returns false if the run stops first.
    async fn come(&mut self) -> bool {
        let settings = &self.shared.settings;
        let shoppers = settings.shoppers.max(1);
        let place = f64::from(self.number) / f64::from(shoppers);
        let mut wait = settings.ramp.mul_f64(place.min(1.0));
        if let Some(period) = settings.pace().period(shoppers) {
            // The first operations are spread evenly over one period.
            wait += period.mul_f64(place.fract());
            self.due = Some((Instant::now() + wait, period));
            return true;
        }
        tokio::select! {
            () = self.shared.stopping.cancelled() => false,
            () = tokio::time::sleep(wait), if !wait.is_zero() => true,
            () = std::future::ready(()), if wait.is_zero() => true,
        }
    }

    /// Waits until the next operation may begin. Returns the time from which its latency counts, or `None` if none is
    /// left.
    async fn turn(&mut self) -> Option<Instant> {
        if !self.control.borrow().lets(self.number) {
            let number = self.number;
            tokio::select! {
                () = self.shared.budget_exhausted.cancelled() => return None,
                turn = self.control.wait_for(|control| control.lets(number)) => drop(turn.ok()?),
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
        if self.rested {
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
                self.looks(&books, seen, answer.ok().and_then(|answer| answer.seq));
                (Outcome::Found, None)
            }
            Err(error) => (of_failed_read(&answer), Some(error)),
        }
    }

    /// Checks that the books in an answer are not older than those seen before.
    fn looks(&mut self, books: &[StockObservation], seen: Seq, seq: Option<Seq>) {
        let mut wrong = Vec::new();
        if let Some(seq) = seq.filter(|seq| *seq < seen) {
            wrong.push(format!(
                "what was read as of entry {seen} was answered as of entry {seq}"
            ));
        }
        for book in books {
            wrong.extend(self.memory.sees(*book).err());
        }
        self.report(books.len(), wrong);
    }

    fn report(&self, looked_at: usize, wrong: Vec<String>) {
        let mut stats = self.shared.stats();
        stats
            .findings
            .count(Check::ReadsGoForward, u64::try_from(looked_at).unwrap_or(0));
        for what in wrong {
            let detail = format!("shopper {}: {what}", self.number);
            stats.findings.add(Check::ReadsGoForward, detail, Vec::new());
        }
    }

    /// Performs a purchase with a new idempotency key.
    async fn buy(&mut self, item: ItemNumber, quantity: Quantity) -> (Outcome, Option<Error>) {
        let shared = self.shared;
        let shopper = u16::try_from(self.number).unwrap_or(super::audit::SHOPKEEPER);
        let key = Key {
            shopper,
            number: self.orders,
        };
        self.orders = self.orders.wrapping_add(1);
        let asked = Asked { item, quantity };
        let is_audited = shared.shop.is_shopkeeper();
        if is_audited {
            shared.watermark.begin(shopper, shared.shop.last_seq());
            shared.history().asks(key);
        }
        let invoked_us = shared.now_us();
        let settled = self.settle(key, asked).await;
        let (outcome, receipt, last_error) = match settled {
            Some(settled) => read_settled(settled),
            None => (Outcome::Unknown, None, None),
        };
        shared.shop.observe_seq(self.shop.last_seq());
        if is_audited {
            let mut history = shared.history();
            match (&receipt, outcome) {
                (Some(receipt), Outcome::Sold) => history.acknowledged(&OperationRecord {
                    seq: receipt.seq,
                    invoked_us,
                    answered_us: shared.now_us(),
                    key,
                    item: receipt.lines[0].item,
                    kind: OperationKind::Sold(receipt.lines[0].quantity, receipt.lines[0].cost),
                    stock: receipt.lines[0].stock,
                }),
                (_, Outcome::Unknown) => history.unsettled(key, asked),
                _ => history.refused(key),
            }
            drop(history);
            shared.watermark.end(shopper);
        }
        self.keeps(key, asked, outcome, receipt);
        (outcome, last_error)
    }

    async fn settle(&self, key: Key, asked: Asked) -> Option<Resolution> {
        let order = self.shared.run.order(key);
        let deadline = Deadline::after(self.shared.settings.patience);
        let purchase = send_until_decided(deadline, || {
            let lines = OrderLines::one(asked.item, asked.quantity);
            self.shop.buy(lines, Some(order), deadline)
        });
        tokio::select! {
            biased;
            settled = purchase => Some(settled),
            () = async {
                self.shared.stopping.cancelled().await;
                tokio::time::sleep(STOP_GRACE).await;
            } => None,
        }
    }

    /// Keeps a decision for the idempotency check.
    fn keeps(&mut self, key: Key, asked: Asked, outcome: Outcome, receipt: Option<Receipt>) {
        if let Some(receipt) = &receipt {
            self.shared.sold(receipt);
            let sight = |stock| StockObservation {
                item: receipt.lines[0].item,
                seq: receipt.seq,
                stock,
            };
            let told = receipt.lines[0]
                .stock
                .map_or(Ok(()), |stock| self.memory.sees(sight(stock)));
            self.report(1, told.err().into_iter().collect());
        }
        let [sold, refused] = &mut self.told;
        match outcome {
            Outcome::Sold => *sold = Some(Decided { key, asked, receipt }),
            Outcome::SoldOut => *refused = Some(Decided { key, asked, receipt }),
            _ => {}
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(answer: &Result<Response, Error>) -> Result<T, Error> {
    answer.as_ref().map_err(Clone::clone).and_then(Response::parse)
}

/// The outcome of a purchase, and its receipt if it was sold.
fn read_settled(settled: Resolution) -> (Outcome, Option<Receipt>, Option<Error>) {
    match settled {
        Resolution::Decided(answer) => match answer.parse::<Receipt>() {
            Ok(receipt) if receipt.status == OrderStatus::Sold => (Outcome::Sold, Some(receipt), None),
            Ok(_) => (Outcome::SoldOut, None, None),
            // The status was a success, but the body could not be parsed.
            Err(error @ Error::Malformed { .. }) => (Outcome::Unknown, None, Some(error)),
            Err(error) => (of_status(answer.status), None, Some(error)),
        },
        Resolution::NotApplied(Ok(answer)) => (of_status(answer.status), None, answer.parse::<Receipt>().err()),
        Resolution::NotApplied(Err(error)) => (Outcome::Unavailable, None, Some(error)),
        Resolution::Unknown(last) => {
            let error = last.and_then(|answer| answer.parse::<Receipt>()).err();
            (Outcome::Unknown, None, error)
        }
    }
}
