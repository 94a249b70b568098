//! Operations and their outcomes.

use std::ops::{Index, IndexMut};

use common::Code;
use common::client::{Error, Resolution, Response};
use common::wire::{OrderStatus, Receipt};
use serde::Serialize;

/// A kind of operation of a shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// Search a topic.
    Search,
    /// Look a book up.
    Lookup,
    /// Buy a book.
    Buy,
}

impl OperationKind {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Search, Self::Lookup, Self::Buy];
}

/// A value for each kind of operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ByOperation<T> {
    /// The value for searches of a topic.
    pub search: T,
    /// The value for lookups of a book.
    pub lookup: T,
    /// The value for purchases.
    pub buy: T,
}

impl<T> ByOperation<T> {
    /// Calls `value` for each kind.
    pub fn new(mut value: impl FnMut(OperationKind) -> T) -> Self {
        Self {
            search: value(OperationKind::Search),
            lookup: value(OperationKind::Lookup),
            buy: value(OperationKind::Buy),
        }
    }

    /// The value of each kind, with the kind's name in reports.
    pub fn named(&self) -> [(&'static str, &T); 3] {
        [("search", &self.search), ("lookup", &self.lookup), ("buy", &self.buy)]
    }
}

impl<T> Index<OperationKind> for ByOperation<T> {
    type Output = T;

    fn index(&self, kind: OperationKind) -> &T {
        match kind {
            OperationKind::Search => &self.search,
            OperationKind::Lookup => &self.lookup,
            OperationKind::Buy => &self.buy,
        }
    }
}

impl<T> IndexMut<OperationKind> for ByOperation<T> {
    fn index_mut(&mut self, kind: OperationKind) -> &mut T {
        match kind {
            OperationKind::Search => &mut self.search,
            OperationKind::Lookup => &mut self.lookup,
            OperationKind::Buy => &mut self.buy,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A search or lookup was answered.
    Found,
    Sold,
    /// A purchase was refused because too few copies were left.
    SoldOut,
    /// The store was unreachable or not ready; the operation changed nothing.
    Unavailable,
    /// The answer to a purchase was lost.
    Unknown,
    /// The store answered with an error.
    Error,
}

impl Outcome {
    pub(super) fn is_ok(self) -> bool {
        matches!(self, Self::Found | Self::Sold)
    }

    /// Whether the store answered: only then the latency is meaningful.
    pub(super) fn is_answered(self) -> bool {
        !matches!(self, Self::Unavailable | Self::Unknown)
    }
}

/// The number of operations by outcome. Successful reads have no counter here.
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

/// The outcome of a purchase, its receipt if it was sold, and the error if there was one.
pub(super) fn of_purchase(resolution: Resolution) -> (Outcome, Option<Receipt>, Option<Error>) {
    match resolution {
        Resolution::Decided(answer) => match answer.parse::<Receipt>() {
            Ok(receipt) if receipt.status == OrderStatus::Sold => (Outcome::Sold, Some(receipt), None),
            Ok(_) => (Outcome::SoldOut, None, None),
            // The status is a success, but the body cannot be parsed.
            Err(error @ Error::Malformed { .. }) => (Outcome::Unknown, None, Some(error)),
            Err(error) => (of_status(answer.status), None, Some(error)),
        },
        Resolution::NotApplied(Ok(answer)) => (of_status(answer.status), None, answer.parse::<Receipt>().err()),
        Resolution::NotApplied(Err(error)) => (Outcome::Unavailable, None, Some(error)),
        Resolution::Unknown(last) => {
            let error = last.and_then(|answer| answer.parse::<Receipt>()).err();
            (Outcome::Unknown, None, error)
        }
    }
}

/// Whether an order of several lines was refused because exactly one of its books had too little stock.
pub(super) fn is_refused_for_one_line(error: Option<&Error>) -> bool {
    matches!(error, Some(Error::Problem(problem)) if problem.code == Code::SoldOut && problem.lines.len() == 1)
}

/// Whether a purchase was rejected because its key names another order.
pub(super) fn is_key_reused(error: Option<&Error>) -> bool {
    matches!(error, Some(Error::Problem(problem)) if problem.code == Code::KeyReused)
}

/// The outcome of an unsuccessful status: unavailable if the store cannot decide, an error if it rejects the request.
fn of_status(status: u16) -> Outcome {
    match status {
        409 => Outcome::SoldOut,
        429 | 502 | 503 | 504 | 507 => Outcome::Unavailable,
        _ => Outcome::Error,
    }
}
