//! The thread that writes: it decides a batch, appends it, publishes it to the readers, and then answers.

use std::num::NonZeroUsize;
use std::slice;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use common::wire::StoreHealth;
use common::{Entry, Incident, InlineVec, ItemNumber, Kind, OrderId, Seq, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use super::bootstrap;
use super::decide::{CurrentBook, DurableState};
use super::decision_index::Lookup;
use super::error::Error;
use super::job::{Job, Reply, decide};
use super::refusal_limit::RefusalLimit;
use super::state::State;
use crate::store::{self, Store};

/// Jobs that may wait; each is a batch of sales of up to 1,024 lines, or one stock update. One more is refused.
const QUEUE_MAX: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// Jobs that share one append.
const BATCH_MAX: usize = 64;
/// Attempts to append one batch. If another catalog appends first every time, the jobs are rejected.
const ATTEMPTS_MAX: u32 = 8;
/// The longest delay after the first conflict; it doubles with each further one.
const CONFLICT_DELAY: Duration = Duration::from_millis(2);
/// A checkpoint is written after so many entries, so that a start after a crash stays quick; after more where there are
/// many books, because their checkpoint costs more.
const CHECKPOINT_ENTRIES: u64 = 250_000;

/// Hands jobs to the thread.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    queue: mpsc::Sender<Job>,
    failure: watch::Receiver<Option<String>>,
    health: watch::Receiver<StoreHealth>,
}

impl Ledger {
    /// Starts the thread. It publishes durable entries to `state` first, then their head to `head`.
    pub(super) fn start(
        store: Arc<dyn Store>,
        state: Arc<RwLock<State>>,
        head: watch::Sender<Seq>,
    ) -> Result<Self, store::Error> {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX.get());
        let (failed, failure) = watch::channel(None);
        let (health_sender, health) = watch::channel(StoreHealth::Ok);
        let last_checkpoint = *head.borrow();
        let mut writer = Writer {
            store,
            state,
            head,
            last_checkpoint,
            health: health_sender,
            refusals: RefusalLimit::default(),
            writing: Incident::new("nothing can be written"),
        };
        let run = move || {
            let mut closed = Vec::new();
            if let Err(error) = writer.run(jobs, &mut closed) {
                tracing::error!(%error, "the ledger is closed");
                failed.send_replace(Some(format!("the ledger is closed: {error}")));
            }
            // Releases the store before `close` returns.
            drop(writer);
            drop(closed);
        };
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(run)
            .map_err(store::Error::io("start a thread for", "ledger".as_ref()))?;
        Ok(Self { queue, failure, health })
    }

    /// The error that closed the store, once there is one.
    pub(super) fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.clone()
    }

    /// The condition of the store as the last append found it.
    pub(super) fn store_health(&self) -> StoreHealth {
        *self.health.borrow()
    }

    /// Hands in a job and waits for its reply. The job is done even if the caller is dropped.
    pub(super) async fn call<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(job(reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Error::QUEUE_FULL,
            mpsc::error::TrySendError::Closed(_) => Error::STOPPING,
        })?;
        match answer.await {
            Ok(result) => result,
            // It is unknown what is on the disk, so there must be no answer; the process is about to end.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until the thread has done the jobs handed in before, written a checkpoint and ended.
    pub(super) async fn close(&self) {
        let (close, closed) = oneshot::channel();
        // A thread that a failure ended needs no closing.
        if self.queue.send(Job::Close(close)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

/// The thread's own state.
struct Writer {
    store: Arc<dyn Store>,
    state: Arc<RwLock<State>>,
    head: watch::Sender<Seq>,
    last_checkpoint: Seq,
    health: watch::Sender<StoreHealth>,
    refusals: RefusalLimit,
    writing: Incident,
}

impl Writer {
    /// Runs until the queue is closed or the store fails. Gives the senders of the `Close` jobs back in `closed`.
    fn run(
        &mut self,
        mut queue: mpsc::Receiver<Job>,
        closed: &mut Vec<oneshot::Sender<()>>,
    ) -> Result<(), store::Error> {
        let mut received = Vec::with_capacity(BATCH_MAX);
        while queue.blocking_recv_many(&mut received, BATCH_MAX) > 0 {
            let mut jobs = Vec::with_capacity(received.len());
            for job in received.drain(..) {
                match job {
                    Job::Close(sender) => {
                        // What is queued already is still done.
                        queue.close();
                        closed.push(sender);
                    }
                    job => jobs.push(job),
                }
            }
            self.execute(jobs)?;
            self.checkpoint_if_due()?;
        }
        self.checkpoint()
    }

    /// Decides and appends a batch and answers its jobs. After a conflict the whole batch is decided again, a limited
    /// number of times. An error means that the store is closed: no job is answered.
    fn execute(&mut self, mut jobs: Vec<Job>) -> Result<(), store::Error> {
        if jobs.is_empty() {
            return Ok(());
        }
        for conflicts in 0..ATTEMPTS_MAX {
            let caught_up = match self.decide_and_append(&mut jobs) {
                Ok(entries) => {
                    self.writing.recovered();
                    // Without entries nothing needed room.
                    let has_room = !entries.is_empty() || *self.health.borrow() != StoreHealth::Full;
                    if has_room {
                        self.health.send_replace(StoreHealth::Ok);
                    }
                    self.publish(entries);
                    let state = self.read_state();
                    jobs.into_iter().for_each(|job| job.answer(&state));
                    return Ok(());
                }
                Err(store::Error::Conflict) => self.catch_up(),
                Err(error) => Err(error),
            };
            match caught_up {
                Ok(()) => {
                    let delay = CONFLICT_DELAY.saturating_mul(1 << conflicts).mul_f64(rand::random());
                    thread::park_timeout(delay);
                }
                Err(error) if error.is_transient() => {
                    self.writing.failed(&error);
                    if let Some(health) = health(&error) {
                        self.health.send_replace(health);
                    }
                    if matches!(error, store::Error::Full { .. }) {
                        jobs = self.reject_without_room(jobs, &error)?;
                        if !jobs.is_empty() {
                            continue;
                        }
                    }
                    jobs.into_iter().for_each(|job| job.reject(rejection(&error)));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        jobs.into_iter().for_each(|job| job.reject(Error::CONTENDED));
        Ok(())
    }

    /// Rejects the jobs that need room on a full disk. Returns the others, which record nothing on the durable state.
    fn reject_without_room(&mut self, jobs: Vec<Job>, full: &store::Error) -> Result<Vec<Job>, store::Error> {
        let mut others = Vec::new();
        for mut job in jobs {
            match self.decide(slice::from_mut(&mut job)) {
                Ok(entries) if entries.is_empty() => others.push(job),
                Ok(_) => job.reject(rejection(full)),
                Err(error) if error.is_transient() => job.reject(rejection(&error)),
                Err(error) => return Err(error),
            }
        }
        Ok(others)
    }

    /// Decides jobs on the durable state.
    fn decide(&mut self, jobs: &mut [Job]) -> Result<Vec<Entry>, store::Error> {
        let durable = Durable {
            state: &self.state,
            store: &*self.store,
            head: *self.head.borrow(),
        };
        decide(
            jobs,
            &durable,
            Timestamp::now(),
            self.refusals.remaining(Instant::now()),
        )
    }

    fn decide_and_append(&mut self, jobs: &mut [Job]) -> Result<Vec<Entry>, store::Error> {
        let head = *self.head.borrow();
        let entries = self.decide(jobs)?;
        #[cfg(feature = "fault-injection")]
        let entries = crate::fault_injection::lose(entries);
        #[cfg(feature = "fault-injection")]
        if crate::fault_injection::is_active(crate::fault_injection::Fault::AcknowledgedBeforeDurable) {
            return Ok(entries);
        }
        self.store.append(head, &entries)?;
        #[cfg(feature = "fault-injection")]
        crate::fault_injection::kill_between_lines();
        let refused = entries.iter().filter(|entry| entry.kind == Kind::Refused);
        self.refusals.count(Instant::now(), refused.count());
        Ok(entries)
    }

    /// Shows durable entries to the readers.
    fn publish(&self, entries: Vec<Entry>) {
        let Some(last) = entries.last().map(|entry| entry.seq) else {
            return;
        };
        self.write_state().apply(entries);
        self.head.send_replace(last);
    }

    /// Applies what other catalogs appended.
    fn catch_up(&self) -> Result<(), store::Error> {
        loop {
            let head = *self.head.borrow();
            let entries = bootstrap::next_page(&*self.store, head)?;
            if entries.is_empty() {
                return Ok(());
            }
            self.publish(entries);
        }
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
            written => written?,
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

/// The answer to a job whose batch failed with a transient error.
fn rejection(error: &store::Error) -> Error {
    match error {
        store::Error::Full { .. } => Error::Full(error.to_string()),
        store::Error::Conflict => Error::CONTENDED,
        _ => Error::UNAVAILABLE,
    }
}

/// The condition of the store that an error shows, if it is about the store.
fn health(error: &store::Error) -> Option<StoreHealth> {
    match error {
        store::Error::Full { .. } => Some(StoreHealth::Full),
        store::Error::Unavailable { .. } => Some(StoreHealth::Unreachable),
        _ => None,
    }
}

/// The durable state on which a batch is decided.
struct Durable<'a> {
    state: &'a RwLock<State>,
    store: &'a dyn Store,
    head: Seq,
}

impl DurableState for Durable<'_> {
    type Error = store::Error;

    fn head(&self) -> Seq {
        self.head
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
