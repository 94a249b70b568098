//! The shopkeeper's stock updates.

use std::sync::Arc;

use common::wire::{Book, StockBody, StockChange};
use common::{Code, Deadline, ItemNumber, OrderId, Problem, Reason, Stock, limits};

use super::context::{Context, unknown_item};
use crate::catalog::{Error, StockDecision, StockUpdate, Verdict};
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
    let StockDecision { verdict, book, head } = context.catalog.update_stock(update).await?;
    let (problem, replayed) = match verdict {
        Verdict::Recorded { entries, replayed } => {
            let reason = entries
                .first()
                .and_then(|entry| Some((entry.reason?, entry.stock_after)));
            let problem = match (reason, book) {
                (None, Some(book)) => {
                    let response = Response::json(&book).with_seq(Some(head)).with_etag(head.at(book.seq));
                    return Ok(response.with_replayed(replayed));
                }
                (None, None) => unknown_item(item),
                (Some((reason, stock)), _) => refused(reason, item, stock),
            };
            (problem.with_order(Some(id)), replayed)
        }
        Verdict::Refused(lines) => {
            let problem = lines.first().map(|line| refused(line.reason, item, line.stock));
            (problem.unwrap_or_else(|| unknown_item(item)), false)
        }
        Verdict::KeyReused => {
            let detail = "The key belongs to another order or another change.";
            (Problem::new(Code::KeyReused, detail), false)
        }
        Verdict::Expired => {
            let detail = "The deadline passed before the change was decided; the stock is unchanged.";
            let problem = Problem::new(Code::DeadlineExceeded, detail);
            (problem.with_order(Some(id)), false)
        }
        Verdict::PreconditionFailed => {
            let detail = "The book is not in a state that `If-Match` names; nothing was changed. Read it again.";
            (Problem::new(Code::PreconditionFailed, detail).with_item(item), false)
        }
        Verdict::TooManyRefusals => {
            let detail =
                "Too many changes are being refused; this one was not decided, and nothing was changed. Try again.";
            (Problem::new(Code::Unavailable, detail), false)
        }
        Verdict::NoRoom => return Err(Error::Full.into()),
        Verdict::OutOfRange => {
            let detail = format!("A stock is at most {} copies; this would be more.", limits::STOCK_MAX);
            (Problem::new(Code::InvalidRequest, detail).with_item(item), false)
        }
    };
    Ok(Response::from(problem).with_seq(Some(head)).with_replayed(replayed))
}

fn refused(reason: Reason, item: ItemNumber, stock: Option<Stock>) -> Problem {
    match (reason, stock) {
        (Reason::UnknownItem, _) => unknown_item(item),
        (Reason::SoldOut | Reason::WithOthers, stock) => {
            let problem = Problem::new(Code::SoldOut, "The stock would fall below 0.").with_item(item);
            Problem { stock, ..problem }
        }
    }
}
