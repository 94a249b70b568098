//! The catalog service, as the other services see it.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{Probe, Result};
use crate::metrics::BatchMetrics;
use crate::wire::{Book, BookChanges, BookPage, ChangedBooks, Decisions, Hello, LedgerPage, Sale, Topics};
use crate::{Deadline, Entry, IfMatch, IfNoneMatch, InlineVec, ItemNumber, OrderId, Position, Problem, Seq};

/// The shortest wait for the answer to a change.
const UPDATE_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// A service that another one needs: in this process or behind HTTP, as one service or several copies.
pub trait ServiceClient: Debug + Send + Sync {
    /// Asks all copies at the same time whether they are up.
    fn probe(&self) -> BoxFuture<'_, Vec<Probe>>;

    /// What was measured of the batches in which purchases travel, and how many purchases wait; `None` if they travel alone.
    fn batches(&self) -> Option<(&BatchMetrics, usize)> {
        None
    }
}

/// The call of a service. Dropping it does not take back what the service has accepted.
pub type Call<'a, T> = BoxFuture<'a, Result<T>>;

/// The catalog. After an error with [`is_not_applied`](super::Error::is_not_applied), a call changed nothing; after any
/// other one that is unknown.
pub trait Catalog: ServiceClient {
    /// All topics.
    fn topics(&self, fresh: Freshness) -> Call<'_, AsOf<Topics>>;

    /// A page of one topic; `after` is the `next` of the page before.
    fn search_topic(
        &self,
        topic: String,
        limit: usize,
        after: Option<String>,
        fresh: Freshness,
    ) -> Call<'_, AsOf<BookPage>>;

    /// A page of the books that have a word with each of these prefixes.
    fn search_words(
        &self,
        words: String,
        limit: usize,
        after: Option<String>,
        fresh: Freshness,
    ) -> Call<'_, AsOf<BookPage>>;

    /// One book; `None` if no book has the number.
    fn book(&self, item: ItemNumber, fresh: Freshness) -> Call<'_, AsOf<Option<Book>>>;

    /// Decides a shopkeeper's change of books, once.
    fn update_books(&self, update: CatalogUpdate) -> Call<'_, UpdateAnswer>;

    /// Decides sales, once; the decisions are in their order. At the deadline the call ends, and the sales may be decided all
    /// the same.
    fn sell(&self, sales: Vec<Sale>, deadline: Deadline) -> Call<'_, Decisions>;

    /// A page of the ledger: at most `limit` entries, and those that complete the last group.
    fn ledger(&self, after: Seq, limit: usize, fresh: Freshness) -> Call<'_, LedgerPage>;

    /// The entries that decided an order, one for each line; none if it is not decided.
    fn find_order(&self, order: OrderId, fresh: Freshness) -> Call<'_, AsOf<InlineVec<Entry>>>;

    /// Lets `follower` follow the ledger while the future is polled, and as long as the catalog likes afterwards.
    fn follow(&self, follower: Arc<dyn Follower>) -> BoxFuture<'static, ()>;
}

/// A reader of the ledger's feed. Its methods are called one after the other and must not block.
pub trait Follower: Send + Sync {
    /// The feed begins or goes on: the entries after `after` follow. The ledger ends with `hello` now.
    fn connected(&self, hello: &Hello, after: Position);

    /// The next entries: whole groups, in order. Entries that the follower has may come again. After a reconnect, at
    /// least the last one does, without the rest of its group, so that the follower can see whether the ledger is the same.
    fn apply(&self, entries: &[Entry]);

    /// No entry comes until the feed is connected again.
    fn disconnected(&self);
}

/// A value that was read, with the last entry that it reflects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf<T> {
    /// What was read.
    pub value: T,
    /// The head of the ledger at that time.
    pub head: Position,
}

/// How new a response must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Not older than this entry.
    pub min_seq: Option<Position>,
    /// Not older than the request: the catalog confirms its head at the store first.
    pub confirm_head: bool,
}

impl From<Position> for Freshness {
    fn from(min_seq: Position) -> Self {
        Self {
            min_seq: Some(min_seq),
            confirm_head: false,
        }
    }
}

/// A shopkeeper's change of books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogUpdate {
    /// Its id; the same id is done once.
    pub id: OrderId,
    /// What is done: all of it or nothing.
    pub changes: BookChanges,
    /// Whether the client supplied the id, so that a second copy can arrive.
    pub keyed: bool,
    /// The states in which it may be done; any if absent.
    pub if_match: Option<IfMatch>,
    /// The states in which it is not done; none if absent.
    pub if_none_match: Option<IfNoneMatch>,
    /// The last moment at which it may be decided.
    pub deadline: Deadline,
}

impl CatalogUpdate {
    /// How long the answer is waited for: the decision may be known although the deadline has passed.
    pub fn timeout(&self) -> Duration {
        self.deadline.remaining().max(UPDATE_TIMEOUT_MIN)
    }
}

/// The answer to a [`CatalogUpdate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateAnswer {
    /// The books right after the change, or why it was not done.
    pub result: std::result::Result<ChangedBooks, Box<Problem>>,
    /// Whether this repeats an earlier decision.
    pub replayed: bool,
    /// The head of the ledger.
    pub head: Position,
}
