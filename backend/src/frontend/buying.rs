//! Purchases, which the order service places.

use std::time::Instant;

use common::client::{Placed, PlacedOrder};
use common::wire::{BatchProblem, BatchReceipt, FastJson, Order, OrderLines, OrderResult};
use common::{Code, Deadline, OrderId, Timestamp};

use super::Frontend;
use crate::client_response::unknown_outcome;
use crate::http::{ApiError, ApiResult, Response};

#[cfg(test)]
mod tests;

impl Frontend {
    /// Buys all lines of an order, or none. A purchase past its deadline is rejected here only without a key: with a key, an
    /// earlier request may have been decided.
    pub(super) async fn buy(&self, lines: OrderLines, key: Option<OrderId>, deadline: Option<Deadline>) -> ApiResult {
        let now = Timestamp::now();
        let deadline = Deadline::clamped(deadline, now);
        let id = key.unwrap_or_else(OrderId::generate);
        if deadline.has_passed_at(now) && key.is_none() {
            return Err(unknown_outcome(Some(id)).into());
        }
        let order = Order {
            id: Some(id),
            lines,
            keyed: Some(key.is_some()),
            deadline: Some(deadline),
        };
        let started = Instant::now();
        match self.orders.place(order).await {
            Ok(placed) => {
                let took = started.elapsed();
                Ok(self.placed(placed).await.with_server_timing("order", took))
            }
            Err(error) => {
                tracing::debug!(%error, "an order was not placed");
                if !error.is_not_applied() {
                    return Err(unknown_outcome(Some(id)).into());
                }
                let detail = "The shop cannot sell now; nothing was bought. Try again.";
                Err(ApiError::new(Code::Unavailable, detail))
            }
        }
    }

    /// The response to an order. Its entries are applied first, or else awaited briefly from the feed, so that the client's
    /// next read shows its own purchase.
    async fn placed(
        &self,
        Placed {
            result,
            position,
            written,
        }: Placed,
    ) -> Response {
        self.observe_position(position);
        if let Some(written) = written {
            self.live.apply_written(&written, position);
        }
        self.live.wait_briefly(position).await;
        let response = match result {
            PlacedOrder::Json(receipt) => Response::json_bytes(receipt),
            PlacedOrder::Result(OrderResult::Receipt(BatchReceipt { receipt, replayed })) => {
                Response::json_bytes(receipt.to_json()).with_replayed(replayed)
            }
            // With the position, a client finds the recorded refusal through any front-end.
            PlacedOrder::Result(OrderResult::Problem(BatchProblem { problem, replayed })) => {
                return Response::from(problem).with_seq(Some(position)).with_replayed(replayed);
            }
        };
        response.with_seq(Some(self.head()))
    }
}
