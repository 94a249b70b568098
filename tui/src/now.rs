//! The time of a message. The state takes its time from messages and never reads a clock.

use std::time::Duration;

use common::Timestamp;

/// A time, by the monotonic clock and by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// The time since the program started.
    pub(crate) elapsed: Duration,
    pub(crate) wall: Timestamp,
}
