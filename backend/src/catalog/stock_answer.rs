//! The answer to a shopkeeper's change of a stock.

use common::client::{StockAnswer, StockUpdate};
use common::{Code, ItemNumber, Problem, Reason, Stock, limits};

use super::Error;
use super::decide::Verdict;
use super::job::StockDecision;
use crate::relay::unknown_item;

/// The answer that a decision means.
pub(super) fn answer(update: &StockUpdate, decision: StockDecision) -> StockAnswer {
    let StockDecision { verdict, book, head } = decision;
    let replayed = matches!(&verdict, Verdict::Recorded { replayed: true, .. });
    let refusal = match &verdict {
        Verdict::Recorded { entries, .. } => entries
            .first()
            .and_then(|entry| Some(refused(entry.reason?, update.item, entry.stock_after))),
        verdict => Some(problem(update, verdict)),
    };
    let book = match (refusal, book) {
        (None, Some(book)) => Ok(book),
        (refusal, _) => {
            let problem = refusal.unwrap_or_else(|| unknown_item(update.item));
            let is_recorded = matches!(verdict, Verdict::Recorded { .. });
            Err(Box::new(if is_recorded {
                problem.with_order(Some(update.id))
            } else {
                problem
            }))
        }
    };
    StockAnswer { book, replayed, head }
}

/// The problem of a decision that is not recorded.
fn problem(update: &StockUpdate, verdict: &Verdict) -> Problem {
    let &StockUpdate { id, item, .. } = update;
    match verdict {
        Verdict::Recorded { .. } => unknown_item(item),
        Verdict::Refused(lines) => {
            let refused = lines.first().map(|line| refused(line.reason, item, line.stock));
            refused.unwrap_or_else(|| unknown_item(item))
        }
        Verdict::KeyReused => Problem::new(Code::KeyReused, "The key belongs to another order or another change."),
        Verdict::Expired => {
            let detail = "The deadline passed before the change was decided; the stock is unchanged.";
            Problem::new(Code::DeadlineExceeded, detail).with_order(Some(id))
        }
        Verdict::PreconditionFailed => {
            let detail = "The book is not in a state that `If-Match` names; nothing was changed. Read it again.";
            Problem::new(Code::PreconditionFailed, detail).with_item(item)
        }
        Verdict::TooManyRefusals => {
            let detail =
                "Too many changes are being refused; this one was not decided, and nothing was changed. Try again.";
            Problem::new(Code::Unavailable, detail)
        }
        Verdict::NoRoom => Error::Full.into(),
        Verdict::OutOfRange => {
            let detail = format!("A stock is at most {} copies; this would be more.", limits::STOCK_MAX);
            Problem::new(Code::InvalidRequest, detail).with_item(item)
        }
    }
}

fn refused(reason: Reason, item: ItemNumber, stock: Option<Stock>) -> Problem {
    match (reason, stock) {
        (Reason::UnknownItem, _) => unknown_item(item),
        (Reason::SoldOut | Reason::WithOthers, stock) => {
            let problem = Problem::new(Code::SoldOut, "The stock would fall below 0.").with_item(item);
            Problem { stock, ..problem }
        }
    }
}
