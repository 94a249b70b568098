//! The batches between services.

use std::num::NonZeroUsize;

use super::Error;
use crate::batcher::{self, Limits};
use crate::{Code, Problem, limits};

/// The size of a batch is its number of lines. With two batches in flight, batches are half as full and throughput is a third
/// lower (`backend/bench`).
pub(super) const BATCH_LIMITS: Limits = Limits {
    max_queued: NonZeroUsize::new(16_384).unwrap(),
    max_batch: NonZeroUsize::new(limits::BATCH_LINES_MAX).unwrap(),
    max_in_flight: NonZeroUsize::MIN,
};

/// The error of a purchase whose batch has no result for it.
pub(super) fn not_accepted(url: &str, error: batcher::Error) -> Error {
    let detail = match error {
        batcher::Error::Full => "Too many purchases are waiting; nothing was bought. Try again.",
        batcher::Error::Closed => "The service is stopping; nothing was bought.",
        batcher::Error::Lost => return Error::lost(url, "the batch ended without a result"),
    };
    Error::Problem(Box::new(Problem::new(Code::Unavailable, detail)))
}
