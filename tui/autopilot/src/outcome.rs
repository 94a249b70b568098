//! What an operation can come to.

use common::client::{Error, Response};
use serde::Serialize;

/// What a shopper can do.
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
    /// All of them, in the order of reports.
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

/// How one operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A search or lookup was answered.
    Found,
    /// A purchase happened.
    Sold,
    /// A purchase was refused for want of copies.
    SoldOut,
    /// The store could not be reached or was not ready; nothing happened.
    Unavailable,
    /// A purchase whose answer never came.
    Unknown,
    /// The store answered with an error.
    Error,
}

impl Outcome {
    /// Whether whoever asked got what was wanted.
    pub fn is_ok(self) -> bool {
        matches!(self, Self::Found | Self::Sold)
    }

    /// Whether the store answered at all, so that its latency means something.
    pub fn is_answered(self) -> bool {
        matches!(self, Self::Found | Self::Sold | Self::SoldOut | Self::Error)
    }
}

/// How often each outcome came. Found searches and lookups are counted with their verb.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Purchases that happened.
    pub sold: u64,
    /// Purchases refused for want of copies.
    pub sold_out: u64,
    /// Operations that did not happen because the store was away.
    pub unavailable: u64,
    /// Purchases whose answer never came.
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

/// What an answer to a read says when it is not the one hoped for. A read changes nothing: one that was lost is as good as
/// one that never arrived.
pub(super) fn of_failed_read(answer: &Result<Response, Error>) -> Outcome {
    match answer {
        Err(Error::Malformed { .. } | Error::Problem(_)) => Outcome::Error,
        Err(Error::Unreachable { .. } | Error::Lost { .. }) => Outcome::Unavailable,
        Ok(answer) => of_status(answer.status),
    }
}

/// Where a request was answered by a store that cannot work, as against one that does not want to.
pub(super) fn of_status(status: u16) -> Outcome {
    match status {
        409 => Outcome::SoldOut,
        429 | 502 | 503 | 504 | 507 => Outcome::Unavailable,
        _ => Outcome::Error,
    }
}
