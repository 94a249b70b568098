//! Reads: from memory where that is fresh enough, from the catalog otherwise, and from memory with its age while the
//! catalog cannot be reached.

use common::client::{Error, Freshness, Response as Reply};
use common::wire::{Book, BookPage};
use common::{ItemNumber, Seq};
use serde::de::DeserializeOwned;

use super::Frontend;
use super::cache::Hit;
use super::selector::Selector;
use crate::http::{ApiResult, Response};

/// What a customer reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadQuery {
    /// The topics.
    Topics,
    /// One book.
    Book(ItemNumber),
    /// A page of books.
    Page {
        /// What is searched for.
        selector: Selector,
        /// By which the page is kept: the query as it was written.
        key: String,
        /// Books on a page.
        limit: usize,
        /// The `next` of the page before.
        after: Option<String>,
    },
}

/// What may be in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheKey<'a> {
    /// The topics.
    Topics,
    /// One book.
    Book(ItemNumber),
    /// The page of that key.
    Page(&'a str),
}

impl<'a> CacheKey<'a> {
    /// Of a search without a body, by its query as it was sent.
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
    /// From memory, or nothing while that is not fresh enough or the catalog's feed is lost.
    pub(super) fn cached(&self, kept: CacheKey<'_>, fresh: Freshness) -> Option<Response> {
        self.cached_hit(kept, fresh).filter(|hit| hit.age_s.is_none()).map(hit)
    }

    /// From memory or from the catalog.
    pub(super) async fn read(&self, query: &ReadQuery, fresh: Freshness) -> ApiResult {
        if let Some(answer) = self.cached(query.cache_key(), fresh) {
            return Ok(answer);
        }
        let reply = match query {
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
        if let Err(error) = &reply
            && let Some(kept) = self.cached_hit(query.cache_key(), fresh)
        {
            tracing::debug!(%error, "an answer is given from memory while the catalog is away");
            return Ok(hit(kept));
        }
        self.keep(query, &reply);
        self.relay(reply)
            .map(|answer| answer.with_cache_status("bookstore; fwd=miss"))
    }

    fn cached_hit(&self, kept: CacheKey<'_>, fresh: Freshness) -> Option<Hit> {
        let cache = self.live.cache();
        match kept {
            CacheKey::Topics => cache.topics(fresh),
            CacheKey::Book(item) => cache.book(item, fresh),
            CacheKey::Page(key) => cache.page(key, fresh),
        }
    }

    fn keep(&self, query: &ReadQuery, reply: &Result<Reply, Error>) {
        let Ok(reply) = reply else { return };
        let (true, Some(at)) = (reply.is_success(), reply.seq) else {
            return;
        };
        let cache = self.live.cache();
        match query {
            ReadQuery::Topics => cache.insert_topics(reply.body.clone(), at),
            ReadQuery::Book(_) => parsed::<Book>(reply, at, |book| cache.insert_book(book, at)),
            ReadQuery::Page { key, .. } => parsed::<BookPage>(reply, at, |page| cache.insert_page(key, page, at)),
        }
    }
}

fn parsed<T: DeserializeOwned>(reply: &Reply, at: Seq, keep: impl FnOnce(T)) {
    match reply.parse() {
        Ok(what) => keep(what),
        Err(error) => tracing::warn!(%error, %at, "an answer of the catalog was not kept"),
    }
}

fn hit(hit: Hit) -> Response {
    let answer = Response::json_bytes(hit.json).with_seq(Some(hit.at)).with_etag(hit.tag);
    match hit.age_s {
        None => answer.with_cache_status("bookstore; hit"),
        Some(age_s) => answer
            .with_cache_status(format!("bookstore; hit; ttl=-{age_s}"))
            .with_age_s(age_s),
    }
}
