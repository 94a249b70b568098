//! Reads of books and topics.

use std::sync::Arc;

use common::client::AsOf;
use common::wire::{Book, BookPage, Topics};
use common::{ItemNumber, Problem, limits};

use super::context::Context;
use crate::http::{ApiError, ApiResult, Request, Response};
use crate::relay::unknown_item;

/// All topics, in alphabetical order without regard to case and accents.
#[utoipa::path(get, path = "/topics", tag = "catalog", responses(
    (status = 200, description = "The topics", body = Topics)))]
pub(super) async fn list_topics(context: Arc<Context>, request: Request) -> ApiResult {
    let AsOf { value, head } = context.catalog.topics(request.freshness()?).await?;
    Ok(Response::json(&value).with_seq(Some(head)).with_etag(head))
}

/// The books of a topic, by number.
#[utoipa::path(get, path = "/search/{topic}", tag = "catalog",
    params(("topic" = String, Path, description = "Without regard to case, accents and apostrophes"),
        ("limit" = Option<u32>, Query, description = "1…100, 50 unless given"),
        ("after" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, description = "One page", body = BookPage),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn search_topic(context: Arc<Context>, request: Request) -> ApiResult {
    let topic = request.path_param("topic")?.into_owned();
    let limit = request.page_limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    let (after, fresh) = (request.query_param("after")?, request.freshness()?);
    let found = context.catalog.search_topic(&topic, limit, after.as_deref(), fresh);
    let AsOf { value, head } = found.await?;
    Ok(Response::json(&value).with_seq(Some(head)).with_etag(head))
}

/// The books in which every word is the prefix of a word: matches in titles, then authors, then topics, whole words before
/// prefixes, then by number.
#[utoipa::path(get, path = "/search", tag = "catalog",
    params(("q" = String, Query, description = "Words, without regard to case, accents and apostrophes"),
        ("limit" = Option<u32>, Query, description = "1…100, 50 unless given"),
        ("after" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, description = "One page", body = BookPage),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn search_words(context: Arc<Context>, request: Request) -> ApiResult {
    let Some(query) = request.query_param("q")? else {
        return Err(ApiError::invalid(
            "Say what to search for with `q`, or use /search/{topic}.",
        ));
    };
    if query.len() > limits::QUERY_BYTES_MAX {
        return Err(ApiError::invalid(format!(
            "q: expected at most {} bytes.",
            limits::QUERY_BYTES_MAX
        )));
    }
    let limit = request.page_limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    let (after, fresh) = (request.query_param("after")?, request.freshness()?);
    let found = context.catalog.search_words(query, limit, after.as_deref(), fresh);
    let AsOf { value, head } = found.await?;
    Ok(Response::json(&value).with_seq(Some(head)).with_etag(head))
}

/// One book.
#[utoipa::path(get, path = "/lookup/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path)),
    responses((status = 200, description = "The book", body = Book),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn lookup_book(context: Arc<Context>, request: Request) -> ApiResult {
    let item = request.parse_path_param("item")?;
    let AsOf { value, head } = context.catalog.book(item, request.freshness()?).await?;
    match value {
        Some(book) => Ok(Response::json(&book).with_seq(Some(head)).with_etag(head.at(book.seq))),
        None => Ok(Response::from(unknown_item(item)).with_seq(Some(head))),
    }
}
