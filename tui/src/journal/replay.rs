//! The orders that the records of a journal describe.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use common::OrderId;
use common::wire::Receipt;

use super::{NotSold, Record, SentOrder};

/// An order with the last thing that is on record about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedOrder {
    pub(crate) sent: SentOrder,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It may have been sent, and no decision is on record.
    Undecided,
    Sold(Receipt),
    NotSold(NotSold),
}

/// The orders, oldest first. A sale is final; an order that was not placed may be placed later under the same id.
pub(crate) fn replay(records: impl IntoIterator<Item = Record>) -> Vec<RecordedOrder> {
    let mut orders: Vec<RecordedOrder> = Vec::new();
    let mut index: HashMap<OrderId, usize> = HashMap::new();
    for record in records {
        let (order, outcome) = match record {
            Record::Sent(sent) => {
                match index.entry(sent.order) {
                    Entry::Vacant(entry) => {
                        entry.insert(orders.len());
                        orders.push(RecordedOrder {
                            sent,
                            outcome: Outcome::Undecided,
                        });
                    }
                    Entry::Occupied(entry) => {
                        if let Some(order) = orders.get_mut(*entry.get())
                            && !matches!(order.outcome, Outcome::Sold(_))
                        {
                            order.outcome = Outcome::Undecided;
                        }
                    }
                }
                continue;
            }
            Record::Store { order, store } => {
                if let Some(order) = index.get(&order).and_then(|at| orders.get_mut(*at)) {
                    order.sent.store.get_or_insert(store);
                }
                continue;
            }
            Record::Sold { receipt } => (receipt.order, Outcome::Sold(receipt)),
            Record::NotSold(not_sold) => (not_sold.order, Outcome::NotSold(not_sold)),
        };
        if let Some(recorded) = index.get(&order).and_then(|at| orders.get_mut(*at))
            && !matches!(recorded.outcome, Outcome::Sold(_))
        {
            recorded.outcome = outcome;
        }
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::super::tests::{not_placed, sent, sold};
    use super::*;

    #[test]
    fn the_last_record_counts_and_a_sale_is_final() {
        let outcomes = |records: Vec<Record>| {
            replay(records)
                .into_iter()
                .map(|order| order.outcome)
                .collect::<Vec<_>>()
        };
        let (Record::Sold { receipt }, Record::NotSold(reason)) = (sold(), not_placed()) else {
            panic!("the records are of other kinds")
        };
        assert_eq!(outcomes(vec![sent()]), [Outcome::Undecided]);
        assert_eq!(outcomes(vec![sent(), not_placed()]), [Outcome::NotSold(reason)]);
        // A command may be repeated with its key.
        assert_eq!(outcomes(vec![sent(), not_placed(), sent()]), [Outcome::Undecided]);
        let sale = [Outcome::Sold(receipt)];
        assert_eq!(outcomes(vec![sent(), not_placed(), sent(), sold()]), sale);
        assert_eq!(outcomes(vec![sent(), sold(), sent(), not_placed()]), sale);
        assert_eq!(
            outcomes(vec![sold()]),
            [],
            "an order whose beginning is not in the tail"
        );
    }

    #[test]
    fn a_store_that_becomes_known_later_is_the_orders() {
        let Record::Sent(order) = sent() else { panic!() };
        let store = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4f".parse().unwrap();
        let named = Record::Store {
            order: order.order,
            store,
        };
        assert_eq!(replay(vec![sent(), named])[0].sent.store, Some(store));
    }
}
