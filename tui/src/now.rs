//! The time at which something happens, which the state is given and never asks a clock for.

use std::time::Duration;

use common::Timestamp;

/// A time, by the monotonic clock and by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// The time since the program started.
    pub(crate) elapsed: Duration,
    pub(crate) wall: Timestamp,
}
