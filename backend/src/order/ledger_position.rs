//! How far the order service knows the ledger, from the catalog's answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use common::{Seq, StoreId};

use crate::neighbours::Report;

/// The store, and the newest entry known of its ledger.
#[derive(Debug, Default)]
pub(super) struct LedgerPosition(Mutex<Position>);

#[derive(Debug, Clone, Copy, Default)]
struct Position {
    store: Option<StoreId>,
    head: Seq,
}

impl LedgerPosition {
    /// The store of the last answer that named one.
    pub(super) fn store(&self) -> Option<StoreId> {
        self.lock().store
    }

    /// The newest entry; [`Seq::ZERO`] if none is known.
    pub(super) fn head(&self) -> Seq {
        self.lock().head
    }

    /// Takes account of an answer. Entries of another store than before say nothing about this one's.
    pub(super) fn observe(&self, store: StoreId, head: Seq) {
        let mut position = self.lock();
        if position.store != Some(store) {
            *position = Position {
                store: Some(store),
                head: Seq::ZERO,
            };
        }
        position.head = position.head.max(head);
    }

    /// Takes account of an answer that names no store.
    pub(super) fn observe_seq(&self, seq: Option<Seq>) {
        if let Some(seq) = seq {
            let mut position = self.lock();
            position.head = position.head.max(seq);
        }
    }

    /// Takes account of what the neighbours said.
    pub(super) fn observe_report(&self, report: &Report) {
        if let Some((store, head)) = report.ledger {
            self.observe(store, head.unwrap_or(Seq::ZERO));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Position> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_only_grows_until_the_store_is_another_one() {
        let position = LedgerPosition::default();
        position.observe_seq(Some(Seq(3)));
        assert_eq!((position.store(), position.head()), (None, Seq(3)));
        let (first, second) = (StoreId::generate(), StoreId::generate());
        for (store, head, expected) in [(first, 9, 9), (first, 7, 9), (second, 2, 2)] {
            position.observe(store, Seq(head));
            assert_eq!((position.store(), position.head()), (Some(store), Seq(expected)));
        }
        position.observe_seq(Some(Seq(4)));
        position.observe_seq(None);
        assert_eq!((position.store(), position.head()), (Some(second), Seq(4)));
    }
}
