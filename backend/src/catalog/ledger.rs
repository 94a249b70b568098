//! The one thread that writes: it decides a batch, appends it, shows it to the readers, and then answers.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use common::wire::{Book, Decision, Outcome, Sale};
use common::{Entry, ItemNumber, Kind, OrderId, Seq, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use super::bootstrap;
use super::decide::{Batch, DurableState, StockAndPrice, StockUpdate, Verdict};
use super::decision_index::{DecisionIndex, Lookup};
use super::state::State;
use crate::store::{self, Store};

/// How often a batch is decided again because another catalog was faster.
const CONFLICTS_MAX: u32 = 8;
/// The longest rest after the first conflict; it doubles with each.
const BACK_OFF: Duration = Duration::from_millis(2);
/// After so many entries without one a checkpoint is written, so that a start after a crash stays quick; more where
/// there are many books, as their checkpoint is dearer.
const CHECKPOINT_ENTRIES: u64 = 250_000;

/// One request to the ledger.
#[derive(Debug, Clone)]
pub(super) enum Job {
    /// A batch of sales.
    Sell(Vec<Sale>),
    /// A stock change.
    UpdateStock(StockUpdate),
    /// Nothing but the head is to be confirmed.
    Confirm,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum JobOutcome {
    Sold(Vec<Decision>, Seq),
    Changed(Verdict, Option<Book>, Seq),
    Confirmed,
}

/// Why nothing became of it, and nothing was changed.
#[derive(Debug, Clone)]
pub(super) enum JobRejected {
    /// Other catalogs were faster, again and again.
    Busy,
    /// There is no room.
    Full(String),
}

type Replies = Vec<Result<JobOutcome, JobRejected>>;
type Work = (Vec<Job>, oneshot::Sender<Replies>);

/// Hands batches to the thread.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::Sender<Work>);

impl Writer {
    /// Carries out a batch; no replies where nobody knows what became of it.
    pub(super) async fn carry_out(self, jobs: Vec<Job>) -> Replies {
        let (reply, replies) = oneshot::channel();
        if self.0.send((jobs, reply)).await.is_err() {
            return Replies::new();
        }
        replies.await.unwrap_or_default()
    }
}

/// The thread.
#[derive(Debug)]
pub(super) struct Ledger {
    writer: Writer,
    closing: Mutex<Option<oneshot::Sender<()>>>,
    ended: watch::Receiver<Option<String>>,
    gone: watch::Receiver<()>,
}

impl Ledger {
    pub(super) fn start(
        store: Arc<dyn Store>,
        state: Arc<RwLock<State>>,
        head: watch::Sender<Seq>,
    ) -> Result<Self, store::Error> {
        let (work, inbox) = mpsc::channel(1);
        let (closing, close) = oneshot::channel();
        let (end, ended) = watch::channel(None);
        let (going, gone) = watch::channel(());
        let last_checkpoint = *head.borrow();
        let mut thread = Thread {
            store,
            state,
            head,
            last_checkpoint,
        };
        let run = move || {
            if let Err(error) = thread.run(inbox, close) {
                tracing::error!(%error, "the ledger is closed");
                end.send_replace(Some(format!("the ledger is closed: {error}")));
            }
            drop(going);
        };
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(run)
            .map_err(store::Error::io("start a thread for", "ledger".as_ref()))?;
        Ok(Self {
            writer: Writer(work),
            closing: Mutex::new(Some(closing)),
            ended,
            gone,
        })
    }

    pub(super) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    pub(super) fn ended(&self) -> watch::Receiver<Option<String>> {
        self.ended.clone()
    }

    /// Ends the thread after the batch in hand and a checkpoint.
    pub(super) async fn close(&self) {
        let closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Gone already if the store failed.
        let _ = closing.map(|closing| closing.send(()));
        let mut gone = self.gone.clone();
        while gone.changed().await.is_ok() {}
    }
}

struct Thread {
    store: Arc<dyn Store>,
    state: Arc<RwLock<State>>,
    head: watch::Sender<Seq>,
    /// The entry of the last checkpoint.
    last_checkpoint: Seq,
}

impl Thread {
    fn run(&mut self, mut inbox: mpsc::Receiver<Work>, close: oneshot::Receiver<()>) -> Result<(), store::Error> {
        let Ok(waiting) = tokio::runtime::Builder::new_current_thread().build() else {
            return Err(store::Error::Closed);
        };
        let mut close = close;
        loop {
            let work = waiting.block_on(async {
                tokio::select! {
                    biased;
                    work = inbox.recv() => work,
                    _ = &mut close => None,
                }
            });
            let Some((jobs, reply)) = work else { break };
            let replies = self.carry_out(&jobs)?;
            // Whoever asked may be gone; what was decided stands.
            let _ = reply.send(replies);
            self.checkpoint_if_due()?;
        }
        self.checkpoint()
    }

    /// Decides and appends until no other catalog is faster.
    fn carry_out(&mut self, jobs: &[Job]) -> Result<Replies, store::Error> {
        for conflicts in 0..CONFLICTS_MAX {
            let now = Timestamp::now();
            let head = *self.head.borrow();
            let appended = self.decide(jobs, now).and_then(|(entries, verdicts)| {
                #[cfg(feature = "fault-injection")]
                let entries = crate::fault_injection::drop_last_entry(entries);
                #[cfg(feature = "fault-injection")]
                if crate::fault_injection::is_active(crate::fault_injection::Fault::AcknowledgedBeforeDurable) {
                    return Ok((entries, verdicts));
                }
                self.store.append(head, &entries)?;
                Ok((entries, verdicts))
            });
            let behind = match appended {
                Ok((entries, verdicts)) => {
                    self.publish(entries);
                    return Ok(self.replies(verdicts));
                }
                Err(store::Error::Conflict) => self.catch_up(),
                Err(error) => Err(error),
            };
            match behind {
                Ok(()) => {
                    let rest = BACK_OFF.saturating_mul(1 << conflicts).mul_f64(rand::random());
                    thread::park_timeout(rest);
                }
                Err(error @ store::Error::Full { .. }) => {
                    tracing::warn!(%error, "nothing was written");
                    return Ok(all(jobs, &JobRejected::Full(error.to_string())));
                }
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "nothing was written");
                    return Ok(all(jobs, &JobRejected::Busy));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all(jobs, &JobRejected::Busy))
    }

    fn decide(&self, jobs: &[Job], now: Timestamp) -> Result<(Vec<Entry>, Vec<Verdicts>), store::Error> {
        let durable = Snapshot {
            state: &self.state,
            store: &*self.store,
            head: *self.head.borrow(),
        };
        let mut batch = Batch::new(&durable, now);
        let mut verdicts = Vec::with_capacity(jobs.len());
        for job in jobs {
            verdicts.push(match job {
                Job::Sell(sales) => Verdicts::Sales(
                    sales
                        .iter()
                        .map(|sale| Ok((sale.id, sale.item, batch.sell(sale)?)))
                        .collect::<Result<_, store::Error>>()?,
                ),
                Job::UpdateStock(change) => Verdicts::Change(change.item, batch.update_stock(change)?),
                Job::Confirm => Verdicts::Confirm,
            });
        }
        Ok((batch.into_entries(), verdicts))
    }

    /// Shows durable entries to the readers.
    fn publish(&self, entries: Vec<Entry>) {
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            return;
        };
        {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            entries.into_iter().for_each(|entry| state.apply(entry));
        }
        self.head.send_replace(last);
    }

    /// Follows what other catalogs appended.
    fn catch_up(&self) -> Result<(), store::Error> {
        loop {
            let head = *self.head.borrow();
            let entries = bootstrap::next_page(&*self.store, head)?;
            if entries.is_empty() {
                return Ok(());
            }
            // Only stock changes have an id. A book that came, went or has another title is not in the ledger whole.
            let shelves_changed = entries
                .iter()
                .any(|entry| entry.kind == Kind::Withdrawn || (entry.kind == Kind::Set && entry.order.is_none()));
            if shelves_changed {
                self.reload()?;
            } else {
                self.publish(entries);
            }
        }
    }

    /// Takes all books from the store again, and the entries up to then. The readers wait for neither.
    fn reload(&self) -> Result<(), store::Error> {
        let loaded = self.store.load()?;
        let head = loaded.head;
        let entries = bootstrap::entries(&*self.store, *self.head.borrow(), head)?;
        let mut fresh = State::new(loaded, DecisionIndex::default());
        {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            fresh.decisions = std::mem::take(&mut state.decisions);
            entries.into_iter().for_each(|entry| fresh.decisions.push(entry));
            *state = fresh;
        }
        self.head.send_replace(head);
        Ok(())
    }

    fn replies(&self, verdicts: Vec<Verdicts>) -> Replies {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let title = |item: ItemNumber| {
            let place = state.search_index.idx(item)?;
            state.search_index.meta(place).map(|meta| meta.title.clone())
        };
        verdicts
            .into_iter()
            .map(|verdicts| {
                Ok(match verdicts {
                    Verdicts::Sales(verdicts) => {
                        let decisions = verdicts
                            .into_iter()
                            .map(|(order, item, verdict)| decision(order, verdict, title(item)));
                        JobOutcome::Sold(decisions.collect(), state.head)
                    }
                    Verdicts::Change(item, verdict) => {
                        let book = match &verdict {
                            Verdict::Recorded { entry, .. } => state.book(item).map(|book| book_after(book, entry)),
                            _ => None,
                        };
                        JobOutcome::Changed(verdict, book, state.head)
                    }
                    Verdicts::Confirm => JobOutcome::Confirmed,
                })
            })
            .collect()
    }

    fn checkpoint_if_due(&mut self) -> Result<(), store::Error> {
        let (books, head) = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            (state.search_index.count() as u64, state.head)
        };
        if head.distance_from(self.last_checkpoint) < CHECKPOINT_ENTRIES.max(books.saturating_mul(4)) {
            return Ok(());
        }
        self.checkpoint()
    }

    fn checkpoint(&mut self) -> Result<(), store::Error> {
        let (books, head, notes) = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            (state.books(), state.head, state.decisions.take_filter_snapshots())
        };
        bootstrap::save_filters(&*self.store, notes);
        match self.store.checkpoint(&books, head) {
            Ok(()) => {
                self.last_checkpoint = head;
                Ok(())
            }
            // The ledger alone rebuilds everything; the next start only takes longer.
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "no checkpoint was written");
                self.last_checkpoint = head;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// The verdicts on one job.
enum Verdicts {
    Sales(Vec<(OrderId, ItemNumber, Verdict)>),
    Change(ItemNumber, Verdict),
    Confirm,
}

/// The durable state, as [`Batch`] sees it.
struct Snapshot<'a> {
    state: &'a RwLock<State>,
    store: &'a dyn Store,
    head: Seq,
}

impl DurableState for Snapshot<'_> {
    type Error = store::Error;

    fn head(&self) -> Seq {
        self.head
    }

    fn stock_and_price(&self, item: ItemNumber) -> Option<StockAndPrice> {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .stock_and_price(item)
    }

    fn find_decision(&self, order: OrderId) -> Result<Option<Entry>, store::Error> {
        let among = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            match state.decisions.lookup(order) {
                Lookup::Found(entry) => return Ok(Some(entry.clone())),
                Lookup::Absent => return Ok(None),
                Lookup::MaybeIn(among) => among,
            }
        };
        bootstrap::find(self.store, order, among)
    }
}

fn all(jobs: &[Job], undone: &JobRejected) -> Replies {
    jobs.iter().map(|_| Err(undone.clone())).collect()
}

fn decision(order: OrderId, verdict: Verdict, title: Option<String>) -> Decision {
    let mut decision = Decision {
        order,
        outcome: Outcome::Refused,
        replayed: false,
        entry: None,
        title: None,
        reason: None,
        stock: None,
    };
    match verdict {
        Verdict::Recorded { entry, replayed } => {
            if entry.kind == Kind::Sold {
                decision.outcome = Outcome::Sold;
            }
            decision.replayed = replayed;
            decision.entry = Some(entry);
            decision.title = title;
        }
        Verdict::Refused { reason, stock } => {
            decision.reason = Some(reason);
            decision.stock = stock;
        }
        Verdict::KeyReused => decision.outcome = Outcome::KeyReused,
        // A sale never takes a stock out of its range: it is refused first.
        Verdict::Expired | Verdict::OutOfRange => decision.outcome = Outcome::Expired,
    }
    #[cfg(feature = "fault-injection")]
    let decision = crate::fault_injection::misreport(decision);
    decision
}

/// The book as it was right after an entry, which is the same however often it is asked for.
fn book_after(book: Book, entry: &Entry) -> Book {
    Book {
        stock: entry.stock_after.unwrap_or(book.stock),
        seq: entry.seq,
        ..book
    }
}
