//! The thread that writes: it decides a batch, appends it, publishes it to the readers, and then answers.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use common::reply;
use common::trace::{SpanKind, tracer};
use common::wire::StoreHealth;
use common::{
    Deadline, Entry, Epoch, Incident, InlineVec, ItemNumber, Kind, OrderId, Position, Seq, Timestamp, limits,
};
use tokio::sync::{oneshot, watch};

use super::decide::{Batch, CurrentBook, DurableState};
use super::decision_index::Lookup;
use super::followers::Followers;
use super::job::{Job, decide};
use super::metrics::{CatalogMetrics, Tally};
use super::queue::Inbox;
use super::refusal_limit::RefusalLimit;
use super::seed::{self, InitialCatalog};
use super::state::{LedgerEnd, State};
use super::store_status::StoreStatus;
use super::{Error, bootstrap};
use crate::store::{self, Store};

/// Attempts to append one batch. If another catalog appends first every time, the jobs are rejected.
const ATTEMPTS_MAX: u32 = 8;
/// After a conflict the catalogs take turns for so many batches.
const TURNS: u32 = 256;
/// What is written to find out whether a full disk has room again: more than is left in the last block of a file.
const ROOM: &[u8] = &[0; 16 * 1024];
/// A checkpoint is written after so many entries, so that a start after a crash stays quick; after more where there are
/// many books, because their checkpoint costs more.
const CHECKPOINT_ENTRIES: u64 = 250_000;
/// How often the size of the ledger is read.
const SIZE_INTERVAL: Duration = Duration::from_secs(10);

/// What the readers of an open store use.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) store: Arc<dyn Store>,
    pub(super) state: Arc<RwLock<State>>,
    pub(super) end: watch::Receiver<LedgerEnd>,
    pub(super) followers: Arc<Followers>,
}

/// The thread's own state.
#[derive(Debug)]
pub(super) struct Writer {
    store: Arc<dyn Store>,
    state: Arc<RwLock<State>>,
    end: watch::Sender<LedgerEnd>,
    followers: Arc<Followers>,
    status: Arc<StoreStatus>,
    metrics: Arc<CatalogMetrics>,
    /// When the size of the ledger was read last.
    sized_at: Instant,
    last_checkpoint: Seq,
    refusals: RefusalLimit,
    /// The next batches for which this catalog waits for its turn.
    turns: u32,
    /// Failures that are not about the condition of the store.
    writing: Incident,
}

impl Writer {
    /// Loads an open store; a fresh one is seeded from `initial` first.
    pub(super) fn load(
        store: Box<dyn Store>,
        initial: &InitialCatalog,
        status: &Arc<StoreStatus>,
        metrics: &Arc<CatalogMetrics>,
    ) -> Result<Self, store::Error> {
        let store: Arc<dyn Store> = store.into();
        let state = bootstrap::bootstrap(&*store, seed::load_or_seed(&*store, initial)?)?;
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
            turns: 0,
            writing: Incident::new("nothing can be written"),
        })
    }

    /// What the readers need.
    pub(super) fn loaded(&self) -> Loaded {
        Loaded {
            store: Arc::clone(&self.store),
            state: Arc::clone(&self.state),
            end: self.end.subscribe(),
            followers: Arc::clone(&self.followers),
        }
    }

    /// Runs until the queue is closed or the store fails. Gives the senders of the `Close` jobs back in `closed`.
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
                        // What is queued already is still done.
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

    /// Decides and appends a batch and answers its jobs. After a conflict the whole batch is decided again, a limited
    /// number of times, and on a full disk once more without what needs room. An error means that the store is closed: no
    /// job is answered.
    fn execute(&mut self, mut jobs: Vec<Job>) -> Result<(), store::Error> {
        let mut has_room = true;
        for _ in 0..ATTEMPTS_MAX {
            if jobs.is_empty() {
                return Ok(());
            }
            let appended = match self.append_in_turn(&mut jobs, has_room) {
                Err(store::Error::Conflict) => {
                    self.metrics.conflicts.add(1);
                    self.turns = TURNS;
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
                        store::Error::Full { .. } => has_room = false,
                        _ => self.reject(std::mem::take(&mut jobs), || Error::of_transient(&error)),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.reject(jobs, || Error::CONTENDED);
        Ok(())
    }

    /// Answers that jobs failed and changed nothing.
    fn reject(&self, jobs: Vec<Job>, error: impl Fn() -> Error) {
        let mut tally = Tally::default();
        for job in jobs {
            let error = error();
            job.tally_rejected(&error, &mut tally);
            job.reject(error);
        }
        self.metrics.record(&tally);
    }

    /// Answers the jobs of a batch.
    fn answer(&self, jobs: Vec<Job>) {
        let mut tally = Tally::default();
        jobs.iter().for_each(|job| job.tally(&mut tally));
        self.metrics.record(&tally);
        let state = self.read_state();
        reply::send_all(jobs.into_iter().filter_map(|job| job.answer(&state)));
    }

    /// Decides and appends; after a conflict while no other catalog appends. Purchases whose deadline passes before their
    /// turn comes are decided as late ones.
    fn append_in_turn(&mut self, jobs: &mut [Job], has_room: bool) -> Result<Vec<Entry>, store::Error> {
        let remaining = jobs.iter().filter_map(Job::deadline).map(Deadline::remaining).max();
        let (Some(remaining), true) = (remaining, self.turns > 0) else {
            return self.decide_and_append(jobs, has_room);
        };
        self.turns -= 1;
        let appended = match self.store.take_turn(remaining.min(limits::DEADLINE_MAX)) {
            Ok(()) => self
                .catch_up(false)
                .and_then(|()| self.decide_and_append(jobs, has_room)),
            Err(error) if error.is_transient() => self.decide_and_append(jobs, has_room),
            Err(error) => Err(error),
        };
        self.store.end_turn();
        appended
    }

    fn decide_and_append(&mut self, jobs: &mut [Job], has_room: bool) -> Result<Vec<Entry>, store::Error> {
        let end = self.end.borrow().head;
        let durable = Durable {
            state: &self.state,
            store: &*self.store,
            end,
        };
        let batch = Batch::new(&durable, Timestamp::now())
            .with_capacity(jobs.iter().map(Job::lines).sum())
            .with_refusals_max(self.refusals.remaining(Instant::now()))
            .with_room(has_room);
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
            // A write shows whether the database accepts writes again.
            _ if self.store.is_shared() => self.confirm_last()?,
            // So does a blob whether the disk has room again.
            _ if self.store.put_blob("room", ROOM).is_ok() => self.status.set_ok(),
            _ => {}
        }
        Ok(entries)
    }

    /// Shows durable entries to the followers and the other readers.
    fn publish(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        self.followers.apply(entries, &self.state);
        let end = self.read_state().end();
        self.end.send_replace(end);
    }

    /// Applies what other catalogs appended, once it is certain to last. Where the ledger does not continue what this
    /// catalog knows, as after a conflict without a new entry, everything is loaded afresh.
    fn catch_up(&mut self, after_conflict: bool) -> Result<(), store::Error> {
        let mut awaits_entry = after_conflict;
        loop {
            let (known, before) = {
                let state = self.read_state();
                let known = state.decisions.last_group();
                let before = known
                    .first()
                    .map_or(state.head, |first| Seq(first.seq.0.saturating_sub(1)));
                (known, before)
            };
            let mut page = bootstrap::next_page(&*self.store, before)?;
            if !page.starts_with(&known) {
                return self.replace_history();
            }
            page.drain(..known.len());
            let Some(last) = page.last() else {
                // A conflict without another entry: another catalog replaced the history.
                return if awaits_entry { self.load_afresh() } else { Ok(()) };
            };
            match self.store.confirm(last) {
                Err(store::Error::Conflict) => return Ok(()),
                confirmed => confirmed?,
            }
            self.publish(page);
            awaits_entry = false;
        }
    }

    /// The database lacks entries that this catalog knows, or has others in their places. Gives the ledger another id,
    /// unless another catalog has, so that nothing of the lost history is taken for a part of this one.
    fn replace_history(&mut self) -> Result<(), store::Error> {
        let LedgerEnd { store, head } = *self.end.borrow();
        let why = format!(
            "it does not have all {} entries that this catalog knows; everything is read afresh",
            head.seq
        );
        self.status.set(StoreHealth::LostEntries, why);
        self.store.replace_id(store)?;
        self.load_afresh()
    }

    fn load_afresh(&mut self) -> Result<(), store::Error> {
        let state = bootstrap::bootstrap(&*self.store, self.store.load()?)?;
        let (end, known) = (state.end(), *self.end.borrow());
        self.last_checkpoint = end.head.seq;
        self.metrics.set_checkpoint(end.head.seq);
        self.followers.replace(state, &self.state);
        if known.store != end.store {
            tracing::warn!(known = %known.head, found = %end.head, store = %end.store, "another history was loaded");
        }
        self.end.send_replace(end);
        self.status.set_ok();
        Ok(())
    }

    fn confirm_last(&self) -> Result<(), store::Error> {
        let last = self.read_state().decisions.last_group().pop();
        if let Some(last) = last {
            self.store.confirm(&last)?;
            self.status.set_ok();
        }
        Ok(())
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
            (state.books(), state.head, state.decisions.take_filter_snapshots())
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

impl Drop for Writer {
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
