//! Reads: from the cache if it is fresh enough, else from the catalog; from the cache with its age while the catalog cannot
//! be reached.

use common::client::{self, Freshness};
use common::wire::{Book, BookPage, Topics};

use super::cache::{CacheKey, Hit};
use super::{Frontend, check_problem};
use crate::http::{ApiResult, Response};

impl Frontend {
    /// The cached response; `None` if it is not fresh enough or the catalog's feed is lost.
    pub(super) fn cached(&self, key: CacheKey<'_>, fresh: Freshness) -> Option<Response> {
        let hit = self.live.cache().get(key, fresh)?;
        hit.age_s.is_none().then(|| response(hit))
    }

    /// Reads from the cache or else from the catalog: `request` is called only then.
    pub(super) async fn read<F>(&self, key: CacheKey<'_>, fresh: Freshness, request: impl FnOnce() -> F) -> ApiResult
    where
        F: Future<Output = Result<client::Response, client::Error>>,
    {
        if let Some(response) = self.cached(key, fresh) {
            return Ok(response);
        }
        // On the heap: most reads are answered from the cache, and need no room for a request.
        let read = self.insert(key, Box::pin(request()).await);
        if let Err(error) = &read
            && let Some(hit) = self.live.cache().get(key, fresh)
        {
            tracing::debug!(%error, "the catalog cannot be reached; the response comes from the cache");
            return Ok(response(hit));
        }
        let is_found = read.as_ref().is_ok_and(client::Response::is_success);
        let response = self.relay(read)?;
        Ok(if is_found { response.with_cache_miss() } else { response })
    }

    /// Caches a response. An error if its body is not what the key names.
    fn insert(&self, key: CacheKey<'_>, response: client::Result) -> client::Result {
        let response = check_problem(response)?;
        if !response.is_success() {
            return Ok(response);
        }
        let cache = self.live.cache();
        match key {
            CacheKey::Topics => {
                self.parse::<Topics>(&response)?;
                if let Some(seq) = response.seq {
                    cache.insert_topics(response.body.clone(), seq);
                }
            }
            CacheKey::Book(_) => {
                let book: Book = self.parse(&response)?;
                if let Some(seq) = response.seq {
                    cache.insert_book(book, seq);
                }
            }
            CacheKey::Page(query) => {
                let page: BookPage = self.parse(&response)?;
                if let Some(seq) = response.seq {
                    cache.insert_page(query, page, seq);
                }
            }
        }
        Ok(response)
    }
}

fn response(hit: Hit) -> Response {
    Response::json_bytes(hit.json)
        .with_seq(Some(hit.seq))
        .with_etag(hit.etag)
        .with_cache_hit(hit.age_s)
}
