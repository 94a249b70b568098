//! The catalog service: books, topics, search, stock, and the ledger, which is the one commit point of the whole shop.
//!
//! One thread owns the writing: it decides a batch on durable state, makes it durable, shows it to the readers and only
//! then answers. Readers never wait for the disk.

mod bootstrap;
mod catalog_diff;
pub mod decide;
pub mod decision_index;
mod feed;
mod filter;
mod ledger;
mod routes;
pub mod search_index;
mod seed;
pub mod state;

use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use common::batcher::{self, Batcher};
use common::client::Freshness;
use common::wire::{Book, BookPage, Decision, Decisions, LedgerPage, Sale, Topics};
use common::{Entry, ItemNumber, OrderId, Seq, StoreId, limits};
use tokio::sync::watch;

pub use catalog_diff::CatalogDiff;
pub use decide::{StockUpdate, Verdict};
use decision_index::Lookup;
use ledger::{Job, JobOutcome, JobRejected, Ledger};
pub use routes::routes;
use search_index::WordCursor;
pub use seed::InitialCatalog;
use state::State;

use crate::store::{self, Store};

/// Requests that may wait for the ledger; each is a batch of up to 1,024 sales, or one stock change.
const QUEUE: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// Requests that share one append.
const BATCH: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Catalog → store keeps exactly one batch on its way.
const FLIGHTS: NonZeroUsize = NonZeroUsize::MIN;

/// Why the catalog did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was changed; trying again may help.
    #[error("{0}")]
    Busy(&'static str),
    /// Nothing was changed: there is no room.
    #[error("{0}")]
    Full(String),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<JobRejected> for Error {
    fn from(undone: JobRejected) -> Self {
        match undone {
            JobRejected::Busy => Self::Busy("Other catalogs keep changing the ledger; try again."),
            JobRejected::Full(why) => Self::Full(why),
        }
    }
}

/// A running catalog.
#[derive(Debug)]
pub struct Catalog {
    store: Arc<dyn Store>,
    state: Arc<RwLock<State>>,
    head: watch::Receiver<Seq>,
    batcher: Batcher<Job, Result<JobOutcome, JobRejected>>,
    ledger: Ledger,
}

/// Something read, and the entry after which it was read.
#[derive(Debug)]
pub struct AsOf<T> {
    /// What was read.
    pub value: T,
    /// When.
    pub head: Seq,
}

impl Catalog {
    /// Opens the catalog over a store, which is filled with `listings` if it is fresh. Blocks. Must run within a runtime.
    ///
    /// # Errors
    /// The store's, or the catalog file's.
    pub fn open(store: Box<dyn Store>, listings: &InitialCatalog) -> Result<Self, store::Error> {
        let store: Arc<dyn Store> = store.into();
        let state = bootstrap::bootstrap(&*store, seed::load_or_seed(&*store, listings)?)?;
        let (published, head) = watch::channel(state.head);
        let state = Arc::new(RwLock::new(state));
        let ledger = Ledger::start(Arc::clone(&store), Arc::clone(&state), published)?;
        let writer = ledger.writer();
        let limits = batcher::Limits {
            max_queued: QUEUE,
            max_batch: BATCH,
            max_in_flight: FLIGHTS,
        };
        let batcher = Batcher::new(limits, move |jobs| writer.clone().carry_out(jobs));
        if store.is_shared() {
            follow_others(Arc::clone(&store), head.clone(), batcher.clone());
        }
        Ok(Self {
            store,
            state,
            head,
            batcher,
            ledger,
        })
    }

    /// Says when the store is closed for good, and why.
    pub fn ended(&self) -> watch::Receiver<Option<String>> {
        self.ledger.ended()
    }

    /// Finishes what waits, writes a checkpoint and lets go of the store.
    pub async fn close(&self) {
        self.ledger.close().await;
    }

    /// The last durable entry.
    pub fn head(&self) -> Seq {
        *self.head.borrow()
    }

    /// Whose ledger it is.
    pub fn store_id(&self) -> StoreId {
        self.state().store
    }

    /// All topics.
    pub fn topics(&self) -> AsOf<Topics> {
        let (shelves, head) = {
            let state = self.state();
            (Arc::clone(&state.search_index), state.head)
        };
        AsOf {
            value: Topics {
                topics: shelves.topics(),
            },
            head,
        }
    }

    /// One page of a topic, by number.
    pub fn search_topic(&self, topic: &str, after: Option<ItemNumber>, limit: usize) -> AsOf<BookPage> {
        let shelves = Arc::clone(&self.state().search_index);
        let found = shelves.in_topic(topic, after, limit);
        self.page(&found.places, found.next.map(|item| item.to_string()))
    }

    /// One page of the books in which every word of the query begins a word.
    pub async fn search_words(
        self: &Arc<Self>,
        query: String,
        after: Option<WordCursor>,
        limit: usize,
    ) -> AsOf<BookPage> {
        let catalog = Arc::clone(self);
        let searching = move || {
            let shelves = Arc::clone(&catalog.state().search_index);
            let found = shelves.with_words(&query, after, limit);
            catalog.page(&found.places, found.next.map(|(rank, item)| format!("{rank}-{item}")))
        };
        // Only a runtime that is being torn down loses a blocking task.
        tokio::task::spawn_blocking(searching)
            .await
            .unwrap_or_else(|_| self.page(&[], None))
    }

    /// One book.
    pub fn book(&self, item: ItemNumber) -> AsOf<Option<Book>> {
        let state = self.state();
        AsOf {
            value: state.book(item),
            head: state.head,
        }
    }

    /// Sells a batch; the decisions come in its order.
    ///
    /// # Errors
    /// When nothing was changed. Where nobody knows, there is no answer at all.
    pub async fn sell(&self, sales: Vec<Sale>) -> Result<Decisions, Error> {
        match self.submit(Job::Sell(sales)).await? {
            JobOutcome::Sold(decisions, head) => Ok(Decisions { decisions, head }),
            JobOutcome::Changed(..) | JobOutcome::Confirmed => Ok(Decisions {
                decisions: Vec::<Decision>::new(),
                head: self.head(),
            }),
        }
    }

    /// Changes a stock; the book as it was right after, where it was done.
    ///
    /// # Errors
    /// As in [`Self::sell`].
    pub async fn update_stock(&self, update: StockUpdate) -> Result<AsOf<(Verdict, Option<Book>)>, Error> {
        match self.submit(Job::UpdateStock(update)).await? {
            JobOutcome::Changed(verdict, book, head) => Ok(AsOf {
                value: (verdict, book),
                head,
            }),
            JobOutcome::Sold(..) | JobOutcome::Confirmed => Err(Error::Busy("The change was not taken up; try again.")),
        }
    }

    /// Makes sure that what is read next is as fresh as it is asked to be: confirms the head with the store where that is
    /// beyond the one known here.
    ///
    /// # Errors
    /// As in [`Self::sell`].
    pub async fn ensure_fresh(&self, fresh: Freshness) -> Result<(), Error> {
        if fresh.confirm_head || fresh.min_seq.is_some_and(|seen| seen > self.head()) {
            self.submit(Job::Confirm).await?;
        }
        Ok(())
    }

    /// One page of the ledger.
    ///
    /// # Errors
    /// The store's.
    pub async fn ledger_page(&self, after: Seq, limit: usize) -> Result<LedgerPage, Error> {
        let (kept, head) = {
            let state = self.state();
            (state.decisions.entries_after(after, limit), state.head)
        };
        let entries = match kept {
            Some(entries) => entries,
            None => self.ask_store(move |store| store.read(after, limit)).await?,
        };
        Ok(LedgerPage { entries, head })
    }

    /// The entry that decided an order. That there is none is said only after the ledger's thread has come by: the order
    /// may be on its way to the disk.
    ///
    /// # Errors
    /// The store's, and those of [`Self::sell`].
    pub async fn find_order(&self, order: OrderId) -> Result<AsOf<Option<Entry>>, Error> {
        let found = self.look_for_order(order).await?;
        if found.value.is_some() {
            return Ok(found);
        }
        self.submit(Job::Confirm).await?;
        self.look_for_order(order).await
    }

    async fn look_for_order(&self, order: OrderId) -> Result<AsOf<Option<Entry>>, Error> {
        let (known, head) = {
            let state = self.state();
            let known = match state.decisions.lookup(order) {
                Lookup::Found(entry) => Ok(Some(entry.clone())),
                Lookup::Absent => Ok(None),
                Lookup::MaybeIn(among) => Err(among),
            };
            (known, state.head)
        };
        let value = match known {
            Ok(entry) => entry,
            Err(among) => {
                self.ask_store(move |store| bootstrap::find(store, order, among))
                    .await?
            }
        };
        Ok(AsOf { value, head })
    }

    async fn submit(&self, job: Job) -> Result<JobOutcome, Error> {
        match self.batcher.call(job).await {
            Ok(done) => Ok(done?),
            Err(batcher::Error::Full) => Err(Error::Busy("Too many changes are waiting; try again.")),
            Err(batcher::Error::Closed) => Err(Error::Busy("The catalog is stopping.")),
            // Nobody knows what is on the disk: whoever waits is not answered, and the service is about to end.
            Err(batcher::Error::Lost) => std::future::pending().await,
        }
    }

    async fn ask_store<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Store) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || ask(&*store)).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Error::Busy("The catalog is stopping.")),
        }
    }

    fn page(&self, places: &[search_index::BookIdx], next: Option<String>) -> AsOf<BookPage> {
        let state = self.state();
        let books = places.iter().filter_map(|&place| state.book_at(place)).collect();
        AsOf {
            value: BookPage { books, next },
            head: state.head,
        }
    }

    /// Never held across an `.await`, nor while the disk is at work.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        // Applying an entry cannot leave the state half changed, so a panic elsewhere does not spoil it.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long one look for entries of other catalogs waits for some.
const OTHERS_PATIENCE: Duration = Duration::from_secs(2);
/// The rest after a look that failed.
const OTHERS_REST: Duration = Duration::from_millis(200);

/// Keeps up with the catalogs that share the store: whenever one of them appended, the ledger's thread confirms the head,
/// finds it moved, and reads on. Ends with the catalog.
fn follow_others(
    store: Arc<dyn Store>,
    head: watch::Receiver<Seq>,
    batcher: Batcher<Job, Result<JobOutcome, JobRejected>>,
) {
    tokio::spawn(async move {
        // The sender goes with the ledger's thread.
        while head.has_changed().is_ok() {
            let (store, known) = (Arc::clone(&store), *head.borrow());
            let waited = tokio::task::spawn_blocking(move || store.wait_for_append(known, OTHERS_PATIENCE)).await;
            match waited {
                // What was appended from here meanwhile is no news.
                Ok(Ok(found)) if found > *head.borrow() => {
                    // Too busy to look is busy enough to find out by a conflict.
                    let _ = batcher.call(Job::Confirm).await;
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "other catalogs cannot be followed now");
                    tokio::time::sleep(OTHERS_REST).await;
                }
                Err(_) => return,
            }
        }
    });
}

/// The most entries the feed hands on at once.
const FEED_PAGE: usize = limits::LEDGER_PAGE_MAX;
