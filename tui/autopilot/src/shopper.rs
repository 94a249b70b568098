//! A shopper: performs the operations of its plan one after another; reports outcomes to the tally and answers to the audit.

mod idempotency_check;
mod purchase;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use common::backoff::Backoff;
use common::client::{Error, Response, ShopClient};
use common::limits::PAGE_BOOKS_DEFAULT;
use common::{ItemNumber, Position};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use tokio::sync::watch;

use idempotency_check::DecidedPurchase;

use super::audit::{Check, LastSeen, StockObservation};
use super::outcome::{OperationKind, Outcome, of_failed_read};
use super::pace::Pace;
use super::plan::{self, Operation, Plans};
use super::run_state::{Control, RunState};

/// The first random stream of think times; lower streams are those of plans.
const THINK_STREAM: u64 = 1 << 32;
/// The most samples of a shopper's overdue operations; beyond it one sample stands for several.
const OVERDUE_SAMPLES_MAX: u64 = 1_000;

/// Runs a shopper until the run stops or its operations are used up, then checks idempotency.
pub(super) async fn run(shared: Arc<RunState>, plans: Arc<Plans>, number: u32) {
    let mut shopper = Shopper::new(&shared, number);
    let stopping = shared.stopping.clone();
    let mut stopped = std::pin::pin!(stopping.cancelled());
    if shopper.wait_for_ramp_up().await {
        let mut plan = plans.of(number);
        let mut next = plan.next();
        while let Some(operation) = &next {
            let due = tokio::select! {
                biased;
                () = stopped.as_mut() => break,
                due = shopper.wait_until_due() => due,
            };
            let (Some(due), true) = (due, shared.claim_operation()) else {
                break;
            };
            shopper.begin(due);
            let performed = match operation {
                // A purchase in flight may still succeed, so the end of the run does not cancel it.
                Operation::Buy(lines) => Some(shopper.buy(lines).await),
                Operation::Search { topic } => until_stopped(stopped.as_mut(), shopper.search(topic)).await,
                Operation::Lookup { item } => until_stopped(stopped.as_mut(), shopper.lookup(*item)).await,
            };
            let Some((outcome, last_error)) = performed else {
                shopper.record_unfinished(operation.kind(), due, 1);
                next = plan.next();
                break;
            };
            shopper.end();
            shared.record(operation, outcome, due.elapsed(), last_error);
            shopper.is_store_available = outcome != Outcome::Unavailable;
            next = plan.next();
        }
        shopper.record_overdue(next.into_iter().chain(plan));
    }
    shopper.check_idempotency().await;
}

/// Performs an operation; `None` if the run is stopped first.
async fn until_stopped<T>(
    stopped: Pin<&mut impl Future<Output = ()>>,
    operation: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        performed = operation => Some(performed),
        () = stopped => None,
    }
}

/// The part of a page of books that the audit needs.
#[derive(Debug, Deserialize)]
struct StockObservations {
    books: Vec<StockObservation>,
}

struct Shopper<'a> {
    shared: &'a RunState,
    shop: ShopClient,
    number: u32,
    control: watch::Receiver<Control>,
    /// When the next operation is due; `None` in a closed loop.
    due: Option<Instant>,
    think_rng: ChaCha8Rng,
    has_begun: bool,
    is_store_available: bool,
    backoff: Backoff,
    last_seen: LastSeen,
    orders: u32,
    /// The last sale and the last refusal, for the idempotency check.
    decided: [Option<DecidedPurchase>; 2],
}

impl<'a> Shopper<'a> {
    fn new(shared: &'a RunState, number: u32) -> Self {
        let shop = shared.shop.new_session();
        shop.observe_position(shared.shop.last_position());
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
            self.set_due(Some(Instant::now() + wait));
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

    /// Waits until the next operation may begin. Returns the time from which its latency counts, or `None` if no operation
    /// is left.
    async fn wait_until_due(&mut self) -> Option<Instant> {
        if !self.control.borrow().allows(self.number) {
            let number = self.number;
            self.announce(None);
            tokio::select! {
                () = self.shared.budget_exhausted.cancelled() => return None,
                allowed = self.control.wait_for(|control| control.allows(number)) => drop(allowed.ok()?),
            }
            // Operations that were due during a pause are skipped.
            self.set_due(self.due.map(|due| Instant::now().max(due)));
        }
        match (self.due, self.shared.settings.pace()) {
            (Some(due), _) => {
                if due > Instant::now() {
                    tokio::time::sleep_until(due.into()).await;
                }
                return Some(due);
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

    fn set_due(&mut self, due: Option<Instant>) {
        self.due = due;
        self.announce(due);
    }

    /// Sets the due time of the next operation in the schedule.
    fn announce(&self, due: Option<Instant>) {
        if let Some(schedule) = &self.shared.schedule {
            schedule.set_next(self.number, due);
        }
    }

    /// Begins the operation that was due at `due`.
    fn begin(&mut self, due: Instant) {
        if let Some(schedule) = &self.shared.schedule {
            self.due = Some(schedule.begin(self.number, due));
        }
    }

    /// Ends the operation in flight.
    fn end(&self) {
        if let Some(schedule) = &self.shared.schedule {
            schedule.end(self.number);
        }
    }

    /// In an open loop, counts the age of unfinished operations at the end of the run as their latency.
    fn record_unfinished(&self, kind: OperationKind, due: Instant, count: u64) {
        if self.shared.schedule.is_some() {
            let age = self.shared.end().at.saturating_duration_since(due);
            self.shared.stats().tally.record_unfinished(kind, age, count);
        }
    }

    /// Counts the operations that were due at the end of the run and not begun.
    fn record_overdue(&self, plan: impl Iterator<Item = Operation>) {
        let Some(schedule) = &self.shared.schedule else { return };
        // A shopper also ends when all operations are claimed; other shoppers may still perform theirs then.
        if !self.shared.stopping.is_cancelled() {
            return;
        }
        let Some(overdue) = schedule.abandon(self.number, self.shared.end().at) else {
            return;
        };
        let step = overdue.count.div_ceil(OVERDUE_SAMPLES_MAX);
        let indices = (0..overdue.count).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        for (index, operation) in indices.zip(plan) {
            let count = step.min(overdue.count - index);
            self.record_unfinished(operation.kind(), overdue.due(index), count);
        }
    }

    async fn search(&mut self, topic: &str) -> (Outcome, Option<Error>) {
        let seen = self.shop.last_position();
        let answer = self.shop.search_topic(topic, None, PAGE_BOOKS_DEFAULT).await;
        let found = parse::<StockObservations>(&answer).map(|page| page.books);
        self.observe(seen, answer, found)
    }

    async fn lookup(&mut self, item: ItemNumber) -> (Outcome, Option<Error>) {
        let seen = self.shop.last_position();
        let answer = self.shop.lookup(item).await;
        let found = parse::<StockObservation>(&answer).map(|book| vec![book]);
        self.observe(seen, answer, found)
    }

    /// Records the books in an answer; `seen` is the last entry seen before the request.
    fn observe(
        &mut self,
        seen: Position,
        answer: Result<Response, Error>,
        found: Result<Vec<StockObservation>, Error>,
    ) -> (Outcome, Option<Error>) {
        self.shared.shop.observe_position(self.shop.last_position());
        match found {
            Ok(books) => {
                self.shared.observe(&books);
                self.check_freshness(&books, seen, answer.ok().and_then(|answer| answer.seq));
                (Outcome::Found, None)
            }
            Err(error) => (of_failed_read(&answer), Some(error)),
        }
    }

    /// Checks that no book in an answer is older than it was seen before.
    fn check_freshness(&mut self, books: &[StockObservation], seen: Position, seq: Option<Position>) {
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
}

fn parse<T: serde::de::DeserializeOwned>(answer: &Result<Response, Error>) -> Result<T, Error> {
    answer.as_ref().map_err(Clone::clone).and_then(Response::parse)
}
