//! The client's interface of the catalog service.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::{Probe, Result};
use crate::metrics::BatchMetrics;
use crate::wire::{Book, BookChanges, BookPage, ChangedBooks, Decisions, Hello, LedgerPage, Sale, Topics};
use crate::{Deadline, Entry, IfMatch, IfNoneMatch, InlineVec, ItemNumber, OrderId, Position, Problem, Seq};

/// The shortest timeout of a change.
const UPDATE_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// A client of a service, which runs in this process or behind HTTP, there as one instance or several.
pub trait ServiceClient: Debug + Send + Sync {
    /// Probes all instances at the same time.
    fn probe(&self) -> BoxFuture<'_, Vec<Probe>>;

    /// The metrics of the batches of purchases, and the number of queued purchases; `None` if purchases are sent one by one.
    fn batches(&self) -> Option<(&BatchMetrics, usize)> {
        None
    }
}

/// A call of a service. A dropped call does not cancel a request that the service has accepted.
pub type Call<'a, T> = BoxFuture<'a, Result<T>>;

/// The catalog. After an error with [`is_not_applied`](super::Error::is_not_applied) a call changed nothing; after any
/// other error its outcome is unknown.
pub trait Catalog: ServiceClient {
    /// All topics.
    fn topics(&self, fresh: Freshness) -> Call<'_, AsOf<Topics>>;

    /// A page of one topic; `after` is the `next` of the previous page.
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

    /// Decides a shopkeeper's change of books, at most once for each id.
    fn update_books(&self, update: CatalogUpdate) -> Call<'_, UpdateAnswer>;

    /// Decides sales, at most once for each id; the decisions are in the order of the sales. At `deadline` the call ends,
    /// but the sales may still be decided.
    fn sell(&self, sales: Vec<Sale>, deadline: Deadline) -> Call<'_, Decisions>;

    /// A page of the ledger: at most `limit` entries, and the entries that complete the last group.
    fn ledger(&self, after: Seq, limit: usize, fresh: Freshness) -> Call<'_, LedgerPage>;

    /// The entries that decided an order, one for each line; none if it is not decided.
    fn find_order(&self, order: OrderId, fresh: Freshness) -> Call<'_, AsOf<InlineVec<Entry>>>;

    /// Passes the ledger's entries to `follower` while the future is polled. A local follower stays registered until the
    /// catalog stops.
    fn follow(&self, follower: Arc<dyn Follower>) -> BoxFuture<'static, ()>;
}

/// A reader of the ledger's feed. Calls of its methods never overlap; they must not block.
pub trait Follower: Send + Sync {
    /// The feed is connected: the entries after `after` follow. `hello` names the ledger's current head.
    fn connected(&self, hello: &Hello, after: Position);

    /// Applies the next entries: whole groups, in order. Entries may be repeated. After a reconnect at least the last one
    /// is, without the rest of its group, so that the follower can verify that the ledger is the same.
    fn apply(&self, entries: &[Entry]);

    /// The feed is disconnected: no entry follows until the next [`connected`](Self::connected).
    fn disconnected(&self);
}

/// A value, with the ledger position as of which it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf<T> {
    /// The value.
    pub value: T,
    /// The last entry that the value reflects.
    pub position: Position,
}

/// The minimum freshness of a response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// The response reflects this entry.
    pub min_position: Option<Position>,
    /// The response is not older than the request: the catalog first checks its head with the store.
    pub check_head: bool,
}

impl From<Position> for Freshness {
    fn from(min_position: Position) -> Self {
        Self {
            min_position: Some(min_position),
            check_head: false,
        }
    }
}

/// A shopkeeper's change of books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogUpdate {
    /// Its id; a change is applied at most once for each id.
    pub id: OrderId,
    /// The changes, applied together or not at all.
    pub changes: BookChanges,
    /// Whether the client supplied the id, so that the request may be repeated.
    pub keyed: bool,
    /// The states in which it may be applied; any if absent.
    pub if_match: Option<IfMatch>,
    /// The states in which it must not be applied; none if absent.
    pub if_none_match: Option<IfNoneMatch>,
    /// The latest time at which it may be decided.
    pub deadline: Deadline,
}

impl CatalogUpdate {
    /// The timeout of the call. It may end after the deadline, because an earlier decision is still returned then.
    pub fn timeout(&self) -> Duration {
        self.deadline.remaining().max(UPDATE_TIMEOUT_MIN)
    }
}

/// The answer to a [`CatalogUpdate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateAnswer {
    /// The books right after the change, or the reason why it was not applied.
    pub result: std::result::Result<ChangedBooks, Box<Problem>>,
    /// Whether the answer repeats an earlier decision.
    pub replayed: bool,
    /// The last entry that the answer reflects.
    pub position: Position,
}
