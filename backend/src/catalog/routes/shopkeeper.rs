//! The shopkeeper's changes.

use std::sync::Arc;

use common::wire::{
    Book, BookAction, BookBody, BookChanges, BookFields, BooksBody, ChangedBooks, StockBody, StockChange,
};
use common::{Deadline, ItemNumber, OrderId};

use super::context::Context;
use crate::client_response::update_response;
use crate::http::{ApiResult, Request};

/// Sets or changes a stock.
///
/// For the shopkeeper. A stock stays within 0…1,000,000,000: a change below is 409, one beyond 400.
#[utoipa::path(put, path = "/update/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path, description = "The book"), ("Idempotency-Key" = Option<OrderId>, Header),
        ("Bookstore-Deadline" = Option<Deadline>, Header), ("If-Match" = Option<String>, Header),
        ("If-None-Match" = Option<String>, Header)),
    request_body = StockBody, security(("token" = [])),
    responses((status = 200, description = "The book after the change", body = Book),
        (status = 404, description = "`unknown-item`"),
        (status = 409, description = "`sold-out`: the stock would fall below 0"),
        (status = 412, description = "`precondition-failed`: the book was changed since that entity tag")))]
pub(super) async fn update_stock(context: Arc<Context>, mut request: Request) -> ApiResult {
    request.authorize(context.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let change: StockChange = request.json()?;
    let changes = BookChanges::one(item, BookAction::Stock(change));
    update(&context, &request, changes).await
}

/// Adds a book, or replaces what is stated of it.
///
/// For the shopkeeper. Without `stock` a new book has none, and another one keeps its own.
#[utoipa::path(put, path = "/books/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path, description = "The book"), ("Idempotency-Key" = Option<OrderId>, Header),
        ("Bookstore-Deadline" = Option<Deadline>, Header), ("If-Match" = Option<String>, Header),
        ("If-None-Match" = Option<String>, Header)),
    request_body = BookBody, security(("token" = [])),
    responses((status = 200, description = "The book after the change", body = Book),
        (status = 412, description = "`precondition-failed`: the book was changed since that entity tag, or does not exist")))]
pub(super) async fn set_book(context: Arc<Context>, mut request: Request) -> ApiResult {
    request.authorize(context.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let fields: BookFields = request.json()?;
    let changes = BookChanges::one(item, BookAction::Set(fields));
    update(&context, &request, changes).await
}

/// Withdraws a book with its stock.
///
/// For the shopkeeper.
#[utoipa::path(delete, path = "/books/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path, description = "The book"), ("Idempotency-Key" = Option<OrderId>, Header),
        ("Bookstore-Deadline" = Option<Deadline>, Header), ("If-Match" = Option<String>, Header),
        ("If-None-Match" = Option<String>, Header)),
    security(("token" = [])),
    responses((status = 200, description = "The item number of the book", body = ChangedBooks),
        (status = 404, description = "`unknown-item`"),
        (status = 412, description = "`precondition-failed`: the book was changed since that entity tag")))]
pub(super) async fn withdraw_book(context: Arc<Context>, request: Request) -> ApiResult {
    request.authorize(context.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let changes = BookChanges::one(item, BookAction::Withdraw);
    update(&context, &request, changes).await
}

/// Adds, changes and withdraws books together.
///
/// For the shopkeeper. Up to 1,000, all or none.
#[utoipa::path(post, path = "/books", tag = "catalog",
    params(("Idempotency-Key" = Option<OrderId>, Header),
        ("Bookstore-Deadline" = Option<Deadline>, Header), ("If-Match" = Option<String>, Header),
        ("If-None-Match" = Option<String>, Header)),
    request_body = BooksBody, security(("token" = [])),
    responses((status = 200, description = "The books after the change", body = ChangedBooks),
        (status = 404, description = "`unknown-item`: `items` lists the numbers to withdraw that belong to no book"),
        (status = 412, description = "`precondition-failed`: the shop was changed since that entity tag"),
        (status = 413, description = "`payload-too-large`: more than 1 MiB")))]
pub(super) async fn change_books(context: Arc<Context>, mut request: Request) -> ApiResult {
    request.authorize(context.token.get().as_deref())?;
    let changes: BookChanges = request.json()?;
    update(&context, &request, changes).await
}

async fn update(context: &Context, request: &Request, changes: BookChanges) -> ApiResult {
    let is_one = matches!(changes, BookChanges::One(_));
    let answer = context.catalog.update_books(request.catalog_update(changes)?).await?;
    Ok(update_response(is_one, answer))
}
