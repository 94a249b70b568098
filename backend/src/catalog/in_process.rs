//! The client of a catalog in the same process.

use std::sync::Arc;
use std::time::Duration;

use common::client::{AsOf, Call, Catalog, CatalogUpdate, Follower, Freshness, UpdateAnswer};
use common::wire::{Book, BookPage, Decisions, LedgerPage, Sale, Topics};
use common::{Deadline, Entry, InlineVec, ItemNumber, OrderId, Seq, limits};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::CatalogService;
use crate::in_process::InProcess;

/// Timeout of a read.
const READ: Duration = limits::HTTP_READ_TIMEOUT;

impl Catalog for InProcess<CatalogService> {
    fn topics(&self, fresh: Freshness) -> Call<'_, AsOf<Topics>> {
        self.call(READ, self.service.topics(fresh)).boxed()
    }

    fn search_topic(
        &self,
        topic: String,
        limit: usize,
        after: Option<String>,
        fresh: Freshness,
    ) -> Call<'_, AsOf<BookPage>> {
        let page = async move {
            let found = self.service.search_topic(&topic, limit, after.as_deref(), fresh);
            found.await
        };
        self.call(READ, page).boxed()
    }

    fn search_words(
        &self,
        words: String,
        limit: usize,
        after: Option<String>,
        fresh: Freshness,
    ) -> Call<'_, AsOf<BookPage>> {
        let page = async move {
            let found = self.service.search_words(words, limit, after.as_deref(), fresh);
            found.await
        };
        self.call(READ, page).boxed()
    }

    fn book(&self, item: ItemNumber, fresh: Freshness) -> Call<'_, AsOf<Option<Book>>> {
        self.call(READ, self.service.book(item, fresh)).boxed()
    }

    fn update_books(&self, update: CatalogUpdate) -> Call<'_, UpdateAnswer> {
        let limit = update.timeout();
        self.call(limit, self.service.update_books(update)).boxed()
    }

    fn sell(&self, sales: Vec<Sale>, deadline: Deadline) -> Call<'_, Decisions> {
        self.call(deadline.remaining(), self.service.sell(sales)).boxed()
    }

    fn ledger(&self, after: Seq, limit: usize, fresh: Freshness) -> Call<'_, LedgerPage> {
        self.call(READ, self.service.ledger(after, limit, fresh)).boxed()
    }

    fn find_order(&self, order: OrderId, fresh: Freshness) -> Call<'_, AsOf<InlineVec<Entry>>> {
        self.call(READ, self.service.find_order(order, fresh)).boxed()
    }

    fn follow(&self, follower: Arc<dyn Follower>) -> BoxFuture<'static, ()> {
        self.service.follow(follower).boxed()
    }
}
