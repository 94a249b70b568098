//! What the front-end and the order service have in common: how they batch purchases, and an unknown outcome.

use std::num::NonZeroUsize;

use common::batcher::Limits;
use common::{Code, OrderId, Problem, limits};

/// A batch is as large as its lines. With two batches in flight, batches are half as full and purchases a third fewer (`backend/bench`).
pub(crate) const BATCH_LIMITS: Limits = Limits {
    max_queued: NonZeroUsize::new(16_384).unwrap(),
    max_batch: NonZeroUsize::new(limits::BATCH_LINES_MAX).unwrap(),
    max_in_flight: NonZeroUsize::MIN,
};

/// There is no decision on an order, which may have been bought.
pub(crate) fn unknown_outcome(order: Option<OrderId>) -> Problem {
    let detail = "There was no decision in time. Send the same key again, or look the order up, to learn the outcome.";
    Problem::new(Code::DeadlineExceeded, detail).with_order(order)
}
