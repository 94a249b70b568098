//! Reads: from the cache if it is fresh enough, else from the catalog; from the cache with its age while the catalog cannot
//! be reached.

use common::ItemNumber;
use common::client::{self, Freshness};
use common::wire::{Book, BookPage};

use super::Frontend;
use super::cache::Hit;
use super::selector::Selector;
use crate::http::{ApiResult, Response};

/// A read of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadQuery {
    Topics,
    Book(ItemNumber),
    Page {
        selector: Selector,
        /// The cache key: the raw query.
        key: String,
        limit: usize,
        /// The `next` of the page before.
        after: Option<String>,
    },
}

/// The key of a cached document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheKey<'a> {
    Topics,
    Book(ItemNumber),
    /// By its raw query.
    Page(&'a str),
}

impl<'a> CacheKey<'a> {
    /// The key of a search without a body.
    pub(super) fn of_query(query: &'a str) -> Self {
        match query.strip_prefix("item=").and_then(|item| item.parse().ok()) {
            Some(item) => Self::Book(item),
            None => Self::Page(query),
        }
    }
}

impl ReadQuery {
    fn cache_key(&self) -> CacheKey<'_> {
        match self {
            Self::Topics => CacheKey::Topics,
            Self::Book(item) => CacheKey::Book(*item),
            Self::Page { key, .. } => CacheKey::Page(key),
        }
    }
}

impl Frontend {
    /// The cached response; `None` if it is not fresh enough or the catalog's feed is lost.
    pub(super) fn cached(&self, key: CacheKey<'_>, fresh: Freshness) -> Option<Response> {
        self.hit(key, fresh).filter(|hit| hit.age_s.is_none()).map(response)
    }

    /// Reads from the cache or else from the catalog.
    pub(super) async fn read(&self, query: &ReadQuery, fresh: Freshness) -> ApiResult {
        if let Some(response) = self.cached(query.cache_key(), fresh) {
            return Ok(response);
        }
        let read = match query {
            ReadQuery::Topics => self.catalog.topics(fresh).await,
            ReadQuery::Book(item) => self.catalog.lookup(*item, fresh).await,
            ReadQuery::Page {
                selector, limit, after, ..
            } => match selector {
                Selector::Item(item) => self.catalog.lookup(*item, fresh).await,
                Selector::Topic(topic) => self.catalog.search_topic(topic, *limit, after.as_deref(), fresh).await,
                Selector::Words(words) => self.catalog.search_words(words, *limit, after.as_deref(), fresh).await,
            },
        };
        match &read {
            Ok(response) => self.insert(query, response),
            Err(error) => {
                if let Some(hit) = self.hit(query.cache_key(), fresh) {
                    tracing::debug!(%error, "the catalog cannot be reached; the response comes from the cache");
                    return Ok(response(hit));
                }
            }
        }
        let relayed = self.relay(read)?;
        Ok(relayed.with_cache_status("bookstore; fwd=miss"))
    }

    fn hit(&self, key: CacheKey<'_>, fresh: Freshness) -> Option<Hit> {
        let cache = self.live.cache();
        match key {
            CacheKey::Topics => cache.topics(fresh),
            CacheKey::Book(item) => cache.book(item, fresh),
            CacheKey::Page(query) => cache.page(query, fresh),
        }
    }

    fn insert(&self, query: &ReadQuery, response: &client::Response) {
        let (true, Some(seq)) = (response.is_success(), response.seq) else {
            return;
        };
        let cache = self.live.cache();
        let inserted = match query {
            ReadQuery::Topics => {
                cache.insert_topics(response.body.clone(), seq);
                Ok(())
            }
            ReadQuery::Book(_) => response.parse::<Book>().map(|book| cache.insert_book(book, seq)),
            ReadQuery::Page { key, .. } => response
                .parse::<BookPage>()
                .map(|page| cache.insert_page(key, page, seq)),
        };
        if let Err(error) = inserted {
            tracing::warn!(%error, "a response of the catalog cannot be cached");
        }
    }
}

fn response(hit: Hit) -> Response {
    let response = Response::json_bytes(hit.json)
        .with_seq(Some(hit.seq))
        .with_etag(hit.etag);
    match hit.age_s {
        None => response.with_cache_status("bookstore; hit"),
        Some(age_s) => response
            .with_cache_status(format!("bookstore; hit; ttl=-{age_s}"))
            .with_age_s(age_s),
    }
}
