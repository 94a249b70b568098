//! Sales, and reads of the ledger.

use std::sync::Arc;

use common::client::AsOf;
use common::wire::{DecidedOrder, Decisions, FastJson, LedgerEvents, LedgerPage, SaleBatch};
use common::{OrderId, Seq, limits};

use super::context::Context;
use crate::catalog::feed;
use crate::client_response::unknown_order;
use crate::http::{ApiError, ApiResult, Request, Response};

/// Decides a batch of sales.
///
/// Each atomically with all its lines, on durable state; the answer is durable. At most 1,024 lines in all.
#[utoipa::path(post, path = "/sales", tag = "catalog", request_body = SaleBatch,
    responses((status = 200, description = "The decisions, in order", body = Decisions),
        (status = 507, description = "`storage-full`: the disk is full; nothing was changed")))]
pub(super) async fn sell_books(context: Arc<Context>, mut request: Request) -> ApiResult {
    let SaleBatch { sales } = request.fast_json()?;
    if sales.iter().map(|sale| sale.lines.len()).sum::<usize>() > limits::BATCH_LINES_MAX {
        let detail = format!("The sales of a batch have at most {} lines.", limits::BATCH_LINES_MAX);
        return Err(ApiError::invalid(detail));
    }
    let decisions = context.catalog.sell(sales).await?;
    let head = decisions.position();
    Ok(Response::json_bytes(decisions.to_json()).with_seq(Some(head)))
}

/// The ledger's entries after one.
///
/// In order, the oldest first. A page is extended so that it ends with a whole order or change.
#[utoipa::path(get, path = "/ledger", tag = "catalog",
    params(("after" = Option<Seq>, Query,
            description = "The page begins after this ledger entry; at the first entry unless given"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "Entries on a page, 100 unless given; a page may have up to 999 more, to end with a whole order"),
        ("Bookstore-Seq" = Option<String>, Header)),
    responses((status = 200, description = "One page", body = LedgerPage)))]
pub(super) async fn list_entries(context: Arc<Context>, request: Request) -> ApiResult {
    let after = request.parse_query_param("after")?.unwrap_or(Seq::ZERO);
    let limit = request.page_limit(limits::LEDGER_PAGE_DEFAULT, limits::LEDGER_PAGE_MAX)?;
    let page = context.catalog.ledger(after, limit, request.freshness()?).await?;
    let head = page.position();
    Ok(Response::json_bytes(page.to_json()).with_seq(Some(head)))
}

/// The entries that decided an order or a change.
///
/// The entry itself if it was one; otherwise `entries`, one for each line.
#[utoipa::path(get, path = "/ledger/orders/{order}", tag = "catalog",
    params(("order" = OrderId, Path, description = "The key of the order or change"), ("Bookstore-Seq" = Option<String>, Header)),
    responses((status = 200, description = "The entry; `entries` if the order has several lines", body = DecidedOrder),
        (status = 404, description = "`unknown-order`")))]
pub(super) async fn find_entry(context: Arc<Context>, request: Request) -> ApiResult {
    let order = request.parse_path_param("order")?;
    let AsOf { value, position } = context.catalog.find_order(order, request.freshness()?).await?;
    if value.is_empty() {
        return Ok(Response::from(unknown_order(order)).with_seq(Some(position)));
    }
    Ok(Response::json(&DecidedOrder(value)).with_seq(Some(position)))
}

/// Every entry as it becomes durable, as server-sent events.
///
/// `hello` first, then an `entry` for each. The last line of an order has its `seq` as its id.
#[utoipa::path(get, path = "/feed", tag = "catalog",
    params(("after" = Option<String>, Query, pattern = r"^[0-9]{1,19}(\.[1-9][0-9]{0,18})?$",
            description = "The stream begins after the event with this id; with new events unless given"),
        ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, description = "The stream", body = LedgerEvents, content_type = "text/event-stream")))]
pub(super) async fn follow_feed(context: Arc<Context>, request: Request) -> ApiResult {
    let after = request.last_event_id()?;
    let frames = feed::open(&context.catalog, after, context.stopping.clone())?;
    Ok(Response::events(frames))
}
