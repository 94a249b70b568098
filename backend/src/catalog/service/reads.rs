//! Reads of books, topics and the ledger.

use std::sync::Arc;

use common::client::{AsOf, Freshness};
use common::wire::{Book, BookPage, LedgerPage, Topics};
use common::{Entry, InlineVec, ItemNumber, OrderId, Seq};

use super::CatalogService;
use crate::catalog::bootstrap;
use crate::catalog::decision_index::Lookup;
use crate::catalog::error::Error;
use crate::catalog::job::Job;
use crate::catalog::search_index::WordCursor;
use crate::store::{self, Store};

impl CatalogService {
    /// All topics.
    ///
    /// # Errors
    /// [`Error::Unavailable`] until the store is open, and the errors of [`Self::sell`]. Every read has them.
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

    /// One page of the ledger: at most `limit` entries, and those that complete the last group.
    ///
    /// # Errors
    /// As in [`Self::topics`].
    pub async fn ledger(&self, after: Seq, limit: usize, fresh: Freshness) -> Result<LedgerPage, Error> {
        self.ensure_fresh(fresh).await?;
        self.ledger_page(after, limit).await
    }

    pub(in crate::catalog) async fn ledger_page(&self, after: Seq, limit: usize) -> Result<LedgerPage, Error> {
        let (in_memory, head) = {
            let state = self.state()?;
            (state.decisions.entries_after(after, limit), state.position())
        };
        let mut entries = match in_memory {
            Some(entries) => entries,
            None => self.read_store(move |store| store.read(after, limit)).await?,
        };
        // Entries that another catalog has appended since are not confirmed yet.
        entries.retain(|entry| entry.seq <= head.seq);
        Ok(LedgerPage {
            entries,
            head: head.seq,
            epoch: head.epoch,
        })
    }

    /// The entries that decided an order, one for each line. Before it returns none, it waits for the current batch, which may
    /// contain the order.
    ///
    /// # Errors
    /// As in [`Self::topics`].
    pub async fn find_order(&self, order: OrderId, fresh: Freshness) -> Result<AsOf<InlineVec<Entry>>, Error> {
        self.ensure_fresh(fresh).await?;
        let found = self.lookup_order(order).await?;
        if !found.value.is_empty() {
            return Ok(found);
        }
        self.call(Job::CheckHead).await?;
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
        let store = Arc::clone(&self.handles()?.store);
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
}

fn parse_word_cursor(cursor: &str) -> Option<WordCursor> {
    let (rank, item) = cursor.split_once('-')?;
    Some((rank.parse().ok()?, item.parse().ok()?))
}
