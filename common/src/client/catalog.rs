//! The catalog service, as the other services see it.

use std::time::Duration;

use super::endpoint::{encode, page};
use super::events::parse_entry;
use super::{EventStream, Method, Request, Result, ServiceEndpoint};
use crate::wire::{Decisions, LedgerPage, SaleBatch, StockChange};
use crate::{Deadline, Entry, IfMatch, ItemNumber, OrderId, Position, Seq, headers};

/// The client of one catalog or of its copies.
#[derive(Debug, Clone)]
pub struct CatalogClient {
    endpoint: ServiceEndpoint,
    /// For the batches, which are sent one after the other.
    batches: ServiceEndpoint,
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

impl CatalogClient {
    /// A client of the catalog at that endpoint.
    pub fn new(endpoint: ServiceEndpoint) -> Self {
        let endpoint = endpoint.between_services();
        Self {
            batches: endpoint.with_own_connection(),
            endpoint,
        }
    }

    /// Where its requests are sent.
    pub fn endpoint(&self) -> &ServiceEndpoint {
        &self.endpoint
    }

    /// All topics.
    pub async fn topics(&self, fresh: Freshness) -> Result {
        self.endpoint.get("/topics", fresh).await
    }

    /// A page of one topic.
    pub async fn search_topic(&self, topic: &str, limit: usize, after: Option<&str>, fresh: Freshness) -> Result {
        let path = format!("/search/{}?{}", encode_topic(topic), page(limit, after));
        self.endpoint.get(&path, fresh).await
    }

    /// A page of the books that have a word with each of these prefixes.
    pub async fn search_words(&self, words: &str, limit: usize, after: Option<&str>, fresh: Freshness) -> Result {
        let path = format!("/search?q={}&{}", encode(words), page(limit, after));
        self.endpoint.get(&path, fresh).await
    }

    /// One book.
    pub async fn lookup(&self, item: ItemNumber, fresh: Freshness) -> Result {
        self.endpoint.get(&format!("/lookup/{item}"), fresh).await
    }

    /// A shopkeeper's change of a stock, sent at most once.
    pub async fn update(
        &self,
        item: ItemNumber,
        change: StockChange,
        key: Option<OrderId>,
        if_match: Option<&IfMatch>,
        deadline: Deadline,
        token: Option<&str>,
    ) -> Result {
        let request = Request::new(Method::PUT, format!("/update/{item}"))
            .header_if(headers::IDEMPOTENCY_KEY, key)
            .header_if("if-match", if_match)
            .header(headers::DEADLINE, deadline.to_string())
            .bearer(token)
            .json(&change)
            .timeout(deadline.remaining().max(Duration::from_secs(1)));
        self.endpoint.send_once(&request).await
    }

    /// A batch of sales, sent at most once. After an error without [`is_not_applied`](super::Error::is_not_applied), they may
    /// have been decided.
    pub async fn sell(&self, sales: &SaleBatch, deadline: Deadline) -> Result<Decisions> {
        let request = Request::new(Method::POST, "/sales").fast_json(sales);
        let request = request.timeout(deadline.remaining());
        self.batches.send_once(&request).await?.parse_fast()
    }

    /// A page of the ledger.
    pub async fn ledger(&self, after: Seq, limit: usize) -> Result<LedgerPage> {
        let path = format!("/ledger?after={after}&limit={limit}");
        self.endpoint.get(&path, Freshness::default()).await?.parse()
    }

    /// The entries of one order.
    pub async fn find_order(&self, order: OrderId, fresh: Freshness) -> Result {
        self.endpoint.get(&format!("/ledger/orders/{order}"), fresh).await
    }

    /// Opens the feed of the entries after one; without one, of those from now on.
    pub async fn feed(&self, after: Option<Position>) -> Result<EventStream<Entry>> {
        let path = after.map_or_else(|| "/feed".to_owned(), |after| format!("/feed?after={after}"));
        EventStream::open(&self.endpoint, Request::get(path), after, parse_entry).await
    }
}

/// Percent-encodes a topic as one segment of a path. A URL parser resolves `.` and `..` however they are encoded, and no
/// route has an empty segment; a space, which the comparison of topics trims, protects them.
fn encode_topic(topic: &str) -> String {
    match topic {
        "" | "." | ".." => encode(&format!("{topic} ")),
        _ => encode(topic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_one_segment_of_a_path() {
        for topic in [
            "", ".", "..", "...", "/", "a/../b", "%2E", "?q=1#", "\\", "\t", "c++", "戰爭",
        ] {
            let url = format!("http://127.0.0.1:8081/search/{}?limit=1", encode_topic(topic));
            let parsed = reqwest::Url::parse(&url).unwrap();
            assert_eq!(parsed.as_str(), url, "{topic:?}");
            let segment = parsed.path().strip_prefix("/search/").unwrap();
            assert!(!segment.is_empty() && !segment.contains('/'), "{topic:?}");
            let received = percent_encoding::percent_decode_str(segment).decode_utf8().unwrap();
            assert_eq!(received.trim(), topic.trim());
        }
    }
}
