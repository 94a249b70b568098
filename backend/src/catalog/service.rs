//! The catalog as its routes and the other parts of the program see it.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use common::client::Freshness;
use common::wire::{Book, BookPage, Decisions, LedgerPage, Sale, StoreHealth, Topics};
use common::{Entry, Incident, InlineVec, ItemNumber, OrderId, Seq, StoreId};
use tokio::sync::watch;

use super::decide::StockUpdate;
use super::decision_index::Lookup;
use super::error::Error;
use super::job::{Job, Pending, StockDecision};
use super::ledger::Ledger;
use super::search_index::WordCursor;
use super::seed::{self, InitialCatalog};
use super::state::{AsOf, State};
use super::{bootstrap, foreign_appends};
use crate::store::{self, Store};

/// A running catalog.
#[derive(Debug)]
pub struct Catalog {
    store: Arc<dyn Store>,
    state: Arc<RwLock<State>>,
    head: watch::Receiver<Seq>,
    ledger: Ledger,
    reading: Incident,
}

impl Catalog {
    /// Opens the catalog over a store; a fresh store is seeded from `initial` first. Blocks. Must run within a runtime.
    ///
    /// # Errors
    /// Those of the store, and of the catalog file.
    pub fn open(store: Box<dyn Store>, initial: &InitialCatalog) -> Result<Self, store::Error> {
        let store: Arc<dyn Store> = store.into();
        let state = bootstrap::bootstrap(&*store, seed::load_or_seed(&*store, initial)?)?;
        let (published, head) = watch::channel(state.head);
        let state = Arc::new(RwLock::new(state));
        let ledger = Ledger::start(Arc::clone(&store), Arc::clone(&state), published)?;
        if store.is_shared() {
            let follow = foreign_appends::follow(Arc::clone(&store), head.clone(), ledger.clone());
            tokio::spawn(follow);
        }
        Ok(Self {
            store,
            state,
            head,
            ledger,
            reading: Incident::new("the store cannot be read"),
        })
    }

    /// The error that closed the store for good, once there is one.
    pub fn store_closed(&self) -> watch::Receiver<Option<String>> {
        self.ledger.failure()
    }

    /// The condition of the store as the last append found it.
    pub fn store_health(&self) -> StoreHealth {
        self.ledger.store_health()
    }

    /// Does the jobs that wait, writes a checkpoint and ends the ledger's thread.
    pub async fn close(&self) {
        self.ledger.close().await;
    }

    /// The last durable entry that this catalog knows.
    pub fn head(&self) -> Seq {
        *self.head.borrow()
    }

    /// Changes with every entry that becomes durable; ends with the ledger's thread.
    pub(super) fn watch_head(&self) -> watch::Receiver<Seq> {
        self.head.clone()
    }

    /// The id of the store.
    pub fn store_id(&self) -> StoreId {
        self.state().store
    }

    /// All topics.
    pub fn topics(&self) -> AsOf<Topics> {
        let (index, head) = {
            let state = self.state();
            (Arc::clone(&state.search_index), state.head)
        };
        let topics = index.topics();
        AsOf {
            value: Topics { topics },
            head,
        }
    }

    /// One page of a topic, by item number.
    pub fn search_topic(&self, topic: &str, after: Option<ItemNumber>, limit: usize) -> AsOf<BookPage> {
        let index = Arc::clone(&self.state().search_index);
        let found = index.find_topic(topic, after, limit);
        self.page(&found.books, found.next.map(|item| item.to_string()))
    }

    /// One page of the books in which every word of the query is the prefix of a word.
    pub async fn search_words(
        self: &Arc<Self>,
        query: String,
        after: Option<WordCursor>,
        limit: usize,
    ) -> AsOf<BookPage> {
        let catalog = Arc::clone(self);
        let search = move || {
            let index = Arc::clone(&catalog.state().search_index);
            let found = index.find_words(&query, after, limit);
            catalog.page(&found.books, found.next.map(|(rank, item)| format!("{rank}-{item}")))
        };
        // Only a runtime that shuts down loses a blocking task.
        tokio::task::spawn_blocking(search)
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

    /// Sells a batch; the decisions are in the order of the sales.
    ///
    /// # Errors
    /// If nothing was changed. If the outcome is unknown, this never returns.
    pub async fn sell(&self, sales: Vec<Sale>) -> Result<Decisions, Error> {
        self.ledger.call(|reply| Job::Sell(Pending::new(sales, reply))).await
    }

    /// Decides a stock update.
    ///
    /// # Errors
    /// As in [`Self::sell`].
    pub async fn update_stock(&self, update: StockUpdate) -> Result<StockDecision, Error> {
        self.ledger
            .call(|reply| Job::UpdateStock(Pending::new(update, reply)))
            .await
    }

    /// Makes sure that the next read is as fresh as requested: confirms the head with the store if the caller wants that,
    /// or has seen an entry that this catalog does not know yet.
    ///
    /// # Errors
    /// As in [`Self::sell`].
    pub async fn ensure_fresh(&self, fresh: Freshness) -> Result<(), Error> {
        if fresh.confirm_head || fresh.min_seq.is_some_and(|min| min > self.head()) {
            self.ledger.call(Job::ConfirmHead).await?;
        }
        Ok(())
    }

    /// One page of the ledger: at most `limit` entries, and those that complete the last group.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ledger_page(&self, after: Seq, limit: usize) -> Result<LedgerPage, Error> {
        let (in_memory, head) = {
            let state = self.state();
            (state.decisions.entries_after(after, limit), state.head)
        };
        let entries = match in_memory {
            Some(entries) => entries,
            None => self.read_store(move |store| store.read(after, limit)).await?,
        };
        Ok(LedgerPage { entries, head })
    }

    /// The entries that decided an order, one for each line. Before this returns none it waits for the batch in flight, which
    /// may contain the order.
    ///
    /// # Errors
    /// Those of the store, and those of [`Self::sell`].
    pub async fn find_order(&self, order: OrderId) -> Result<AsOf<InlineVec<Entry>>, Error> {
        let found = self.lookup_order(order).await?;
        if !found.value.is_empty() {
            return Ok(found);
        }
        self.ledger.call(Job::ConfirmHead).await?;
        self.lookup_order(order).await
    }

    async fn lookup_order(&self, order: OrderId) -> Result<AsOf<InlineVec<Entry>>, Error> {
        let (in_memory, head) = {
            let state = self.state();
            let in_memory = match state.decisions.lookup(order) {
                Lookup::Found(entries) => Ok(entries),
                Lookup::Absent => Ok(InlineVec::new()),
                Lookup::MaybeIn(ranges) => Err(ranges),
            };
            (in_memory, state.head)
        };
        let value = match in_memory {
            Ok(entries) => entries,
            Err(ranges) => {
                self.read_store(move |store| bootstrap::find(store, order, ranges))
                    .await?
            }
        };
        Ok(AsOf { value, head })
    }

    async fn read_store<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || read(&*store)).await {
            Ok(result) => {
                self.reading.observe(&result);
                Ok(result?)
            }
            Err(_) => Err(Error::STOPPING),
        }
    }

    fn page(&self, found: &[ItemNumber], next: Option<String>) -> AsOf<BookPage> {
        let state = self.state();
        let books = found.iter().filter_map(|&item| state.book(item)).collect();
        AsOf {
            value: BookPage { books, next },
            head: state.head,
        }
    }

    /// Never held across an `.await`, nor while the disk is at work.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        // A panic cannot leave an entry half applied, so a poisoned lock is safe to use.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}
