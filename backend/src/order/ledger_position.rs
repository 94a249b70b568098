//! The ledger's store and head that the order service knows from the catalog's answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use common::metrics::Counter;
use common::{Position, StoreId};

use crate::dependencies::Report;

/// The known store and the known head of its ledger.
#[derive(Debug, Default)]
pub(super) struct LedgerPosition {
    known: Mutex<Known>,
    /// Number of purchases that were sent again.
    pub(super) resent_purchases: Counter,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    store: Option<StoreId>,
    head: Position,
}

impl LedgerPosition {
    /// The store of the last answer that named one.
    pub(super) fn store(&self) -> Option<StoreId> {
        self.lock().store
    }

    /// The newest entry of the latest history; the position 0 if none is known.
    pub(super) fn head(&self) -> Position {
        self.lock().head
    }

    /// Records the store and head in an answer. After a change of the store, the head starts anew.
    pub(super) fn observe(&self, store: StoreId, head: Position) {
        let mut known = self.lock();
        known.head = match known.store == Some(store) {
            true => known.head.max(head),
            false => head,
        };
        known.store = Some(store);
    }

    /// Records the head in an answer that names no store.
    pub(super) fn observe_position(&self, head: Option<Position>) {
        let mut known = self.lock();
        known.head = known.head.max(head.unwrap_or_default());
    }

    /// Records the store and head in a report on the dependencies.
    pub(super) fn observe_report(&self, report: &Report) {
        if let Some((store, head)) = report.ledger {
            self.observe(store, head.unwrap_or_default());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_only_grows_until_the_store_or_its_history_is_another_one() {
        let ledger = LedgerPosition::default();
        let position = |text: &str| text.parse::<Position>().unwrap();
        ledger.observe_position(Some(position("3")));
        assert_eq!((ledger.store(), ledger.head()), (None, position("3")));
        let (first, second) = (StoreId::generate(), StoreId::generate());
        for (store, head, expected) in [(first, "9", "9"), (first, "7", "9"), (second, "2", "2")] {
            ledger.observe(store, position(head));
            assert_eq!((ledger.store(), ledger.head()), (Some(store), position(expected)));
        }
        // Some answers name the history alone.
        for (head, expected) in [("4", "4"), ("3.1", "3.1"), ("5", "3.1")] {
            ledger.observe_position(Some(position(head)));
            assert_eq!((ledger.store(), ledger.head()), (Some(second), position(expected)));
        }
        ledger.observe_position(None);
        assert_eq!(ledger.head(), position("3.1"));
    }
}
