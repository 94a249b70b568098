//! The orders of earlier sessions, from their records in the journal.

use super::orders::{OrderState, Purchase};
use super::sanitize::sanitized;
use crate::journal::{self, JournalContents, NotSold, NotSoldReason, Outcome, SentOrder};

/// The orders, oldest first. One without a decision on record may have been sent.
pub(super) fn replay(contents: JournalContents) -> Vec<Purchase> {
    let orders = journal::replay(contents.records).into_iter();
    let purchases = orders.map(|order| {
        let state = match order.outcome {
            Outcome::Undecided => OrderState::Unknown {
                why: "an earlier session ended before the answer came".to_owned(),
            },
            Outcome::Sold(receipt) => OrderState::from_receipt(receipt),
            Outcome::NotSold(not_sold) => not_sold_state(&not_sold),
        };
        sent_before(order.sent, state)
    });
    purchases.collect()
}

/// An order that an earlier session or another program may have sent.
pub(super) fn sent_before(mut sent: SentOrder, state: OrderState) -> Purchase {
    for title in sent.lines.iter_mut().filter_map(|line| line.title.as_mut()) {
        *title = sanitized(title);
    }
    sent.shop = sanitized(&sent.shop);
    Purchase {
        may_have_applied: true,
        ..Purchase::new(sent, state)
    }
}

pub(super) fn not_sold_state(not_sold: &NotSold) -> OrderState {
    let why = sanitized(&not_sold.detail);
    match not_sold.reason {
        NotSoldReason::SoldOut => OrderState::SoldOut { stock: not_sold.stock },
        NotSoldReason::Refused => OrderState::Refused { why },
        NotSoldReason::NotPlaced => OrderState::NotPlaced { why },
    }
}
