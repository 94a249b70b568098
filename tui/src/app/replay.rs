//! The orders of earlier sessions, from their records in the journal.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use common::OrderId;

use super::orders::{OrderState, Purchase};
use super::sanitize::sanitized;
use crate::journal::{CloseReason, Closed, JournalContents, PlacedOrder, Record};

/// The orders, oldest first. One without a final record may have been sent.
pub(super) fn replay(contents: JournalContents) -> Vec<Purchase> {
    let mut orders: Vec<Purchase> = Vec::new();
    let mut index: HashMap<OrderId, usize> = HashMap::new();
    for record in contents.records {
        let (order, state) = match record {
            Record::Placed(placed) => {
                if let Entry::Vacant(entry) = index.entry(placed.order) {
                    entry.insert(orders.len());
                    let placed = PlacedOrder {
                        title: sanitized(&placed.title),
                        ..placed
                    };
                    let state = OrderState::Unknown {
                        why: "an earlier session ended before the answer came".to_owned(),
                    };
                    orders.push(Purchase {
                        may_have_applied: true,
                        ..Purchase::new(placed, state)
                    });
                }
                continue;
            }
            Record::Settled { receipt } => (receipt.order, OrderState::from_receipt(receipt)),
            Record::Closed(closed) => (closed.order, closed_state(&closed)),
        };
        if let Some(purchase) = index.get(&order).and_then(|at| orders.get_mut(*at)) {
            purchase.state = state;
        }
    }
    orders
}

fn closed_state(closed: &Closed) -> OrderState {
    let why = sanitized(&closed.detail);
    match closed.reason {
        CloseReason::SoldOut => OrderState::SoldOut { stock: closed.stock },
        CloseReason::Refused => OrderState::Refused { why },
        CloseReason::NotPlaced => OrderState::NotPlaced { why },
    }
}
