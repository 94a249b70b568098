//! The shopkeeper's operations: a handler and its OpenAPI description each.

use std::sync::Arc;

use common::wire::{
    Book, BookAction, BookBody, BookChanges, BookFields, BooksBody, ChangedBooks, FastJson, LedgerPage, StockBody,
    StockChange,
};
use common::{Deadline, ItemNumber, OrderId, Seq, limits};

use super::Frontend;
use crate::client_response::client_problem;
use crate::http::{ApiResult, Request, Response};

/// Sets or changes a stock.
///
/// For the shopkeeper. A stock stays within 0…1,000,000,000: a change below is 409, one beyond 400.
#[utoipa::path(put, path = "/stock/{item}", tag = "shopkeeper", request_body = StockBody, security(("token" = [])),
    params(("item" = ItemNumber, Path, description = "The book"), ("Idempotency-Key" = Option<OrderId>, Header),
        ("Bookstore-Deadline" = Option<Deadline>, Header), ("If-Match" = Option<String>, Header),
        ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The book after the change", body = Book),
        (status = 404, description = "`unknown-item`"),
        (status = 409, description = "`sold-out`: the stock would fall below 0"),
        (status = 412, description = "`precondition-failed`: the book was changed since that entity tag")))]
pub(super) async fn change_stock(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let change: StockChange = request.json()?;
    let changes = BookChanges::one(item, BookAction::Stock(change));
    frontend.update_books(request.catalog_update(changes)?).await
}

/// Adds a book, or replaces what is stated of it.
///
/// For the shopkeeper. Without `stock` a new book has none, and another one keeps its own.
#[utoipa::path(put, path = "/books/{item}", tag = "shopkeeper", request_body = BookBody, security(("token" = [])),
    params(("item" = ItemNumber, Path, description = "The book"), ("Idempotency-Key" = Option<OrderId>, Header),
        ("Bookstore-Deadline" = Option<Deadline>, Header), ("If-Match" = Option<String>, Header),
        ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The book after the change", body = Book),
        (status = 412, description = "`precondition-failed`: the book was changed since that entity tag, or does not exist")))]
pub(super) async fn set_book(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let fields: BookFields = request.json()?;
    let changes = BookChanges::one(item, BookAction::Set(fields));
    frontend.update_books(request.catalog_update(changes)?).await
}

/// Withdraws a book with its stock.
///
/// For the shopkeeper.
#[utoipa::path(delete, path = "/books/{item}", tag = "shopkeeper", security(("token" = [])),
    params(("item" = ItemNumber, Path, description = "The book"), ("Idempotency-Key" = Option<OrderId>, Header),
        ("Bookstore-Deadline" = Option<Deadline>, Header), ("If-Match" = Option<String>, Header),
        ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The item number of the book", body = ChangedBooks),
        (status = 404, description = "`unknown-item`"),
        (status = 412, description = "`precondition-failed`: the book was changed since that entity tag")))]
pub(super) async fn withdraw_book(frontend: Arc<Frontend>, request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let changes = BookChanges::one(item, BookAction::Withdraw);
    frontend.update_books(request.catalog_update(changes)?).await
}

/// Adds, changes and withdraws books together.
///
/// For the shopkeeper. Up to 1,000, all or none.
#[utoipa::path(post, path = "/books", tag = "shopkeeper", request_body = BooksBody, security(("token" = [])),
    params(("Idempotency-Key" = Option<OrderId>, Header),
        ("Bookstore-Deadline" = Option<Deadline>, Header), ("If-Match" = Option<String>, Header),
        ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The books after the change", body = ChangedBooks),
        (status = 404, description = "`unknown-item`: `items` lists the numbers to withdraw that belong to no book"),
        (status = 412, description = "`precondition-failed`: the shop was changed since that entity tag"),
        (status = 413, description = "`payload-too-large`: more than 1 MiB")))]
pub(super) async fn change_books(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let changes: BookChanges = request.json()?;
    frontend.update_books(request.catalog_update(changes)?).await
}

/// The ledger's entries after one.
///
/// For the shopkeeper. In order, the oldest first.
#[utoipa::path(get, path = "/ledger", tag = "shopkeeper", security(("token" = [])),
    params(("after" = Option<Seq>, Query,
            description = "The page begins after this ledger entry; at the first entry unless given"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "Entries on a page, 100 unless given; a page may have up to 999 more, to end with a whole order"),
        ("Bookstore-Seq" = Option<String>, Header)),
    responses((status = 200, description = "One page", body = LedgerPage)))]
pub(super) async fn list_entries(frontend: Arc<Frontend>, request: Request) -> ApiResult {
    request.authorize(frontend.token.get().as_deref())?;
    let after = request.parse_query_param("after")?.unwrap_or(Seq::ZERO);
    let limit = request.page_limit(limits::LEDGER_PAGE_DEFAULT, limits::LEDGER_PAGE_MAX)?;
    let page = frontend.catalog.ledger(after, limit, request.freshness()?).await;
    let page = page.map_err(client_problem)?;
    frontend.observe_position(page.position());
    Ok(Response::json_bytes(page.to_json()).with_seq(Some(page.position())))
}
