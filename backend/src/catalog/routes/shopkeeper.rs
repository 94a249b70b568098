//! The shopkeeper's changes.

use std::sync::Arc;

use common::wire::{
    Book, BookAction, BookBody, BookChanges, BookFields, BooksBody, ChangedBooks, StockBody, StockChange,
};
use common::{ItemNumber, OrderId, Problem};

use super::context::Context;
use crate::http::{ApiResult, Request};
use crate::relay::update_response;

/// Sets or changes a stock; for the shopkeeper.
#[utoipa::path(put, path = "/update/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the book, one of which it must have")),
    request_body = StockBody, security(("token" = [])),
    responses((status = 200, description = "The book as it is then", body = Book),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`sold-out`: the stock would fall below 0", body = Problem,
            content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: the book was changed meanwhile", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn update_stock(context: Arc<Context>, mut request: Request) -> ApiResult {
    request.authorize(context.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let change: StockChange = request.json()?;
    let changes = BookChanges::one(item, BookAction::Stock(change));
    update(&context, &request, changes).await
}

/// Adds a book, or replaces what is stated of it; for the shopkeeper.
#[utoipa::path(put, path = "/books/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the book, one of which it must have")),
    request_body = BookBody, security(("token" = [])),
    responses((status = 200, description = "The book as it is then", body = Book),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: the book was changed meanwhile, or is not there", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set_book(context: Arc<Context>, mut request: Request) -> ApiResult {
    request.authorize(context.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let fields: BookFields = request.json()?;
    let changes = BookChanges::one(item, BookAction::Set(fields));
    update(&context, &request, changes).await
}

/// Withdraws a book with its stock; for the shopkeeper.
#[utoipa::path(delete, path = "/books/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the book, one of which it must have")),
    security(("token" = [])),
    responses((status = 200, description = "The number of the book", body = ChangedBooks),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: the book was changed meanwhile", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn withdraw_book(context: Arc<Context>, request: Request) -> ApiResult {
    request.authorize(context.token.get().as_deref())?;
    let item = request.parse_path_param("item")?;
    let changes = BookChanges::one(item, BookAction::Withdraw);
    update(&context, &request, changes).await
}

/// Adds, changes and withdraws up to 1,000 books, all or none; for the shopkeeper.
#[utoipa::path(post, path = "/books", tag = "catalog",
    params(("Idempotency-Key" = Option<OrderId>, Header),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the list of topics, one of which it must have")),
    request_body = BooksBody, security(("token" = [])),
    responses((status = 200, description = "The books as they are then", body = ChangedBooks),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-item`: `items` lists what cannot be withdrawn", body = Problem,
            content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: the shop was changed meanwhile", body = Problem,
            content_type = "application/problem+json"),
        (status = 413, description = "`payload-too-large`: more than 1 MiB", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json")))]
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
