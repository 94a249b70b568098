//! Orders reconstructed from the records of a journal.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use common::problem::ShortLine;
use common::wire::{OrderStatus, Receipt};
use common::{Code, OrderId, Quantity, Reason, Stock, Timestamp, client};

use super::{NotSold, NotSoldReason, Record, SentOrder};

/// An order with its last recorded outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedOrder {
    pub(crate) sent: SentOrder,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The order may have been sent, and no decision is recorded.
    Undecided,
    Sold(Receipt),
    NotSold(NotSold),
}

impl Outcome {
    /// The outcome after an answer of the shop. If an earlier request with the same key `may_be_applied`, an error that this
    /// request was not applied decides nothing.
    pub(crate) fn of_answer(
        order: OrderId,
        answer: Result<Receipt, client::Error>,
        may_be_applied: bool,
        at: Timestamp,
    ) -> Self {
        let short = short_lines(&answer);
        let (reason, detail, stock) = match answer {
            Ok(receipt) if receipt.order != order => return Self::Undecided,
            Ok(receipt) if receipt.status == OrderStatus::Sold => return Self::Sold(receipt),
            Ok(receipt) => match receipt.lines.iter().filter_map(|line| line.reason).max_by_key(is_own) {
                Some(Reason::UnknownItem) | None => {
                    (NotSoldReason::Refused, "the shop has no such book".to_owned(), None)
                }
                Some(_) => {
                    let stock = match &receipt.lines[..] {
                        [line] => line.stock,
                        _ => None,
                    };
                    (NotSoldReason::SoldOut, String::new(), stock)
                }
            },
            Err(client::Error::Problem(problem)) if problem.code == Code::SoldOut => {
                (NotSoldReason::SoldOut, String::new(), problem.stock)
            }
            Err(error) if matches!(error.code(), Some(Code::UnknownItem | Code::KeyReused)) => {
                (NotSoldReason::Refused, error.to_string(), None)
            }
            Err(error) if error.is_not_applied() && !may_be_applied => {
                (NotSoldReason::NotPlaced, error.to_string(), None)
            }
            Err(_) => return Self::Undecided,
        };
        Self::NotSold(NotSold {
            order,
            reason,
            detail,
            stock,
            short,
            at,
        })
    }

    /// The record to append; `None` without a decision.
    pub(crate) fn record(self) -> Option<Record> {
        match self {
            Self::Undecided => None,
            Self::Sold(receipt) => Some(Record::Sold { receipt }),
            Self::NotSold(not_sold) => Some(Record::NotSold(not_sold)),
        }
    }
}

/// Whether the line itself was refused, not only another line of its order.
fn is_own(reason: &Reason) -> bool {
    *reason != Reason::WithOthers
}

/// The lines that caused the refusal of an order of several lines.
fn short_lines(answer: &Result<Receipt, client::Error>) -> Vec<ShortLine> {
    match answer {
        Ok(receipt) if receipt.lines.len() > 1 => {
            let refused = receipt
                .lines
                .iter()
                .filter(|line| line.reason.as_ref().is_some_and(is_own));
            let short = refused.map(|line| ShortLine {
                item: line.item,
                stock: line.stock.unwrap_or(Stock::ZERO),
                wanted: line.quantity,
            });
            short.collect()
        }
        Err(client::Error::Problem(problem)) => {
            let unknown = problem.items.iter().map(|item| ShortLine {
                item: *item,
                stock: Stock::ZERO,
                wanted: Quantity::ONE,
            });
            problem.lines.iter().copied().chain(unknown).collect()
        }
        _ => Vec::new(),
    }
}

/// The orders, oldest first. A sale is final; an order that was not placed may be placed later with the same id.
pub(crate) fn recorded_orders(records: impl IntoIterator<Item = Record>) -> Vec<RecordedOrder> {
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
            recorded_orders(records)
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
        assert_eq!(recorded_orders(vec![sent(), named])[0].sent.store, Some(store));
    }
}
