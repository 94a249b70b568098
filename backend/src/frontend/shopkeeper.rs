//! The shopkeeper's operations: a handler and its OpenAPI description each.

use std::sync::Arc;

use common::wire::{
    Book, BookAction, BookBody, BookChanges, BookFields, BooksBody, ChangedBooks, FastJson, LedgerPage, StockBody,
    StockChange,
};
use common::{ItemNumber, OrderId, Problem, Seq, limits};

use super::Frontend;
use crate::http::{ApiResult, Request, Response};
use crate::relay::client_problem;

/// Sets or changes a stock; for the shopkeeper.
#[utoipa::path(put, path = "/stock/{item}", tag = "shopkeeper", request_body = StockBody, security(("token" = [])),
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the book, one of which it must have")),
    responses((status = 200, description = "The book as it is then", body = Book),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`sold-out`: the stock would fall below 0", body = Problem,
            content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: the book was changed meanwhile", body = Problem,
            content_type = "application/problem+json"),
        (status = 504, description = "`deadline-exceeded`: the outcome is unknown", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn change_stock(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let change: StockChange = request.json()?;
    let changes = BookChanges::one(item, BookAction::Stock(change));
    frontend.update_books(request.catalog_update(changes)?).await
}

/// Adds a book, or replaces what is stated of it; for the shopkeeper.
#[utoipa::path(put, path = "/books/{item}", tag = "shopkeeper", request_body = BookBody, security(("token" = [])),
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the book, one of which it must have")),
    responses((status = 200, description = "The book as it is then", body = Book),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: the book was changed meanwhile, or is not there", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`deadline-exceeded`: the outcome is unknown", body = Problem,
            content_type = "application/problem+json"),
        (status = 507, description = "`storage-full`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set_book(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let fields: BookFields = request.json()?;
    let changes = BookChanges::one(item, BookAction::Set(fields));
    frontend.update_books(request.catalog_update(changes)?).await
}

/// Withdraws a book with its stock; for the shopkeeper.
#[utoipa::path(delete, path = "/books/{item}", tag = "shopkeeper", security(("token" = [])),
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the book, one of which it must have")),
    responses((status = 200, description = "The number of the book", body = ChangedBooks),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: the book was changed meanwhile", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`deadline-exceeded`: the outcome is unknown", body = Problem,
            content_type = "application/problem+json"),
        (status = 507, description = "`storage-full`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn withdraw_book(frontend: Arc<Frontend>, request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let changes = BookChanges::one(item, BookAction::Withdraw);
    frontend.update_books(request.catalog_update(changes)?).await
}

/// Adds, changes and withdraws up to 1,000 books, all or none; for the shopkeeper.
#[utoipa::path(post, path = "/books", tag = "shopkeeper", request_body = BooksBody, security(("token" = [])),
    params(("Idempotency-Key" = Option<OrderId>, Header),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the list of topics, one of which it must have")),
    responses((status = 200, description = "The books as they are then", body = ChangedBooks),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-item`: `items` lists what cannot be withdrawn", body = Problem,
            content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: the shop was changed meanwhile", body = Problem,
            content_type = "application/problem+json"),
        (status = 413, description = "`payload-too-large`: more than 1 MiB", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`deadline-exceeded`: the outcome is unknown", body = Problem,
            content_type = "application/problem+json"),
        (status = 507, description = "`storage-full`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_books(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let changes: BookChanges = request.json()?;
    frontend.update_books(request.catalog_update(changes)?).await
}

/// The ledger's entries after one; for the shopkeeper.
#[utoipa::path(get, path = "/ledger", tag = "shopkeeper", security(("token" = [])),
    params(("after" = Option<Seq>, Query, description = "From the beginning unless given"),
        ("limit" = Option<u32>, Query, description = "1…1000, 100 unless given")),
    responses((status = 200, description = "One page", body = LedgerPage),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_entries(frontend: Arc<Frontend>, request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let after = request.parse_query_param("after")?.unwrap_or(Seq::ZERO);
    let limit = request.page_limit(limits::LEDGER_PAGE_DEFAULT, limits::LEDGER_PAGE_MAX)?;
    let page = frontend.catalog.ledger(after, limit, request.freshness()?).await;
    let page = page.map_err(client_problem)?;
    frontend.observe_seq(page.position());
    Ok(Response::json_bytes(page.to_json()).with_seq(Some(page.position())))
}
