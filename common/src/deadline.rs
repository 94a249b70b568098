//! The deadline of a purchase or of a shopkeeper's change.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::parse::{Error, parse_digits};
use crate::{Timestamp, limits};

/// The latest time at which a purchase or change may be decided, in Unix milliseconds (header `Bookstore-Deadline`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = u64, format = "uint64", maximum = 18_446_744_073_709_551_615_u64, example = 1_800_000_000_000_u64)]
pub struct Deadline(u64);

impl Deadline {
    /// The deadline `timeout` from now, by this machine's clock.
    pub fn after(timeout: Duration) -> Self {
        Self::at(Timestamp::now(), timeout)
    }

    /// The deadline `timeout` from `now`.
    pub fn at(now: Timestamp, timeout: Duration) -> Self {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        Self(now.as_millis().saturating_add(timeout_ms))
    }

    /// The deadline at these Unix milliseconds.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The deadline in Unix milliseconds.
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// The requested deadline, at most [`limits::DEADLINE_MAX`] from `now`; by default [`limits::DEADLINE_DEFAULT`] from `now`.
    #[must_use]
    pub fn clamped(requested: Option<Self>, now: Timestamp) -> Self {
        requested.map_or_else(
            || Self::at(now, limits::DEADLINE_DEFAULT),
            |requested| requested.min(Self::at(now, limits::DEADLINE_MAX)),
        )
    }

    /// Whether the deadline has passed at `now`.
    pub fn has_passed_at(self, now: Timestamp) -> bool {
        self.0 < now.as_millis()
    }

    /// The time left by this machine's clock; zero once it has passed.
    pub fn remaining(self) -> Duration {
        self.remaining_at(Timestamp::now())
    }

    /// The time left at `now`; zero once it has passed.
    pub fn remaining_at(self, now: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(now.as_millis()))
    }
}

impl FromStr for Deadline {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_digits(text).map(Self).ok_or(Error("a time in Unix milliseconds"))
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_at_most_thirty_seconds_away() {
        let now = Timestamp::now();
        let clamped = Deadline::clamped(Some(Deadline::from_millis(u64::MAX)), now);
        assert_eq!(clamped.remaining_at(now), limits::DEADLINE_MAX);
        assert!(!clamped.has_passed_at(now));
        assert!(Deadline::clamped(Some(Deadline::from_millis(1)), now).has_passed_at(now));
    }
}
