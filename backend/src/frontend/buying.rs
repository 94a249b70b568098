//! Purchases on their way to the order service: while one batch is in flight, the next one fills.

use std::sync::Arc;
use std::time::Duration;

use common::batcher::{self, Batcher};
use common::client::{Error, OrderClient, PlacedBatch, RawOrderResult};
use common::wire::{BatchProblem, Order, OrderBatch, OrderLines};
use common::{Code, Deadline, OrderId, Position, Problem};

use super::Frontend;
use super::live::Live;
use crate::http::{ApiError, ApiResult, Response};
use crate::purchase::{BATCH_LIMITS, unknown_outcome};

#[cfg(test)]
mod tests;

/// The timeout even of a late purchase: the catalog may have decided it earlier.
const PLACE_TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// How long after the deadline the order service's own 504 may arrive.
const RESPONSE_SLACK: Duration = Duration::from_millis(250);

/// The result of an order, and the last entry that the order service knew then.
pub(super) type Placed = (RawOrderResult, Option<Position>);

pub(super) fn batcher(orders: OrderClient, live: Arc<Live>) -> Batcher<Order, Placed> {
    let place_batch = move |batch| {
        let orders = orders.clone();
        place(batch, async move |batch, deadline| orders.place(&batch, deadline).await)
    };
    let size = |order: &Order| order.lines.len();
    Batcher::with_post_commit(BATCH_LIMITS, size, place_batch, move |placed| {
        wait_for_feed(Arc::clone(&live), placed)
    })
}

/// Waits briefly for the feed, once for the whole batch, so that a client that reads what it just bought sees the change.
async fn wait_for_feed(live: Arc<Live>, placed: Vec<Placed>) -> Vec<Placed> {
    if let Some(head) = placed.iter().filter_map(|&(_, head)| head).max() {
        live.wait_briefly(head).await;
    }
    placed
}

/// Sends a batch once; `send` is the call of the order service, which sends again itself where that is safe.
async fn place<F, Fut>(batch: Vec<Order>, send: F) -> Vec<Placed>
where
    F: FnOnce(OrderBatch, Deadline) -> Fut,
    Fut: Future<Output = Result<PlacedBatch, Error>>,
{
    let last = batch.iter().filter_map(|order| order.deadline).max();
    let timeout = last.map(Deadline::remaining).unwrap_or_default().max(PLACE_TIMEOUT_MIN);
    let ids: Vec<Option<OrderId>> = batch.iter().map(|order| order.id).collect();
    match send(OrderBatch { orders: batch }, Deadline::after(timeout)).await {
        Ok(PlacedBatch { results, head }) => results.into_iter().map(|result| (result, Some(head))).collect(),
        Err(error) => {
            tracing::debug!(%error, "a batch of orders was not placed");
            ids.into_iter().map(|id| (failure(&error, id), None)).collect()
        }
    }
}

fn failure(error: &Error, order: Option<OrderId>) -> RawOrderResult {
    let problem = if error.is_not_applied() {
        let detail = "The shop cannot sell now; nothing was bought. Try again.";
        Problem::new(Code::Unavailable, detail)
    } else {
        unknown_outcome(order)
    };
    let replayed = false;
    RawOrderResult::Problem(BatchProblem { problem, replayed })
}

impl Frontend {
    /// Buys all lines of an order, or none. A late purchase is refused here unless it has a key, which may have been decided before.
    pub(super) async fn buy(&self, lines: OrderLines, key: Option<OrderId>, deadline: Option<Deadline>) -> ApiResult {
        let deadline = Deadline::clamped(deadline);
        let id = key.unwrap_or_else(OrderId::generate);
        if deadline.has_passed() && key.is_none() {
            return Err(unknown_outcome(Some(id)).into());
        }
        let order = Order {
            id: Some(id),
            lines,
            keyed: Some(key.is_some()),
            deadline: Some(deadline),
        };
        let timeout = deadline.remaining().max(PLACE_TIMEOUT_MIN) + RESPONSE_SLACK;
        let called = tokio::time::timeout(timeout, self.batcher.call(order)).await;
        let unavailable = match called {
            Ok(Ok((placed, head))) => return Ok(self.placed(placed, head)),
            Ok(Err(batcher::Error::Full)) => "Too many purchases are waiting; nothing was bought.",
            Ok(Err(batcher::Error::Closed)) => "The front-end is stopping; nothing was bought.",
            Ok(Err(batcher::Error::Lost)) | Err(_) => return Err(unknown_outcome(Some(id)).into()),
        };
        Err(ApiError::new(Code::Unavailable, unavailable))
    }

    fn placed(&self, placed: RawOrderResult, head: Option<Position>) -> Response {
        self.observe_seq(head);
        let response = match placed {
            RawOrderResult::Sold(receipt) => Response::json_bytes(receipt),
            RawOrderResult::Replayed(receipt) => Response::json(&receipt).with_replayed(true),
            // With the head: a client that asks for a recorded refusal then finds it through any front-end.
            RawOrderResult::Problem(BatchProblem { problem, replayed }) => {
                return Response::from(problem).with_seq(head).with_replayed(replayed);
            }
        };
        response.with_seq(Some(self.head()))
    }
}
