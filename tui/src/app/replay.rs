//! The orders of earlier sessions, from their records in the journal.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use common::OrderId;

use super::orders::{OrderState, Purchase};
use super::sanitize::sanitized;
use crate::journal::{JournalContents, NotSold, NotSoldReason, Record, SentOrder};

/// The orders, oldest first. One without a decision on record may have been sent.
pub(super) fn replay(contents: JournalContents) -> Vec<Purchase> {
    let mut orders: Vec<Purchase> = Vec::new();
    let mut index: HashMap<OrderId, usize> = HashMap::new();
    for record in contents.records {
        let (order, state) = match record {
            Record::Sent(sent) => {
                if let Entry::Vacant(entry) = index.entry(sent.order) {
                    entry.insert(orders.len());
                    let sent = SentOrder {
                        title: sanitized(&sent.title),
                        ..sent
                    };
                    let state = OrderState::Unknown {
                        why: "an earlier session ended before the answer came".to_owned(),
                    };
                    orders.push(Purchase {
                        may_have_applied: true,
                        ..Purchase::new(sent, state)
                    });
                }
                continue;
            }
            Record::Sold { receipt } => (receipt.order, OrderState::from_receipt(receipt)),
            Record::NotSold(not_sold) => (not_sold.order, not_sold_state(&not_sold)),
        };
        if let Some(purchase) = index.get(&order).and_then(|at| orders.get_mut(*at)) {
            purchase.state = state;
        }
    }
    orders
}

fn not_sold_state(not_sold: &NotSold) -> OrderState {
    let why = sanitized(&not_sold.detail);
    match not_sold.reason {
        NotSoldReason::SoldOut => OrderState::SoldOut { stock: not_sold.stock },
        NotSoldReason::Refused => OrderState::Refused { why },
        NotSoldReason::NotPlaced => OrderState::NotPlaced { why },
    }
}
