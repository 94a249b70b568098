//! Purchases on their way to the order service: while one batch flies, the next one fills.

use std::num::NonZeroUsize;
use std::time::Duration;

use common::batcher::{self, Batcher};
use common::client::{Error, Orders};
use common::wire::{Order, OrderResult, OrderResults, Orders as Batch, Receipt, Refused};
use common::{Code, Deadline, ItemNumber, OrderId, Problem, Quantity, limits};

use super::Frontend;
use crate::http::{Answer, Failure, Outcome};

/// Purchases that may wait for their turn.
const QUEUE: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Purchases in one call.
const BATCH: NonZeroUsize = NonZeroUsize::new(limits::BATCH_ORDERS_MAX).unwrap();
/// Calls on their way at the same time. With two, batches were half as full and purchases a third fewer (`backend/bench`).
const FLIGHTS: NonZeroUsize = NonZeroUsize::MIN;
/// What even a late purchase waits for: the catalog may know the answer from earlier.
const PATIENCE_MIN: Duration = Duration::from_secs(1);
/// How much longer than the deadline the order service's own "too late" may take to arrive.
const SLACK: Duration = Duration::from_millis(250);

pub(super) fn batcher(orders: Orders) -> Batcher<Order, OrderResult> {
    let limits = batcher::Limits {
        queue: QUEUE,
        batch: BATCH,
        flights: FLIGHTS,
    };
    Batcher::new(limits, move |batch| place(orders.clone(), batch))
}

/// One call. It is never sent twice from here: the order service alone re-sends.
async fn place(orders: Orders, batch: Vec<Order>) -> Vec<OrderResult> {
    let last = batch.iter().filter_map(|order| order.deadline).max();
    let patience = last.map(Deadline::remaining).unwrap_or_default().max(PATIENCE_MIN);
    let batch = Batch { orders: batch };
    match orders.place(&batch, Deadline::within(patience)).await {
        Ok(OrderResults { results, .. }) => results,
        Err(error) => {
            tracing::warn!(%error, "a batch of orders was not placed");
            batch.orders.iter().map(|order| failed(&error, order.order)).collect()
        }
    }
}

fn failed(error: &Error, order: Option<OrderId>) -> OrderResult {
    let problem = if error.is_definite() {
        Problem::new(
            Code::Unavailable,
            "The shop cannot sell now; nothing was bought. Try again.",
        )
    } else {
        too_late(order)
    };
    OrderResult::Problem(Refused {
        problem,
        replayed: false,
    })
}

fn too_late(order: Option<OrderId>) -> Problem {
    let detail = "There was no decision in time. Ask with the same key, or for the order, what became of it.";
    Problem::new(Code::DeadlineExceeded, detail).of_order(order)
}

impl Frontend {
    /// Buys copies of a book; one that is late, unless its key may have been decided before, is turned away here.
    pub(super) async fn buy(
        &self,
        item: ItemNumber,
        quantity: Quantity,
        key: Option<OrderId>,
        deadline: Option<Deadline>,
    ) -> Outcome {
        let deadline = Deadline::bounded(deadline);
        let id = key.unwrap_or_else(OrderId::mint);
        if deadline.has_passed() && key.is_none() {
            return Err(too_late(Some(id)).into());
        }
        let order = Order {
            order: Some(id),
            item,
            quantity,
            keyed: Some(key.is_some()),
            deadline: Some(deadline),
        };
        let patience = deadline.remaining().max(PATIENCE_MIN) + SLACK;
        let called = tokio::time::timeout(patience, self.batcher.call(order)).await;
        let (problem, replayed) = match called {
            Ok(Ok(OrderResult::Receipt(placed))) => return Ok(self.sold(&placed.receipt, placed.replayed).await),
            Ok(Ok(OrderResult::Problem(Refused { problem, replayed }))) => (problem, replayed),
            Ok(Err(batcher::Error::Full)) => (
                Problem::new(Code::Unavailable, "Too many purchases are waiting; nothing was bought."),
                false,
            ),
            Ok(Err(batcher::Error::Closed)) => (
                Problem::new(Code::Unavailable, "The front-end is stopping; nothing was bought."),
                false,
            ),
            Ok(Err(batcher::Error::Lost)) | Err(_) => (too_late(Some(id)), false),
        };
        Err(Failure::from(problem).replayed(replayed))
    }

    async fn sold(&self, receipt: &Receipt, replayed: bool) -> Answer {
        self.note(Some(receipt.seq));
        self.live.hear_soon(receipt.seq).await;
        Answer::json(receipt).at(Some(self.head())).replayed(replayed)
    }
}
