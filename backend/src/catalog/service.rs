//! The catalog service: opens its store, starts the ledger thread, and queues requests for it. Reads are in `reads`.

mod reads;

use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use common::backoff::Backoff;
use common::client::{CatalogUpdate, Follower, Freshness, UpdateAnswer};
use common::metrics::Snapshot;
use common::wire::{BookChanges, Decisions, Sale, StoreHealth};
use common::{Incident, Position, StoreId};
use tokio::sync::{SetOnce, watch};

use super::error::Error;
use super::initial_catalog::InitialCatalog;
use super::job::{Job, Pending, Reply};
use super::ledger_handle::LedgerHandle;
use super::ledger_thread::{LedgerThread, ReaderHandles};
use super::metrics::CatalogMetrics;
use super::queue::Inbox;
use super::state::{LedgerEnd, State};
use super::store_status::StoreStatus;
use super::{store_monitor, update_answer};
use crate::store::{self, Store};

/// Poll interval for `Close` while the store cannot be opened.
const CLOSE_INTERVAL: Duration = Duration::from_millis(100);

/// A running catalog. It may run before its store can be opened, and answers [`Error::Unavailable`] until then.
#[derive(Debug)]
pub struct CatalogService {
    /// Set when the store is open.
    handles: Arc<SetOnce<ReaderHandles>>,
    status: Arc<StoreStatus>,
    metrics: Arc<CatalogMetrics>,
    ledger: LedgerHandle,
    reading: Incident,
}

impl CatalogService {
    /// Opens the catalog over a store; fills a fresh one from `initial` first. Blocks. Must run within a runtime.
    ///
    /// # Errors
    /// Errors of the store or of the catalog file.
    pub fn open(store: Box<dyn Store>, initial: &InitialCatalog) -> Result<Self, store::Error> {
        let (status, metrics) = (Arc::new(StoreStatus::opening()), Arc::default());
        let ledger = LedgerThread::load(store, initial, &status, &metrics)?;
        let handles = Arc::new(SetOnce::new_with(Some(ledger.reader_handles())));
        status.set_ok();
        Self::start(handles, status, metrics, |_| Ok(Some(ledger)))
    }

    /// Starts a catalog over a store that may be unreachable: retries `open` until it succeeds, or fails permanently, which
    /// [`store_closed`](Self::store_closed) reports. Must run within a runtime.
    ///
    /// # Errors
    /// [`store::Error::Io`] if the thread cannot be started.
    pub fn open_in_background(
        open: impl Fn() -> Result<Box<dyn Store>, store::Error> + Send + 'static,
        initial: InitialCatalog,
    ) -> Result<Self, store::Error> {
        let (handles, status) = (Arc::new(SetOnce::new()), Arc::new(StoreStatus::opening()));
        let (opened, condition) = (Arc::clone(&handles), Arc::clone(&status));
        let metrics = Arc::<CatalogMetrics>::default();
        let measured = Arc::clone(&metrics);
        Self::start(handles, status, metrics, move |jobs| {
            let load = || LedgerThread::load(open()?, &initial, &condition, &measured);
            let ledger = open_until_closed(load, &condition, jobs)?;
            if let Some(ledger) = &ledger {
                // Set only here, so this cannot fail; and before the status becomes `Ok`.
                let _ = opened.set(ledger.reader_handles());
                condition.set_ok();
            }
            Ok(ledger)
        })
    }

    fn start(
        handles: Arc<SetOnce<ReaderHandles>>,
        status: Arc<StoreStatus>,
        metrics: Arc<CatalogMetrics>,
        open: impl FnOnce(&mut Inbox) -> Result<Option<LedgerThread>, store::Error> + Send + 'static,
    ) -> Result<Self, store::Error> {
        let ledger = LedgerHandle::start(Arc::clone(&status), Arc::clone(&metrics), open)?;
        let monitor = store_monitor::monitor(Arc::clone(&handles), ledger.clone(), Arc::clone(&status));
        tokio::spawn(monitor);
        Ok(Self {
            handles,
            status,
            metrics,
            ledger,
            reading: Incident::new("the store cannot be read"),
        })
    }

    /// The error that closed the store permanently; `None` before.
    pub fn store_closed(&self) -> watch::Receiver<Option<String>> {
        self.ledger.failure()
    }

    /// The last observed health of the store; `None` until it is open or has failed.
    pub fn store_health(&self) -> Option<StoreHealth> {
        self.status.health()
    }

    pub(super) fn metrics(&self) -> &CatalogMetrics {
        &self.metrics
    }

    /// Number of lines of the jobs that are queued for the ledger thread.
    pub(super) fn queued_lines(&self) -> usize {
        self.ledger.queued_lines()
    }

    /// Durations of the store's syncs; `None` if it does not measure them.
    pub(super) fn store_syncs(&self) -> Option<Snapshot> {
        Some(self.handles.get()?.store.syncs()?.snapshot())
    }

    /// The number of books; `None` until the store is open.
    pub(super) fn book_count(&self) -> Option<usize> {
        Some(self.state().ok()?.search_index.book_count())
    }

    /// Why the store does not serve; `None` while it does.
    pub fn store_problem(&self) -> Option<String> {
        self.status.problem()
    }

    /// Why durable entries may still be lost.
    pub fn store_risk(&self) -> Option<String> {
        self.handles.get()?.store.risk()
    }

    /// Executes the queued jobs, writes a checkpoint and ends the ledger thread.
    pub async fn close(&self) {
        match self.handles.get() {
            Some(_) => self.ledger.close().await,
            None => self.ledger.stop_opening(),
        }
    }

    /// The last durable entry that this catalog has applied; `None` until the store is open.
    pub fn head(&self) -> Option<Position> {
        Some(self.handles.get()?.end.borrow().head)
    }

    /// The id of the store; `None` until the store is open.
    pub fn store_id(&self) -> Option<StoreId> {
        Some(self.handles.get()?.end.borrow().store)
    }

    /// Changes with every durable entry; closed when the ledger thread ends.
    pub(super) fn watch_end(&self) -> Result<watch::Receiver<LedgerEnd>, Error> {
        Ok(self.handles()?.end.clone())
    }

    fn handles(&self) -> Result<&ReaderHandles, Error> {
        self.handles.get().ok_or_else(|| self.status.unavailable())
    }

    /// Sells a batch; the decisions are in the order of the sales.
    ///
    /// # Errors
    /// If nothing was changed. If the outcome is unknown, this never returns.
    pub async fn sell(&self, sales: Vec<Sale>) -> Result<Decisions, Error> {
        self.call(|reply| Job::Sell(Pending::new(sales, reply))).await
    }

    /// Decides a shopkeeper's change of books.
    ///
    /// # Errors
    /// As in [`Self::sell`].
    pub async fn update_books(&self, update: CatalogUpdate) -> Result<UpdateAnswer, Error> {
        let id = update.id;
        let item = match &update.changes {
            BookChanges::One(change) => Some(change.item),
            BookChanges::Several(_) => None,
        };
        let decided = self.call(|reply| Job::UpdateBooks(Pending::new(update, reply)));
        Ok(update_answer::answer(id, item, decided.await?))
    }

    async fn call<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, Error> {
        self.handles()?;
        self.ledger.call(job).await
    }

    /// Adds a follower when the store is open; it follows the ledger until the store closes.
    pub(super) fn follow(&self, follower: Arc<dyn Follower>) -> impl Future<Output = ()> + Send + use<> {
        let handles = Arc::clone(&self.handles);
        async move {
            let ReaderHandles { state, followers, .. } = handles.wait().await;
            followers.add(follower, state);
        }
    }

    /// Confirms the head with the store if the request demands it, or names an entry that this catalog has not applied yet.
    /// The next read is as fresh as requested, unless the store's ledger ends before that entry.
    ///
    /// # Errors
    /// As in [`Self::sell`].
    pub async fn ensure_fresh(&self, fresh: Freshness) -> Result<(), Error> {
        let is_known = match (fresh.min_position, self.head()) {
            (Some(wanted), Some(head)) => head.satisfies(wanted),
            (wanted, _) => wanted.is_none(),
        };
        if fresh.check_head || !is_known {
            self.call(Job::CheckHead).await?;
        }
        Ok(())
    }

    /// The lock must not be held across an `.await` or a disk access.
    fn state(&self) -> Result<RwLockReadGuard<'_, State>, Error> {
        // A panic cannot leave an entry half applied, so a poisoned lock is safe to use.
        Ok(self.handles()?.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Retries `load` until it succeeds, fails permanently, or the catalog stops; then it returns `None`.
fn open_until_closed(
    load: impl Fn() -> Result<LedgerThread, store::Error>,
    status: &StoreStatus,
    inbox: &mut Inbox,
) -> Result<Option<LedgerThread>, store::Error> {
    let mut backoff = Backoff::RECONNECT;
    loop {
        match load() {
            Err(error @ store::Error::CatalogFile(_)) => return Err(error),
            Err(error) if error.is_transient() => status.record(&error),
            loaded => return loaded.map(Some),
        };
        let retry_at = Instant::now() + backoff.next_delay();
        while Instant::now() < retry_at {
            // Only `Close` is queued before the store is open.
            if inbox.try_take().is_some() {
                return Ok(None);
            }
            thread::park_timeout(CLOSE_INTERVAL);
        }
    }
}
