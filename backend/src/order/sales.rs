//! One batch of purchases on its way to the catalog, sent again for as long as nobody knows what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::client::{CatalogClient, Error};
use common::wire::{Decision, Outcome, Receipt, Sale, SaleBatch};
use common::{Code, Deadline, ItemNumber, Kind, OrderId, Problem, Reason, Stock};

use super::{PATIENCE_MIN, Settled, patience, too_late};

/// How long one attempt waits for its answer; a catalog that is slower than this is asked again.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);
/// The longest rest before the second attempt; it doubles with each.
const BACK_OFF: Duration = Duration::from_millis(20);
/// The longest rest of all.
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// Carries out a batch; one result for each sale, in order.
pub(super) async fn carry_out(catalog: CatalogClient, batch: Vec<Sale>, head: Arc<AtomicU64>) -> Vec<Settled> {
    // A late sale that only this service has named cannot have been decided before. One with a client's key can.
    let mut settled: Vec<Option<Settled>> = batch
        .iter()
        .map(|sale| (sale.deadline.has_passed() && !sale.keyed).then(|| too_late(sale.id)))
        .collect();
    let mut asked = SaleBatch { sales: batch };
    let mut rest = BACK_OFF;
    loop {
        let open: Vec<usize> = (0..settled.len())
            .filter(|&index| settled.get(index).is_some_and(Option::is_none))
            .collect();
        let sales: Vec<Sale> = open
            .iter()
            .filter_map(|&index| asked.sales.get(index).cloned())
            .collect();
        let Some(last) = sales.iter().map(|sale| sale.deadline).max() else {
            break;
        };
        let resent = sales.iter().any(|sale| sale.resent);
        let attempt = Deadline::after(patience(last).min(ATTEMPT_MAX));
        match catalog.sell(&SaleBatch { sales }, attempt).await {
            Ok(answer) if answer.decisions.len() == open.len() => {
                head.fetch_max(answer.head.0, Ordering::Relaxed);
                for (index, decision) in open.into_iter().zip(answer.decisions) {
                    if let (Some(place), Some(sale)) = (settled.get_mut(index), asked.sales.get(index)) {
                        *place = Some(settle(sale, decision));
                    }
                }
                break;
            }
            Err(error) if error.is_definite() && !resent => {
                fill(&mut settled, &asked.sales, |_| refused_by(&error));
                break;
            }
            outcome => {
                // An earlier copy may have had its effect. Ask until its fate is known or nobody waits any more.
                if let Err(error) = outcome {
                    tracing::warn!(%error, "a batch of sales is sent again");
                }
                for (place, sale) in settled.iter_mut().zip(&mut asked.sales) {
                    sale.resent = true;
                    if place.is_none() && sale.deadline.has_passed() {
                        *place = Some(too_late(sale.id));
                    }
                }
                tokio::time::sleep(rest.mul_f64(rand::random())).await;
                rest = rest.saturating_mul(2).min(BACK_OFF_MAX);
            }
        }
    }
    let orders = asked.sales.iter().map(|sale| sale.id);
    settled
        .into_iter()
        .zip(orders)
        .map(|(settled, order)| settled.unwrap_or_else(|| too_late(order)))
        .collect()
}

fn fill(settled: &mut [Option<Settled>], sales: &[Sale], with: impl Fn(&Sale) -> Settled) {
    for (place, sale) in settled.iter_mut().zip(sales) {
        place.get_or_insert_with(|| with(sale));
    }
}

/// A batch that certainly changed nothing.
fn refused_by(error: &Error) -> Settled {
    let problem = match error {
        Error::Problem(problem) if matches!(problem.code, Code::StorageFull | Code::TooManyRequests) => {
            (**problem).clone()
        }
        error => {
            tracing::warn!(%error, "the catalog took no sales");
            Problem::new(
                Code::Unavailable,
                "The catalog cannot sell now; nothing was bought. Try again.",
            )
        }
    };
    Settled {
        placed: Err(problem),
        replayed: false,
    }
}

/// The receipt or the problem that a decision is.
fn settle(sale: &Sale, decision: Decision) -> Settled {
    let Decision {
        order,
        outcome,
        replayed,
        entry,
        title,
        reason,
        stock,
    } = decision;
    let problem = match (outcome, entry) {
        (Outcome::Sold, Some(entry)) => match Receipt::from_entry(&entry, title) {
            Some(receipt) => {
                return Settled {
                    placed: Ok(receipt),
                    replayed,
                };
            }
            None => Problem::new(Code::Internal, "The catalog's decision makes no sense.").with_order(Some(order)),
        },
        (Outcome::Refused, Some(entry)) if entry.kind == Kind::Refused => {
            refusal(sale.item, entry.reason, entry.stock_after, Some(order))
        }
        (Outcome::Refused, None) => refusal(sale.item, reason, stock, None),
        (Outcome::KeyReused, _) => Problem::new(
            Code::KeyReused,
            "That key named another book or quantity; nothing was bought. Use a new key for a new order.",
        ),
        (Outcome::Expired, _) => return too_late(order),
        (Outcome::Sold, None) | (Outcome::Refused, Some(_)) => {
            Problem::new(Code::Internal, "The catalog's decision makes no sense.").with_order(Some(order))
        }
    };
    Settled {
        placed: Err(problem),
        replayed,
    }
}

fn refusal(item: ItemNumber, reason: Option<Reason>, stock: Option<Stock>, order: Option<OrderId>) -> Problem {
    let problem = match (reason, stock) {
        (Some(Reason::UnknownItem), _) => Problem::new(Code::UnknownItem, format!("No book has the number {item}.")),
        (_, Some(stock)) => {
            let detail = match stock.get() {
                0 => "None is left.".to_owned(),
                left => format!("Only {left} left."),
            };
            Problem::new(Code::SoldOut, detail).with_stock(stock)
        }
        (_, None) => Problem::new(Code::SoldOut, "Not enough are left."),
    };
    problem.with_item(item).with_order(order)
}

/// The shortest patience is not shorter than one attempt needs.
const _: () = assert!(PATIENCE_MIN.as_millis() <= ATTEMPT_MAX.as_millis());
