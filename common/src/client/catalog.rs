//! The catalog service, as the other services see it.

use std::time::Duration;

use super::events::{EventStream, Parsed};
use super::{Error, Method, Request, Response, ServiceEndpoint, encode};
use crate::wire::{Decisions, FastJson, Hello, LedgerPage, SaleBatch, StockChange};
use crate::{Deadline, Entry, ItemNumber, OrderId, Seq, headers};

/// A catalog, or several copies of one.
#[derive(Debug, Clone)]
pub struct CatalogClient {
    peer: ServiceEndpoint,
    /// For what never stops coming: one batch at a time, at less cost.
    line: ServiceEndpoint,
}

/// One event of the catalog's feed.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedEvent {
    /// Where the ledger stands.
    Hello(Hello),
    /// An entry, the next one in order.
    Entry(Entry),
    /// A sign of life.
    Heartbeat,
}

/// How new an answer must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Not older than this entry.
    pub min_seq: Option<Seq>,
    /// Not older than the moment of asking: the catalog confirms its head first.
    pub confirm_head: bool,
}

impl From<Seq> for Freshness {
    fn from(seen: Seq) -> Self {
        Self {
            min_seq: Some(seen),
            confirm_head: false,
        }
    }
}

impl CatalogClient {
    /// At those addresses.
    pub fn new(peer: ServiceEndpoint) -> Self {
        Self {
            line: peer.with_own_connection(),
            peer,
        }
    }

    /// Where it is asked first.
    pub fn url(&self) -> &str {
        self.peer.url()
    }

    /// Relays a read; `path` is percent-encoded already.
    ///
    /// # Errors
    /// See [`Error`]; an answer that is a problem is an answer here.
    pub async fn get(&self, path: &str, fresh: Freshness) -> Result<Response, Error> {
        self.peer.send_idempotent(&Request::get(path).fresh(fresh)).await
    }

    /// All topics.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn topics(&self, fresh: Freshness) -> Result<Response, Error> {
        self.get("/topics", fresh).await
    }

    /// A page of one topic.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn search_topic(
        &self,
        topic: &str,
        limit: usize,
        after: Option<&str>,
        fresh: Freshness,
    ) -> Result<Response, Error> {
        let after = after
            .map(|after| format!("&after={}", encode(after)))
            .unwrap_or_default();
        self.get(&format!("/search/{}?limit={limit}{after}", encode(topic)), fresh)
            .await
    }

    /// A page of the books whose words begin like these.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn search_words(
        &self,
        words: &str,
        limit: usize,
        after: Option<&str>,
        fresh: Freshness,
    ) -> Result<Response, Error> {
        let after = after
            .map(|after| format!("&after={}", encode(after)))
            .unwrap_or_default();
        self.get(&format!("/search?q={}&limit={limit}{after}", encode(words)), fresh)
            .await
    }

    /// One book.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lookup(&self, item: ItemNumber, fresh: Freshness) -> Result<Response, Error> {
        self.get(&format!("/lookup/{item}"), fresh).await
    }

    /// The shopkeeper's change of a stock.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Lost`] where nobody knows whether it happened.
    pub async fn update(
        &self,
        item: ItemNumber,
        change: StockChange,
        key: Option<OrderId>,
        deadline: Deadline,
        token: Option<&str>,
    ) -> Result<Response, Error> {
        let request = Request::new(Method::PUT, format!("/update/{item}"))
            .header_if(headers::IDEMPOTENCY_KEY, key)
            .header(headers::DEADLINE, deadline.to_string())
            .header_if("authorization", token.map(|token| format!("Bearer {token}")))
            .json(&change)
            .timeout(deadline.remaining().max(Duration::from_secs(1)));
        self.peer.send_once(&request).await
    }

    /// A batch of sales, sent at most once.
    ///
    /// # Errors
    /// See [`Error`]; where it is not [definite](Error::is_definite), the sales may have happened.
    pub async fn sell(&self, sales: &SaleBatch, deadline: Deadline) -> Result<Decisions, Error> {
        let request = Request::new(Method::POST, "/sales")
            .batch(sales)
            .timeout(deadline.remaining());
        self.line.send_once(&request).await?.parse_batch()
    }

    /// A page of the ledger.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ledger(&self, after: Seq, limit: usize) -> Result<LedgerPage, Error> {
        self.get(&format!("/ledger?after={after}&limit={limit}"), Freshness::default())
            .await?
            .parse()
    }

    /// The entry of one order.
    ///
    /// # Errors
    /// See [`Error`]; an answer that is a problem is an answer here.
    pub async fn find_order(&self, order: OrderId, fresh: Freshness) -> Result<Response, Error> {
        self.get(&format!("/ledger/orders/{order}"), fresh).await
    }

    /// Whether it is ready.
    ///
    /// # Errors
    /// See [`Error`]; the problem `unavailable` where it is up but not ready.
    pub async fn ready(&self) -> Result<Response, Error> {
        self.get("/readyz", Freshness::default()).await
    }

    /// The feed of the entries after one; without one, of those that come from now on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn feed(&self, after: Option<Seq>) -> Result<EventStream<FeedEvent>, Error> {
        let path = after.map_or_else(|| "/feed".to_owned(), |after| format!("/feed?after={after}"));
        let response = self.peer.open_stream(&path, None).await?;
        Ok(EventStream::new(
            response,
            |name, data| match name {
                "hello" => Parsed::json(data, FeedEvent::Hello),
                "entry" => Parsed::of(Entry::from_json(data.as_bytes()), FeedEvent::Entry),
                _ => Parsed::Skip,
            },
            || FeedEvent::Heartbeat,
        ))
    }
}
