//! Reads: from the cache if it is fresh enough, else from the catalog; while the catalog is unreachable, from the cache with
//! `Age`.

use common::client::{self, AsOf, Freshness};
use common::wire::{Book, BookPage, Topics};
use common::{ItemNumber, Position};
use serde::Serialize;

use super::Frontend;
use super::cache::{Cache, CacheKey, Hit};
use crate::client_response::{client_problem, unknown_item};
use crate::http::{ApiResult, Response};

impl Frontend {
    /// The cached response; `None` if it is not fresh enough, or while the feed is disconnected.
    pub(super) fn cached(&self, key: CacheKey<'_>, fresh: Freshness) -> Option<Response> {
        let hit = self.live.cache().get(key, fresh)?;
        hit.age_s.is_none().then(|| {
            self.metrics.hits.add(1);
            response(hit)
        })
    }

    /// All topics.
    pub(super) async fn topics(&self, fresh: Freshness) -> ApiResult {
        let topics = || self.catalog.topics(fresh);
        let respond = |topics: Topics, position: Position, cache: &Cache| {
            let json = to_json(&topics);
            cache.insert_topics(json.clone().into(), position);
            miss(json, position)
        };
        self.read(CacheKey::Topics, fresh, topics, respond).await
    }

    /// One book.
    pub(super) async fn book(&self, item: ItemNumber, fresh: Freshness) -> ApiResult {
        let book = || self.catalog.book(item, fresh);
        let respond = |book: Option<Book>, position: Position, cache: &Cache| {
            let Some(book) = book else {
                return Response::from(unknown_item(item));
            };
            let response = miss(to_json(&book), position.at(book.seq));
            cache.insert_book(book, position);
            response
        };
        self.read(CacheKey::Book(item), fresh, book, respond).await
    }

    /// The page of books under a key of the cache.
    pub(super) async fn page<'a>(
        &self,
        key: &str,
        fresh: Freshness,
        request: impl FnOnce() -> client::Call<'a, AsOf<BookPage>>,
    ) -> ApiResult {
        let respond = |page: BookPage, position: Position, cache: &Cache| {
            let json = to_json(&page);
            cache.insert_page(key, page, position);
            miss(json, position)
        };
        self.read(CacheKey::Page(key), fresh, request, respond).await
    }

    /// Reads from the cache, or else from the catalog: then calls `request`, and `respond` with its result.
    async fn read<'a, T: 'a>(
        &self,
        key: CacheKey<'_>,
        fresh: Freshness,
        request: impl FnOnce() -> client::Call<'a, AsOf<T>>,
        respond: impl FnOnce(T, Position, &Cache) -> Response,
    ) -> ApiResult {
        if let Some(response) = self.cached(key, fresh) {
            return Ok(response);
        }
        match request().await {
            Ok(AsOf { value, position }) => {
                self.metrics.misses.add(1);
                self.observe_position(position);
                Ok(respond(value, position, self.live.cache()).with_seq(Some(position)))
            }
            Err(error) => match self.live.cache().get(key, fresh) {
                Some(hit) if error.code().is_none() => {
                    tracing::debug!(%error, "the catalog cannot be reached; the response comes from the cache");
                    self.metrics.stale.add(1);
                    Ok(response(hit))
                }
                _ => Err(client_problem(error).into()),
            },
        }
    }
}

fn to_json(document: &impl Serialize) -> Vec<u8> {
    // The wire types are plain structs with string keys: serializing them cannot fail.
    serde_json::to_vec(document).unwrap_or_default()
}

fn miss(json: Vec<u8>, etag: Position) -> Response {
    Response::json_bytes(json).with_etag(etag).with_cache_miss()
}

fn response(hit: Hit) -> Response {
    Response::json_bytes(hit.json)
        .with_seq(Some(hit.seq))
        .with_etag(hit.etag)
        .with_cache_hit(hit.age_s)
}
