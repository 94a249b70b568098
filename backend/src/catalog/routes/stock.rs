//! The shopkeeper's stock updates.

use std::sync::Arc;

use common::client::{StockAnswer, StockUpdate};
use common::wire::{Book, StockBody, StockChange};
use common::{Deadline, ItemNumber, OrderId, Problem};

use super::context::Context;
use crate::http::{ApiResult, Request, Response};

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
    let key = request.idempotency_key()?;
    let id = key.unwrap_or_else(OrderId::generate);
    let update = StockUpdate {
        id,
        item,
        change,
        keyed: key.is_some(),
        if_match: request.if_match()?,
        deadline: Deadline::clamped(request.deadline()?),
    };
    let StockAnswer { book, replayed, head } = context.catalog.update_stock(update).await?;
    let response = match book {
        Ok(book) => Response::json(&book).with_etag(head.at(book.seq)),
        Err(problem) => Response::from(*problem),
    };
    Ok(response.with_seq(Some(head)).with_replayed(replayed))
}
