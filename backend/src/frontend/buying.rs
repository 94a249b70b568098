//! Purchases on their way to the order service: while one batch flies, the next one fills.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use common::batcher::{self, Batcher};
use common::client::{Error, OrderClient, PlacedBatch, PlacedOrder};
use common::wire::{BatchProblem, Order, OrderBatch as Batch};
use common::{Code, Deadline, ItemNumber, OrderId, Problem, Quantity, Seq, limits};

use super::Frontend;
use super::live::Live;
use crate::http::{self, ApiError, Response};

/// Purchases that may wait for their turn.
const QUEUE: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Purchases in one request.
const BATCH: NonZeroUsize = NonZeroUsize::new(limits::BATCH_ORDERS_MAX).unwrap();
/// Calls on their way at the same time. With two, batches were half as full and purchases a third fewer (`backend/bench`).
const FLIGHTS: NonZeroUsize = NonZeroUsize::MIN;
/// What even a late purchase waits for: the catalog may know the answer from earlier.
const PATIENCE_MIN: Duration = Duration::from_secs(1);
/// How much longer than the deadline the order service's own "too late" may take to arrive.
const SLACK: Duration = Duration::from_millis(250);

/// What became of an order, and the last entry that the order service had heard of by then.
pub(super) type Outcome = (PlacedOrder, Option<Seq>);

pub(super) fn batcher(orders: OrderClient, live: Arc<Live>) -> Batcher<Order, Outcome> {
    let limits = batcher::Limits {
        max_queued: QUEUE,
        max_batch: BATCH,
        max_in_flight: FLIGHTS,
    };
    Batcher::with_post_commit(
        limits,
        move |batch| place(orders.clone(), batch),
        move |outcomes| hear(Arc::clone(&live), outcomes),
    )
}

/// Waits a moment for the feed, once for all: whoever bought something and looks at it next sees it.
async fn hear(live: Arc<Live>, outcomes: Vec<Outcome>) -> Vec<Outcome> {
    if let Some(head) = outcomes.iter().filter_map(|&(_, head)| head).max() {
        live.hear_soon(head).await;
    }
    outcomes
}

/// One request. It is never sent twice from here: the order service alone re-sends.
async fn place(orders: OrderClient, batch: Vec<Order>) -> Vec<Outcome> {
    let last = batch.iter().filter_map(|order| order.deadline).max();
    let patience = last.map(Deadline::remaining).unwrap_or_default().max(PATIENCE_MIN);
    let batch = Batch { orders: batch };
    match orders.place(&batch, Deadline::after(patience)).await {
        Ok(PlacedBatch { results, head }) => results.into_iter().map(|result| (result, Some(head))).collect(),
        Err(error) => {
            tracing::warn!(%error, "a batch of orders was not placed");
            let failed = batch.orders.iter().map(|order| failed(&error, order.id));
            failed.map(|failed| (failed, None)).collect()
        }
    }
}

fn failed(error: &Error, order: Option<OrderId>) -> PlacedOrder {
    let problem = if error.is_definite() {
        Problem::new(
            Code::Unavailable,
            "The shop cannot sell now; nothing was bought. Try again.",
        )
    } else {
        too_late(order)
    };
    PlacedOrder::Problem(BatchProblem {
        problem,
        replayed: false,
    })
}

fn too_late(order: Option<OrderId>) -> Problem {
    let detail = "There was no decision in time. Ask with the same key, or for the order, what became of it.";
    Problem::new(Code::DeadlineExceeded, detail).with_order(order)
}

impl Frontend {
    /// Buys copies of a book; one that is late, unless its key may have been decided before, is turned away here.
    pub(super) async fn buy(
        &self,
        item: ItemNumber,
        quantity: Quantity,
        key: Option<OrderId>,
        deadline: Option<Deadline>,
    ) -> http::ApiResult {
        let deadline = Deadline::clamped(deadline);
        let id = key.unwrap_or_else(OrderId::generate);
        if deadline.has_passed() && key.is_none() {
            return Err(too_late(Some(id)).into());
        }
        let order = Order {
            id: Some(id),
            item,
            quantity,
            keyed: Some(key.is_some()),
            deadline: Some(deadline),
        };
        let patience = deadline.remaining().max(PATIENCE_MIN) + SLACK;
        let called = tokio::time::timeout(patience, self.batcher.call(order)).await;
        let problem = match called {
            Ok(Ok((placed, head))) => return self.placed(placed, head),
            Ok(Err(batcher::Error::Full)) => {
                Problem::new(Code::Unavailable, "Too many purchases are waiting; nothing was bought.")
            }
            Ok(Err(batcher::Error::Closed)) => {
                Problem::new(Code::Unavailable, "The front-end is stopping; nothing was bought.")
            }
            Ok(Err(batcher::Error::Lost)) | Err(_) => too_late(Some(id)),
        };
        Err(problem.into())
    }

    fn placed(&self, placed: PlacedOrder, head: Option<Seq>) -> http::ApiResult {
        self.note(head);
        let answer = match placed {
            PlacedOrder::Sold(receipt) => Response::json_bytes(receipt),
            PlacedOrder::Replayed(receipt) => Response::json(&receipt).with_replayed(true),
            // With the head: who asks for a recorded refusal hears it wherever it asks.
            PlacedOrder::Problem(BatchProblem { problem, replayed }) => {
                return Err(ApiError::from(problem).with_seq(head).with_replayed(replayed));
            }
        };
        Ok(answer.with_seq(Some(self.head())))
    }
}
