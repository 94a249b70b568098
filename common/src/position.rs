//! Positions in a ledger whose history may be replaced. Within one history a [`Seq`] suffices. Values that a client sends
//! back (entity tags, event ids, `Bookstore-Seq`) are [`Position`]s.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Seq;
use crate::parse::{Error, parse_digits};

/// The number of times that the history of a store was replaced because its database had lost entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = u64, example = 1)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of a history that was never replaced.
    pub const FIRST: Self = Self(0);

    /// Whether the history was never replaced.
    pub fn is_first(&self) -> bool {
        *self == Self::FIRST
    }
}

/// A position in one history of a ledger: `SEQ`, or `SEQ.N` after the history was replaced N times. A position in a later
/// history is greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The history of the ledger.
    pub epoch: Epoch,
    /// The position in that history.
    pub seq: Seq,
}

impl Position {
    /// The position with another `seq` in the same history.
    #[must_use]
    pub fn at(self, seq: Seq) -> Self {
        Self { seq, ..self }
    }

    /// Whether a state at this position reflects `wanted`. True for a position in another history, which this history may
    /// never reach.
    pub fn satisfies(self, wanted: Self) -> bool {
        wanted.epoch != self.epoch || wanted.seq <= self.seq
    }

    /// The start of a stream that resumes after `wanted` while the ledger's head is this position: `wanted`, or the head if
    /// `wanted` is beyond it, in another history or absent.
    #[must_use]
    pub fn start_of_stream(self, wanted: Option<Self>) -> Self {
        wanted
            .filter(|wanted| wanted.epoch == self.epoch)
            .map_or(self, |wanted| wanted.min(self))
    }
}

impl From<Seq> for Position {
    /// The position in a history that was never replaced.
    fn from(seq: Seq) -> Self {
        Self {
            epoch: Epoch::FIRST,
            seq,
        }
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const EXPECTED: Error = Error("a position in the ledger, like 5 or 5.1");
        let Some((seq, epoch)) = text.split_once('.') else {
            return text.parse().map(Seq::into).map_err(|_| EXPECTED);
        };
        let epoch = parse_digits(epoch).map(Epoch).filter(|epoch| !epoch.is_first());
        Ok(Self {
            epoch: epoch.ok_or(EXPECTED)?,
            seq: seq.parse().map_err(|_| EXPECTED)?,
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seq.fmt(f)?;
        match self.epoch {
            Epoch::FIRST => Ok(()),
            Epoch(epoch) => write!(f, ".{epoch}"),
        }
    }
}

/// The greatest position that several threads have observed.
#[derive(Debug, Default)]
pub struct LatestPosition(Mutex<Position>);

impl LatestPosition {
    /// The greatest position so far.
    pub fn get(&self) -> Position {
        *self.lock()
    }

    /// Records an observed position.
    pub fn observe(&self, position: Position) {
        let mut latest = self.lock();
        *latest = position.max(*latest);
    }

    /// Replaces the greatest position.
    pub fn reset(&self, position: Position) {
        *self.lock() = position;
    }

    fn lock(&self) -> MutexGuard<'_, Position> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str) -> Position {
        text.parse().unwrap()
    }

    #[test]
    fn a_position_has_a_suffix_once_the_history_was_replaced() {
        for text in ["0", "5", "5.1", "18446744073709551615.7"] {
            assert_eq!(position(text).to_string(), text);
        }
        for text in [
            "",
            ".",
            "5.",
            ".1",
            "5.0",
            "5.x",
            "5.1.1",
            "-5",
            "5.+1",
            "5 ",
            "18446744073709551616",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_position_in_another_history_never_requires_a_newer_state() {
        for (state, wanted, expected) in [
            ("5", "5", true),
            ("5", "6", false),
            ("5.1", "6.1", false),
            ("5.1", "6", true),
            ("5.1", "6.2", true),
        ] {
            assert_eq!(
                position(state).satisfies(position(wanted)),
                expected,
                "{state} {wanted}"
            );
        }
    }

    #[test]
    fn a_stream_begins_after_the_wanted_position_or_at_the_head() {
        for (head, wanted, expected) in [
            ("9", "5", "5"),
            ("9", "10", "9"),
            ("9.1", "5", "9.1"),
            ("9.1", "5.1", "5.1"),
        ] {
            let start = position(head).start_of_stream(Some(position(wanted)));
            assert_eq!(start, position(expected), "{head} {wanted}");
        }
        assert_eq!(position("9.1").start_of_stream(None), position("9.1"));
    }

    #[test]
    fn the_latest_position_is_that_of_the_latest_history() {
        let latest = LatestPosition::default();
        for (seen, expected) in [("7", "7"), ("6", "7"), ("4.1", "4.1"), ("9", "4.1"), ("5.1", "5.1")] {
            latest.observe(position(seen));
            assert_eq!(latest.get(), position(expected));
        }
        latest.reset(position("3"));
        assert_eq!(latest.get(), position("3"));
    }
}
