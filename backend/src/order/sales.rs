//! Sends one batch of sales to the catalog. After a lost response, sends it again, marked `resent`, until the outcome is known
//! or the deadlines have passed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use common::backoff::Backoff;
use common::client::Error;
use common::problem::ShortLine;
use common::wire::{
    BatchProblem, BatchReceipt, Decision, Decisions, OrderLine, OrderResult, Outcome, Receipt, RefusedLine, Sale,
    SaleBatch,
};
use common::{Code, Deadline, Entry, InlineVec, Kind, Problem, Reason, StoreId, Timestamp};

use super::ledger_position::LedgerPosition;
use super::{failed, unknown};

#[cfg(test)]
mod tests;

/// The shortest time for which a sale is sent, even past its deadline: if it has a key, an earlier request may have been
/// decided.
const SALE_TIMEOUT_MIN: Duration = Duration::from_millis(500);
/// The timeout of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Delays between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));

const _: () = assert!(SALE_TIMEOUT_MIN.as_millis() <= ATTEMPT_TIMEOUT.as_millis());

/// The results of a batch of sales.
#[derive(Debug, Default)]
pub(super) struct BatchOutcome {
    /// One result for each sale, in order.
    pub(super) results: InlineVec<OrderResult>,
    /// The store of the last answer.
    pub(super) store: Option<StoreId>,
    /// The entries that the batch added to this store's ledger, in its order, as far as the answers were received.
    pub(super) entries: InlineVec<Entry>,
}

/// Sells a batch. `sell` calls the catalog and ends at its deadline, so no timer is needed
/// here. `now` is the time of the first attempt; the clock is read once for each further one.
pub(super) async fn sell_batch<F, Fut>(
    sell: F,
    batch: impl IntoIterator<Item = Sale>,
    mut now: Timestamp,
    position: Arc<LedgerPosition>,
) -> BatchOutcome
where
    F: Fn(SaleBatch, Deadline) -> Fut,
    Fut: Future<Output = Result<Decisions, Error>>,
{
    let mut open: InlineVec<(usize, Sale)> = batch.into_iter().enumerate().collect();
    let mut results: InlineVec<(usize, OrderResult)> = InlineVec::with_capacity(open.len());
    let mut outcome = BatchOutcome::default();
    // A sale past its deadline may have been decided before only if the client chose its key.
    expire(&mut open, &mut results, now, |sale| !sale.keyed);
    let longest = |open: &[(usize, Sale)], now| open.iter().map(|(_, sale)| timeout(sale, now)).max();
    let end = Deadline::at(now, longest(&open, now).unwrap_or_default());
    let mut backoff = BACKOFF;
    while let Some(last) = longest(&open, now) {
        let sales: Vec<Sale> = open.iter().map(|(_, sale)| sale.clone()).collect();
        let is_resent = sales.iter().any(|sale| sale.resent);
        let attempt = end.min(Deadline::at(now, last.min(ATTEMPT_TIMEOUT)));
        match sell(SaleBatch { sales }, attempt).await {
            Ok(decided) if decided.decisions.len() == open.len() => {
                position.observe(decided.store, decided.position());
                if outcome.store.replace(decided.store) != Some(decided.store) {
                    outcome.entries.clear();
                }
                for ((index, sale), decision) in std::mem::take(&mut open).into_iter().zip(decided.decisions) {
                    // This request was not decided; if an earlier one may still be, send it again.
                    let is_undecided = matches!(decision.outcome, Outcome::TooManyRefusals | Outcome::StorageFull);
                    if is_undecided && sale.resent {
                        open.push((index, sale));
                    } else {
                        results.push((index, result(&sale, &decision)));
                        if !decision.replayed {
                            outcome.entries.extend(decision.entries);
                        }
                    }
                }
            }
            Err(error) if error.is_not_applied() && !is_resent => {
                results.extend(open.drain(..).map(|(index, _)| (index, not_sold(&error))));
            }
            lost => {
                // This attempt or an earlier one may have been decided.
                if let Err(error) = lost {
                    tracing::debug!(%error, "a batch of sales is sent again");
                }
                position.resent_purchases.add(open.len() as u64);
                for (_, sale) in &mut open {
                    sale.resent = true;
                }
            }
        }
        if open.is_empty() {
            break;
        }
        now = Timestamp::now();
        expire(&mut open, &mut results, now, |_| true);
        if !open.is_empty() {
            tokio::time::sleep(backoff.next_delay().min(end.remaining_at(now))).await;
            now = Timestamp::now();
            expire(&mut open, &mut results, now, |_| true);
        }
    }
    results.sort_unstable_by_key(|&(index, _)| index);
    outcome.results = results.into_iter().map(|(_, result)| result).collect();
    outcome.entries.sort_unstable_by_key(|entry| entry.seq);
    outcome
}

fn timeout(sale: &Sale, now: Timestamp) -> Duration {
    sale.deadline.remaining_at(now).max(SALE_TIMEOUT_MIN)
}

/// Gives up the open sales that are past their deadline and meet the condition.
fn expire(
    open: &mut InlineVec<(usize, Sale)>,
    results: &mut InlineVec<(usize, OrderResult)>,
    now: Timestamp,
    condition: impl Fn(&Sale) -> bool,
) {
    open.retain(|(index, sale)| {
        let is_expired = sale.deadline.has_passed_at(now) && condition(sale);
        if is_expired {
            results.push((*index, unknown(sale.id)));
        }
        !is_expired
    });
}

/// The result of each sale of a batch that certainly changed nothing.
fn not_sold(error: &Error) -> OrderResult {
    failed(match error {
        Error::Problem(problem) if matches!(problem.code, Code::StorageFull | Code::TooManyRequests) => {
            (**problem).clone()
        }
        error => {
            tracing::debug!(%error, "the catalog refused a batch of sales");
            let detail = "The catalog cannot sell now; nothing was bought. Try again.";
            Problem::new(Code::Unavailable, detail)
        }
    })
}

/// The receipt or the problem of a decision.
fn result(sale: &Sale, decision: &Decision) -> OrderResult {
    let &Decision {
        order,
        outcome,
        replayed,
        ref entries,
        ref refused,
    } = decision;
    let invalid = || Problem::new(Code::Internal, "The catalog sent an invalid decision.").with_order(Some(order));
    let problem = match outcome {
        Outcome::Sold => match Receipt::from_entries(entries) {
            Some(receipt) => return OrderResult::Receipt(BatchReceipt { receipt, replayed }),
            None => invalid(),
        },
        Outcome::Refused if entries.is_empty() => refusal(sale, refused).unwrap_or_else(invalid),
        Outcome::Refused => {
            let refused: Vec<RefusedLine> = entries.iter().filter_map(refused_line).collect();
            refusal(sale, &refused).map_or_else(invalid, |problem| problem.with_order(Some(order)))
        }
        Outcome::KeyReused => {
            let detail = "This key was used for an order of another book or quantity; nothing was bought. Use a new \
                          key for a new order.";
            Problem::new(Code::KeyReused, detail)
        }
        Outcome::Expired => return unknown(order),
        Outcome::TooManyRefusals => {
            let detail =
                "Too many purchases are being refused; this one was not decided, and nothing was bought. Try again.";
            Problem::new(Code::Unavailable, detail)
        }
        Outcome::StorageFull => Problem::new(Code::StorageFull, "The store is out of disk space; nothing was bought."),
    };
    OrderResult::Problem(BatchProblem { problem, replayed })
}

/// The line of a refused order; `None` if it is not a reason of the refusal.
fn refused_line(entry: &Entry) -> Option<RefusedLine> {
    let reason = entry.reason.filter(|&reason| reason != Reason::WithOthers)?;
    (entry.kind == Kind::Refused).then_some(RefusedLine {
        item: entry.item,
        reason,
        stock: entry.stock_after,
    })
}

/// The problem of an order that was refused because of these lines; `None` if there are none.
fn refusal(sale: &Sale, refused: &[RefusedLine]) -> Option<Problem> {
    let (unknown, short): (Vec<RefusedLine>, Vec<RefusedLine>) =
        refused.iter().partition(|line| line.reason == Reason::UnknownItem);
    Some(match (&unknown[..], &short[..]) {
        ([], []) => return None,
        (&[RefusedLine { item, .. }], _) if sale.lines.len() == 1 => {
            Problem::new(Code::UnknownItem, format!("No book has the number {item}.")).with_item(item)
        }
        ([], &[RefusedLine { item, stock, .. }]) if sale.lines.len() == 1 => {
            let detail = match stock.unwrap_or_default().get() {
                0 => "None is left.".to_owned(),
                left => format!("Only {left} left."),
            };
            let problem = Problem::new(Code::SoldOut, detail).with_item(item);
            Problem { stock, ..problem }
        }
        ([], short) => {
            let detail = "Too few copies are left of at least one book; nothing was bought.";
            let lines = short.iter().filter_map(|line| short_line(sale, line)).collect();
            let problem = Problem::new(Code::SoldOut, detail);
            Problem { lines, ..problem }
        }
        (unknown, _) => {
            let detail = "At least one number belongs to no book; nothing was bought.";
            let items = unknown.iter().map(|line| line.item).collect();
            let problem = Problem::new(Code::UnknownItem, detail);
            Problem { items, ..problem }
        }
    })
}

fn short_line(sale: &Sale, line: &RefusedLine) -> Option<ShortLine> {
    let &OrderLine { item, quantity } = sale.lines.iter().find(|ordered| ordered.item == line.item)?;
    Some(ShortLine {
        item,
        stock: line.stock?,
        wanted: quantity,
    })
}
