//! Reads of books and topics.

use std::sync::Arc;

use common::wire::{Book, BookPage, Topics};
use common::{ItemNumber, Problem, limits};

use super::context::{Context, unknown_item};
use crate::catalog::AsOf;
use crate::catalog::search_index::WordCursor;
use crate::http::{ApiError, ApiResult, Request, Response};

/// All topics, in alphabetical order without regard to case and accents.
#[utoipa::path(get, path = "/topics", tag = "catalog", responses(
    (status = 200, description = "The topics", body = Topics)))]
pub(super) async fn list_topics(context: Arc<Context>, request: Request) -> ApiResult {
    context.ensure_fresh(&request).await?;
    let AsOf { value, head } = context.catalog.topics()?;
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
    let after = request
        .query_param("after")?
        .map(|after| after.parse().map_err(|_| bad_cursor()))
        .transpose()?;
    context.ensure_fresh(&request).await?;
    let AsOf { value, head } = context.catalog.search_topic(&topic, after, limit)?;
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
    let after = request
        .query_param("after")?
        .map(|after| parse_word_cursor(&after).ok_or_else(bad_cursor))
        .transpose()?;
    context.ensure_fresh(&request).await?;
    let AsOf { value, head } = context.catalog.search_words(query, after, limit).await?;
    Ok(Response::json(&value).with_seq(Some(head)).with_etag(head))
}

/// One book.
#[utoipa::path(get, path = "/lookup/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path)),
    responses((status = 200, description = "The book", body = Book),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn lookup_book(context: Arc<Context>, request: Request) -> ApiResult {
    let item = request.parse_path_param("item")?;
    context.ensure_fresh(&request).await?;
    let AsOf { value, head } = context.catalog.book(item)?;
    match value {
        Some(book) => Ok(Response::json(&book).with_seq(Some(head)).with_etag(head.at(book.seq))),
        None => Ok(Response::from(unknown_item(item)).with_seq(Some(head))),
    }
}

fn bad_cursor() -> ApiError {
    ApiError::invalid("after: expected the `next` of the page before.")
}

fn parse_word_cursor(cursor: &str) -> Option<WordCursor> {
    let (rank, item) = cursor.split_once('-')?;
    Some((rank.parse().ok()?, item.parse().ok()?))
}
