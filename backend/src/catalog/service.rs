//! The catalog as its routes, its local client and the other parts of the program see it.

use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use common::backoff::Backoff;
use common::client::{AsOf, CatalogUpdate, Follower, Freshness, UpdateAnswer};
use common::metrics::Snapshot;
use common::wire::{Book, BookChanges, BookPage, Decisions, LedgerPage, Sale, StoreHealth, Topics};
use common::{Entry, Incident, InlineVec, ItemNumber, OrderId, Position, Seq, StoreId};
use tokio::sync::{SetOnce, watch};

use super::decision_index::Lookup;
use super::error::Error;
use super::job::{Job, Pending, Reply};
use super::ledger::Ledger;
use super::metrics::CatalogMetrics;
use super::queue::Inbox;
use super::search_index::WordCursor;
use super::seed::InitialCatalog;
use super::state::{LedgerEnd, State};
use super::store_status::StoreStatus;
use super::writer::{Loaded, Writer};
use super::{bootstrap, foreign_appends, update_answer};
use crate::store::{self, Store};

/// How often a stop is looked for while the store is away.
const CLOSE_INTERVAL: Duration = Duration::from_millis(100);

/// A running catalog. It may run before its store can be opened, and answers [`Error::Unavailable`] until then.
#[derive(Debug)]
pub struct CatalogService {
    loaded: Arc<SetOnce<Loaded>>,
    status: Arc<StoreStatus>,
    metrics: Arc<CatalogMetrics>,
    ledger: Ledger,
    reading: Incident,
}

impl CatalogService {
    /// Opens the catalog over a store; a fresh store is seeded from `initial` first. Blocks. Must run within a runtime.
    ///
    /// # Errors
    /// Those of the store, and of the catalog file.
    pub fn open(store: Box<dyn Store>, initial: &InitialCatalog) -> Result<Self, store::Error> {
        let (status, metrics) = (Arc::new(StoreStatus::opening()), Arc::default());
        let writer = Writer::load(store, initial, &status, &metrics)?;
        let loaded = Arc::new(SetOnce::new_with(Some(writer.loaded())));
        status.set_ok();
        Self::start(loaded, status, metrics, |_| Ok(Some(writer)))
    }

    /// Starts a catalog over a store that may be away: `open` is tried until it succeeds, or fails for good, which
    /// [`store_closed`](Self::store_closed) reports. Must run within a runtime.
    ///
    /// # Errors
    /// [`store::Error::Io`] if the thread cannot be started.
    pub fn open_in_background(
        open: impl Fn() -> Result<Box<dyn Store>, store::Error> + Send + 'static,
        initial: InitialCatalog,
    ) -> Result<Self, store::Error> {
        let (loaded, status) = (Arc::new(SetOnce::new()), Arc::new(StoreStatus::opening()));
        let (opened, condition) = (Arc::clone(&loaded), Arc::clone(&status));
        let metrics = Arc::<CatalogMetrics>::default();
        let measured = Arc::clone(&metrics);
        Self::start(loaded, status, metrics, move |jobs| {
            let load = || Writer::load(open()?, &initial, &condition, &measured);
            let writer = open_until_closed(load, &condition, jobs)?;
            if let Some(writer) = &writer {
                // It is set here only, and before the status says that the store serves.
                let _ = opened.set(writer.loaded());
                condition.set_ok();
            }
            Ok(writer)
        })
    }

    fn start(
        loaded: Arc<SetOnce<Loaded>>,
        status: Arc<StoreStatus>,
        metrics: Arc<CatalogMetrics>,
        open: impl FnOnce(&mut Inbox) -> Result<Option<Writer>, store::Error> + Send + 'static,
    ) -> Result<Self, store::Error> {
        let ledger = Ledger::start(Arc::clone(&status), Arc::clone(&metrics), open)?;
        let follow = foreign_appends::follow(Arc::clone(&loaded), ledger.clone(), Arc::clone(&status));
        tokio::spawn(follow);
        Ok(Self {
            loaded,
            status,
            metrics,
            ledger,
            reading: Incident::new("the store cannot be read"),
        })
    }

    /// The error that closed the store for good, once there is one.
    pub fn store_closed(&self) -> watch::Receiver<Option<String>> {
        self.ledger.failure()
    }

    /// The condition of the store as it was last found; `None` until it is open or has failed.
    pub fn store_health(&self) -> Option<StoreHealth> {
        self.status.health()
    }

    pub(super) fn metrics(&self) -> &CatalogMetrics {
        &self.metrics
    }

    /// The lines of the jobs that wait for the ledger's thread.
    pub(super) fn queued_lines(&self) -> usize {
        self.ledger.queued_lines()
    }

    /// How long the syncs of a store took that measures them.
    pub(super) fn store_syncs(&self) -> Option<Snapshot> {
        Some(self.loaded.get()?.store.syncs()?.snapshot())
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
        self.loaded.get()?.store.risk()
    }

    /// Does the jobs that wait, writes a checkpoint and ends the ledger's thread.
    pub async fn close(&self) {
        match self.loaded.get() {
            Some(_) => self.ledger.close().await,
            None => self.ledger.stop_opening(),
        }
    }

    /// The last durable entry that this catalog knows; `None` until the store is open.
    pub fn head(&self) -> Option<Position> {
        Some(self.loaded.get()?.end.borrow().head)
    }

    /// The id of the store; `None` until the store is open.
    pub fn store_id(&self) -> Option<StoreId> {
        Some(self.loaded.get()?.end.borrow().store)
    }

    /// Changes with every entry that becomes durable; ends with the ledger's thread.
    pub(super) fn watch_end(&self) -> Result<watch::Receiver<LedgerEnd>, Error> {
        Ok(self.loaded()?.end.clone())
    }

    fn loaded(&self) -> Result<&Loaded, Error> {
        self.loaded.get().ok_or_else(|| self.status.unavailable())
    }

    /// All topics.
    ///
    /// # Errors
    /// [`Error::Unavailable`] until the store is open, and those of [`Self::sell`]; so for every read.
    pub async fn topics(&self, fresh: Freshness) -> Result<AsOf<Topics>, Error> {
        self.ensure_fresh(fresh).await?;
        let (index, position) = {
            let state = self.state()?;
            (Arc::clone(&state.search_index), state.position())
        };
        let topics = index.topics();
        Ok(AsOf {
            value: Topics { topics },
            position,
        })
    }

    /// One page of a topic, by item number.
    ///
    /// # Errors
    /// As in [`Self::topics`], and [`Error::InvalidCursor`].
    pub async fn search_topic(
        &self,
        topic: &str,
        limit: usize,
        after: Option<&str>,
        fresh: Freshness,
    ) -> Result<AsOf<BookPage>, Error> {
        let after = after.map(|after| after.parse().map_err(|_| Error::InvalidCursor));
        let after = after.transpose()?;
        self.ensure_fresh(fresh).await?;
        let index = Arc::clone(&self.state()?.search_index);
        let found = index.find_topic(topic, after, limit);
        self.page(&found.books, found.next.map(|item| item.to_string()))
    }

    /// One page of the books in which every word of the query is the prefix of a word.
    ///
    /// # Errors
    /// As in [`Self::search_topic`].
    pub async fn search_words(
        self: &Arc<Self>,
        query: String,
        limit: usize,
        after: Option<&str>,
        fresh: Freshness,
    ) -> Result<AsOf<BookPage>, Error> {
        let after = after.map(|after| parse_word_cursor(after).ok_or(Error::InvalidCursor));
        let after = after.transpose()?;
        self.ensure_fresh(fresh).await?;
        let catalog = Arc::clone(self);
        let search = move || {
            let index = Arc::clone(&catalog.state()?.search_index);
            let found = index.find_words(&query, after, limit);
            catalog.page(&found.books, found.next.map(|(rank, item)| format!("{rank}-{item}")))
        };
        // Only a runtime that shuts down loses a blocking task.
        tokio::task::spawn_blocking(search)
            .await
            .unwrap_or(Err(Error::STOPPING))
    }

    /// One book.
    ///
    /// # Errors
    /// As in [`Self::topics`].
    pub async fn book(&self, item: ItemNumber, fresh: Freshness) -> Result<AsOf<Option<Book>>, Error> {
        self.ensure_fresh(fresh).await?;
        let state = self.state()?;
        Ok(AsOf {
            value: state.book(item),
            position: state.position(),
        })
    }

    /// Sells a batch; the decisions are in the order of the sales.
    ///
    /// # Errors
    /// If nothing was changed. If the outcome is unknown, this never returns.
    pub async fn sell(&self, sales: Vec<Sale>) -> Result<Decisions, Error> {
        self.call(|reply| Job::Sell(Pending::new(sales, reply))).await
    }

    /// Decides a shopkeeper's change.
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
        self.loaded()?;
        self.ledger.call(job).await
    }

    /// Lets a follower follow the ledger, from the moment at which the store is open until it closes.
    pub(super) fn follow(&self, follower: Arc<dyn Follower>) -> impl Future<Output = ()> + Send + use<> {
        let loaded = Arc::clone(&self.loaded);
        async move {
            let Loaded { state, followers, .. } = loaded.wait().await;
            followers.add(follower, state);
        }
    }

    /// Confirms the head with the store if the caller wants that, or has seen an entry that this catalog does not know yet.
    /// The next read is as fresh as requested, unless the store's ledger ends before that.
    ///
    /// # Errors
    /// As in [`Self::sell`].
    pub async fn ensure_fresh(&self, fresh: Freshness) -> Result<(), Error> {
        let is_known = match (fresh.min_seq, self.head()) {
            (Some(wanted), Some(head)) => head.satisfies(wanted),
            (wanted, _) => wanted.is_none(),
        };
        if fresh.confirm_head || !is_known {
            self.call(Job::ConfirmHead).await?;
        }
        Ok(())
    }

    /// One page of the ledger: at most `limit` entries, and those that complete the last group.
    ///
    /// # Errors
    /// As in [`Self::topics`].
    pub async fn ledger(&self, after: Seq, limit: usize, fresh: Freshness) -> Result<LedgerPage, Error> {
        self.ensure_fresh(fresh).await?;
        self.ledger_page(after, limit).await
    }

    pub(super) async fn ledger_page(&self, after: Seq, limit: usize) -> Result<LedgerPage, Error> {
        let (in_memory, head) = {
            let state = self.state()?;
            (state.decisions.entries_after(after, limit), state.position())
        };
        let mut entries = match in_memory {
            Some(entries) => entries,
            None => self.read_store(move |store| store.read(after, limit)).await?,
        };
        // What another catalog has appended since is not confirmed yet.
        entries.retain(|entry| entry.seq <= head.seq);
        Ok(LedgerPage {
            entries,
            head: head.seq,
            epoch: head.epoch,
        })
    }

    /// The entries that decided an order, one for each line. Before this returns none it waits for the batch in flight, which
    /// may contain the order.
    ///
    /// # Errors
    /// As in [`Self::topics`].
    pub async fn find_order(&self, order: OrderId, fresh: Freshness) -> Result<AsOf<InlineVec<Entry>>, Error> {
        self.ensure_fresh(fresh).await?;
        let found = self.lookup_order(order).await?;
        if !found.value.is_empty() {
            return Ok(found);
        }
        self.call(Job::ConfirmHead).await?;
        self.lookup_order(order).await
    }

    async fn lookup_order(&self, order: OrderId) -> Result<AsOf<InlineVec<Entry>>, Error> {
        let (in_memory, position) = {
            let state = self.state()?;
            let in_memory = match state.decisions.lookup(order) {
                Lookup::Found(entries) => Ok(entries),
                Lookup::Absent => Ok(InlineVec::new()),
                Lookup::MaybeIn(ranges) => Err(ranges),
            };
            (in_memory, state.position())
        };
        let value = match in_memory {
            Ok(entries) => entries,
            Err(ranges) => {
                self.read_store(move |store| bootstrap::find(store, order, ranges))
                    .await?
            }
        };
        Ok(AsOf { value, position })
    }

    async fn read_store<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(&self.loaded()?.store);
        match tokio::task::spawn_blocking(move || read(&*store)).await {
            Ok(result) => {
                self.reading.observe(&result);
                Ok(result?)
            }
            Err(_) => Err(Error::STOPPING),
        }
    }

    fn page(&self, found: &[ItemNumber], next: Option<String>) -> Result<AsOf<BookPage>, Error> {
        let state = self.state()?;
        let books = found.iter().filter_map(|&item| state.book(item)).collect();
        Ok(AsOf {
            value: BookPage { books, next },
            position: state.position(),
        })
    }

    /// Never held across an `.await`, nor while the disk is at work.
    fn state(&self) -> Result<RwLockReadGuard<'_, State>, Error> {
        // A panic cannot leave an entry half applied, so a poisoned lock is safe to use.
        Ok(self.loaded()?.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tries to load the store until it succeeds, fails for good, or the catalog stops.
fn open_until_closed(
    load: impl Fn() -> Result<Writer, store::Error>,
    status: &StoreStatus,
    inbox: &mut Inbox,
) -> Result<Option<Writer>, store::Error> {
    let mut backoff = Backoff::RECONNECT;
    loop {
        match load() {
            Err(error @ store::Error::CatalogFile(_)) => return Err(error),
            Err(error) if error.is_transient() => status.record(&error),
            loaded => return loaded.map(Some),
        };
        let retry_at = Instant::now() + backoff.next_delay();
        while Instant::now() < retry_at {
            // No other job comes before the store is open.
            if inbox.try_take().is_some() {
                return Ok(None);
            }
            thread::park_timeout(CLOSE_INTERVAL);
        }
    }
}

fn parse_word_cursor(cursor: &str) -> Option<WordCursor> {
    let (rank, item) = cursor.split_once('-')?;
    Some((rank.parse().ok()?, item.parse().ok()?))
}
