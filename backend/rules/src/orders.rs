//! The rule that an order is decided once.

use std::collections::HashMap;

use common::{Entry, OrderId, Seq};

use crate::Violation;

/// Collects the decided orders, at 16 bytes an order. To find duplicates, [`add`](Self::add) every entry, then run a second
/// pass with [`into_duplicates`](Self::into_duplicates).
#[derive(Debug, Default)]
pub struct DecidedOrders(Vec<OrderId>);

impl DecidedOrders {
    /// Reserves room for `entries` orders.
    pub fn with_capacity(entries: usize) -> Self {
        Self(Vec::with_capacity(entries))
    }

    /// Adds the order of an entry if the entry is the order's first line.
    pub fn add(&mut self, entry: &Entry) {
        self.0.extend(entry.order.filter(|_| entry.line.is_first()));
    }

    /// The orders that more than one group decided.
    pub fn into_duplicates(mut self) -> DuplicateOrders {
        self.0.sort_unstable();
        let pairs = self.0.windows(2).filter(|pair| pair[0] == pair[1]);
        DuplicateOrders(pairs.map(|pair| (pair[0], None)).collect())
    }
}

/// The orders that were decided more than once, each with the entry that decided it first.
#[derive(Debug)]
pub struct DuplicateOrders(HashMap<OrderId, Option<Seq>>);

impl DuplicateOrders {
    /// Whether every order was decided once, which makes a second pass unnecessary.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks an entry in a second pass over the same entries, in the same order.
    pub fn check(&mut self, entry: &Entry) -> Option<Violation> {
        let order = entry.order.filter(|_| entry.line.is_first())?;
        let first = self.0.get_mut(&order)?;
        match *first {
            Some(first) => Some(Violation::DecidedTwice { order, first }),
            None => {
                *first = Some(entry.seq);
                None
            }
        }
    }
}
