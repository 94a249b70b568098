//! Reads of books and topics.

use std::sync::Arc;

use common::client::AsOf;
use common::wire::{Book, BookPage, Topics};
use common::{ItemNumber, limits};

use super::context::Context;
use crate::client_response::unknown_item;
use crate::http::{ApiError, ApiResult, Request, Response};

/// All topics.
///
/// In alphabetical order without regard to case and accents, each in the spelling of its book with the lowest number.
#[utoipa::path(get, path = "/topics", tag = "catalog",
    params(("Bookstore-Seq" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The topics", body = Topics)))]
pub(super) async fn list_topics(context: Arc<Context>, request: Request) -> ApiResult {
    let AsOf { value, position } = context.catalog.topics(request.freshness()?).await?;
    Ok(Response::json(&value).with_seq(Some(position)).with_etag(position))
}

/// The books of a topic.
///
/// By number. A topic without books is an empty page.
#[utoipa::path(get, path = "/search/{topic}", tag = "catalog",
    params(("topic" = String, Path, example = "distributed systems",
            description = "Compared without regard to case, accents and apostrophes"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Books on a page, 50 unless given"),
        ("after" = Option<String>, Query, pattern = "^[1-9][0-9]{0,15}$",
            description = "The value of `next` of the previous page"),
        ("Bookstore-Seq" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "One page", body = BookPage)))]
pub(super) async fn search_topic(context: Arc<Context>, request: Request) -> ApiResult {
    let topic = request.path_param("topic")?.into_owned();
    let limit = request.page_limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    let (after, fresh) = (request.query_param("after")?, request.freshness()?);
    let found = context.catalog.search_topic(&topic, limit, after.as_deref(), fresh);
    let AsOf { value, position } = found.await?;
    Ok(Response::json(&value).with_seq(Some(position)).with_etag(position))
}

/// The books in which every word is the prefix of a word.
///
/// Matches in titles first, then authors, then topics; whole words before prefixes; then by number.
#[utoipa::path(get, path = "/search", tag = "catalog",
    params(("q" = String, Query, max_length = 1024, example = "rpc dummies",
            description = "Words, compared without regard to case, accents and apostrophes; at most 1,024 bytes of UTF-8"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Books on a page, 50 unless given"),
        ("after" = Option<String>, Query, pattern = "^[0-9]-[1-9][0-9]{0,15}$",
            description = "The value of `next` of the previous page"),
        ("Bookstore-Seq" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "One page", body = BookPage)))]
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
    let AsOf { value, position } = found.await?;
    Ok(Response::json(&value).with_seq(Some(position)).with_etag(position))
}

/// One book.
///
/// With its stock and the entry of its last change.
#[utoipa::path(get, path = "/lookup/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path, description = "The book"), ("Bookstore-Seq" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The book", body = Book),
        (status = 404, description = "`unknown-item`")))]
pub(super) async fn lookup_book(context: Arc<Context>, request: Request) -> ApiResult {
    let item = request.parse_path_param("item")?;
    let AsOf { value, position } = context.catalog.book(item, request.freshness()?).await?;
    match value {
        Some(book) => Ok(Response::json(&book)
            .with_seq(Some(position))
            .with_etag(position.at(book.seq))),
        None => Ok(Response::from(unknown_item(item)).with_seq(Some(position))),
    }
}
