//! The ledger thread, the only writer: it decides a batch, appends it, publishes it to the readers, and then answers.

mod history;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use common::reply;
use common::trace::{SpanKind, tracer};
use common::wire::StoreHealth;
use common::{
    Deadline, Entry, Epoch, Incident, InlineVec, ItemNumber, Kind, OrderId, Position, Seq, Timestamp, limits,
};
use tokio::sync::{oneshot, watch};

use super::decide::{CurrentBook, DecisionBatch, DurableState};
use super::decision_index::Lookup;
use super::followers::Followers;
use super::initial_catalog::{self, InitialCatalog};
use super::job::{Job, decide};
use super::metrics::{CatalogMetrics, Tally};
use super::queue::Inbox;
use super::refusal_limit::RefusalLimit;
use super::state::{LedgerEnd, State};
use super::store_status::StoreStatus;
use super::{Error, bootstrap};
use crate::store::{self, Store};

/// Attempts to append one batch. The jobs are rejected if another catalog appends first in each of them.
const ATTEMPTS_MAX: u32 = 8;
/// Number of batches after a conflict that are appended under the append lock.
const LOCKED_BATCHES: u32 = 256;
/// Written to test whether a full disk has space again; larger than the unused rest of a file's last block can be.
const DISK_PROBE: &[u8] = &[0; 16 * 1024];
/// Entries after which a checkpoint is due, which bounds the rebuild at a start. With many books it is due after four
/// entries per book, because their checkpoint costs more.
const CHECKPOINT_ENTRIES: u64 = 250_000;
/// Interval of measuring the ledger's size.
const SIZE_INTERVAL: Duration = Duration::from_secs(10);

/// The handles through which readers use an open store.
#[derive(Debug)]
pub(super) struct ReaderHandles {
    pub(super) store: Arc<dyn Store>,
    pub(super) state: Arc<RwLock<State>>,
    pub(super) end: watch::Receiver<LedgerEnd>,
    pub(super) followers: Arc<Followers>,
}

/// The state of the ledger thread.
#[derive(Debug)]
pub(super) struct LedgerThread {
    store: Arc<dyn Store>,
    state: Arc<RwLock<State>>,
    end: watch::Sender<LedgerEnd>,
    followers: Arc<Followers>,
    status: Arc<StoreStatus>,
    metrics: Arc<CatalogMetrics>,
    /// When the ledger's size was measured last.
    sized_at: Instant,
    last_checkpoint: Seq,
    refusals: RefusalLimit,
    /// Number of batches that are still appended under the append lock.
    locked_batches: u32,
    /// Logs transient append errors that do not change the store's health.
    writing: Incident,
}

impl LedgerThread {
    /// Loads an open store; fills a fresh one from `initial` first.
    pub(super) fn load(
        store: Box<dyn Store>,
        initial: &InitialCatalog,
        status: &Arc<StoreStatus>,
        metrics: &Arc<CatalogMetrics>,
    ) -> Result<Self, store::Error> {
        let store: Arc<dyn Store> = store.into();
        let state = bootstrap::bootstrap(&*store, initial_catalog::load_or_seed(&*store, initial)?)?;
        let end = watch::Sender::new(state.end());
        metrics.set_checkpoint(state.head);
        metrics.measure_ledger(&*store);
        Ok(Self {
            store,
            metrics: Arc::clone(metrics),
            sized_at: Instant::now(),
            last_checkpoint: state.head,
            state: Arc::new(RwLock::new(state)),
            end,
            followers: Arc::default(),
            status: Arc::clone(status),
            refusals: RefusalLimit::default(),
            locked_batches: 0,
            writing: Incident::new("the ledger cannot be written"),
        })
    }

    pub(super) fn reader_handles(&self) -> ReaderHandles {
        ReaderHandles {
            store: Arc::clone(&self.store),
            state: Arc::clone(&self.state),
            end: self.end.subscribe(),
            followers: Arc::clone(&self.followers),
        }
    }

    /// Runs until the queue is closed or the store fails. Moves the senders of the `Close` jobs to `closed`.
    pub(super) fn run(&mut self, mut inbox: Inbox, closed: &mut Vec<oneshot::Sender<()>>) -> Result<(), store::Error> {
        loop {
            let batch = inbox.take_batch();
            if batch.is_empty() {
                return self.checkpoint();
            }
            let mut jobs = Vec::with_capacity(batch.len());
            for job in batch {
                match job {
                    Job::Close(sender) => {
                        // The jobs that are already queued are still executed.
                        inbox.close();
                        closed.push(sender);
                    }
                    job => jobs.push(job),
                }
            }
            self.execute(jobs)?;
            self.checkpoint_if_due()?;
            if self.sized_at.elapsed() > SIZE_INTERVAL {
                self.sized_at = Instant::now();
                self.metrics.measure_ledger(&*self.store);
            }
        }
    }

    /// Decides and appends a batch, and answers its jobs. Decides the whole batch again after a conflict, and on a full disk
    /// without the requests that append entries; at most [`ATTEMPTS_MAX`] times. After an error the store is closed, and no
    /// job is answered.
    fn execute(&mut self, mut jobs: Vec<Job>) -> Result<(), store::Error> {
        let mut has_disk_space = true;
        for _ in 0..ATTEMPTS_MAX {
            if jobs.is_empty() {
                return Ok(());
            }
            let appended = match self.append_batch(&mut jobs, has_disk_space) {
                Err(store::Error::Conflict) => {
                    self.metrics.conflicts.add(1);
                    self.locked_batches = LOCKED_BATCHES;
                    self.catch_up(true).map(|()| None)
                }
                appended => appended.map(Some),
            };
            match appended {
                Ok(Some(entries)) => {
                    self.writing.recovered();
                    self.publish(entries);
                    self.answer(jobs);
                    return Ok(());
                }
                Ok(None) => {}
                Err(error) if error.is_transient() => {
                    if !self.status.record(&error) {
                        self.writing.failed(&error);
                    }
                    match error {
                        store::Error::Full { .. } => has_disk_space = false,
                        _ => self.reject(std::mem::take(&mut jobs), || Error::of_transient(&error)),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.reject(jobs, || Error::CONTENDED);
        Ok(())
    }

    /// Answers jobs that failed and changed nothing.
    fn reject(&self, jobs: Vec<Job>, error: impl Fn() -> Error) {
        let mut tally = Tally::default();
        for job in jobs {
            let error = error();
            job.tally_rejected(&error, &mut tally);
            job.reject(error);
        }
        self.metrics.record(&tally);
    }

    fn answer(&self, jobs: Vec<Job>) {
        let mut tally = Tally::default();
        jobs.iter().for_each(|job| job.tally(&mut tally));
        self.metrics.record(&tally);
        let state = self.read_state();
        reply::send_all(jobs.into_iter().filter_map(|job| job.answer(&state)));
    }

    /// Decides and appends. For [`LOCKED_BATCHES`] batches after a conflict, first takes the append lock. Requests whose deadline passes
    /// during that wait get `Expired`.
    fn append_batch(&mut self, jobs: &mut [Job], has_disk_space: bool) -> Result<Vec<Entry>, store::Error> {
        let remaining = jobs.iter().filter_map(Job::deadline).map(Deadline::remaining).max();
        let (Some(remaining), true) = (remaining, self.locked_batches > 0) else {
            return self.decide_and_append(jobs, has_disk_space);
        };
        self.locked_batches -= 1;
        let appended = match self.store.lock_appends(remaining.min(limits::DEADLINE_MAX)) {
            Ok(()) => self
                .catch_up(false)
                .and_then(|()| self.decide_and_append(jobs, has_disk_space)),
            Err(error) if error.is_transient() => self.decide_and_append(jobs, has_disk_space),
            Err(error) => Err(error),
        };
        self.store.unlock_appends();
        appended
    }

    fn decide_and_append(&mut self, jobs: &mut [Job], has_disk_space: bool) -> Result<Vec<Entry>, store::Error> {
        let end = self.end.borrow().head;
        let durable = Durable {
            state: &self.state,
            store: &*self.store,
            end,
        };
        let batch = DecisionBatch::new(&durable, Timestamp::now())
            .with_capacity(jobs.iter().map(Job::lines).sum())
            .with_refusals_max(self.refusals.remaining(Instant::now()))
            .with_disk_space(has_disk_space);
        let entries = decide(jobs, batch)?;
        #[cfg(feature = "fault-injection")]
        let entries = crate::fault_injection::lose(entries);
        #[cfg(feature = "fault-injection")]
        if crate::fault_injection::is_active(crate::fault_injection::SeededBug::AcknowledgedBeforeDurable) {
            return Ok(entries);
        }
        if self.store.is_shared() {
            self.status.begin_append();
        }
        let span = tracer().filter(|_| !entries.is_empty()).map(|tracer| {
            let causes: Vec<_> = jobs.iter().filter_map(Job::trace).cloned().collect();
            tracer.begin(SpanKind::Internal, "append", &causes)
        });
        let begun = Instant::now();
        let appended = self.store.append(end.seq, &entries);
        self.status.end_append();
        drop(span);
        appended?;
        if !entries.is_empty() {
            self.metrics.appends.record_duration(begun.elapsed());
        }
        #[cfg(feature = "fault-injection")]
        crate::fault_injection::kill_between_lines();
        let refused = entries.iter().filter(|entry| entry.kind == Kind::Refused);
        self.refusals.count(Instant::now(), refused.count());
        match self.status.health() {
            Some(StoreHealth::Ok) => {}
            _ if !entries.is_empty() => self.status.set_ok(),
            // An empty append only reads the head; `confirm_last` writes, and so shows whether the database accepts writes again.
            _ if self.store.is_shared() => self.confirm_last()?,
            // Writing a blob shows whether the disk has space again.
            _ if self.store.put_blob("room", DISK_PROBE).is_ok() => self.status.set_ok(),
            _ => {}
        }
        Ok(entries)
    }

    /// Hands durable entries to the followers, and makes them visible to the other readers.
    fn publish(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        self.followers.apply(entries, &self.state);
        let end = self.read_state().end();
        self.end.send_replace(end);
    }

    fn checkpoint_if_due(&mut self) -> Result<(), store::Error> {
        let (books, head) = {
            let state = self.read_state();
            (state.search_index.book_count() as u64, state.head)
        };
        if head.distance_from(self.last_checkpoint) < CHECKPOINT_ENTRIES.max(books.saturating_mul(4)) {
            return Ok(());
        }
        self.checkpoint()
    }

    fn checkpoint(&mut self) -> Result<(), store::Error> {
        let (books, head, filters) = {
            let mut state = self.write_state();
            (state.books(), state.head, state.decisions.take_unsaved_filters())
        };
        bootstrap::save_filters(&*self.store, filters);
        match self.store.checkpoint(&books, head) {
            // The ledger rebuilds what a checkpoint holds: without one the next start only takes longer.
            Err(error) if error.is_transient() => tracing::warn!(%error, "no checkpoint was written"),
            written => {
                written?;
                self.metrics.record_checkpoint(head);
            }
        }
        self.last_checkpoint = head;
        Ok(())
    }

    fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LedgerThread {
    fn drop(&mut self) {
        self.followers.disconnect();
    }
}

/// The durable state on which a batch is decided.
struct Durable<'a> {
    state: &'a RwLock<State>,
    store: &'a dyn Store,
    end: Position,
}

impl DurableState for Durable<'_> {
    type Error = store::Error;

    fn head(&self) -> Seq {
        self.end.seq
    }

    fn epoch(&self) -> Epoch {
        self.end.epoch
    }

    fn book(&self, item: ItemNumber) -> Option<CurrentBook> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.current_book(item)
    }

    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, store::Error> {
        let ranges = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            match state.decisions.lookup(order) {
                Lookup::Found(entries) => return Ok(entries),
                Lookup::Absent => return Ok(InlineVec::new()),
                Lookup::MaybeIn(ranges) => ranges,
            }
        };
        bootstrap::find(self.store, order, ranges)
    }
}
