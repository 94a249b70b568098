//! Operations and their outcomes.

use common::client::{Error, Response};
use serde::Serialize;

/// An operation of a shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Search a topic.
    Search,
    /// Look a book up.
    Lookup,
    /// Buy a book.
    Buy,
}

impl Verb {
    /// All verbs, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Search, Self::Lookup, Self::Buy];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Lookup => "lookup",
            Self::Buy => "buy",
        }
    }
}

/// The outcome of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A search or lookup was answered.
    Found,
    /// A purchase was sold.
    Sold,
    /// A purchase was refused because too few copies were left.
    SoldOut,
    /// The store was unreachable or not ready; nothing was changed.
    Unavailable,
    /// The answer to a purchase was lost, so its outcome is unknown.
    Unknown,
    /// The store answered with an error.
    Error,
}

impl Outcome {
    /// Whether the operation succeeded.
    pub fn is_ok(self) -> bool {
        matches!(self, Self::Found | Self::Sold)
    }

    /// Whether the store answered, so that the latency is meaningful.
    pub fn is_answered(self) -> bool {
        matches!(self, Self::Found | Self::Sold | Self::SoldOut | Self::Error)
    }
}

/// The number of operations by outcome; successful reads are counted with their verb.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Purchases that were sold.
    pub sold: u64,
    /// Purchases refused because too few copies were left.
    pub sold_out: u64,
    /// Operations that failed because the store was unavailable.
    pub unavailable: u64,
    /// Purchases of unknown outcome.
    pub unknown: u64,
    /// Operations answered with an error.
    pub error: u64,
}

impl Outcomes {
    pub(super) fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Found => return,
            Outcome::Sold => &mut self.sold,
            Outcome::SoldOut => &mut self.sold_out,
            Outcome::Unavailable => &mut self.unavailable,
            Outcome::Unknown => &mut self.unknown,
            Outcome::Error => &mut self.error,
        };
        *counter = counter.saturating_add(1);
    }
}

/// The outcome of a failed read. A read changes nothing, so a lost answer counts as unavailable.
pub(super) fn of_failed_read(answer: &Result<Response, Error>) -> Outcome {
    match answer {
        Err(Error::Malformed { .. } | Error::Problem(_)) => Outcome::Error,
        Err(Error::Unreachable { .. } | Error::Lost { .. }) => Outcome::Unavailable,
        Ok(answer) => of_status(answer.status),
    }
}

/// Separates a store that cannot answer (unavailable) from one that refuses the request (error).
pub(super) fn of_status(status: u16) -> Outcome {
    match status {
        409 => Outcome::SoldOut,
        429 | 502 | 503 | 504 | 507 => Outcome::Unavailable,
        _ => Outcome::Error,
    }
}
