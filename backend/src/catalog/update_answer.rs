//! The answer to a shopkeeper's change of books.

use common::client::UpdateAnswer;
use common::wire::RefusedLine;
use common::{Code, Entry, ItemNumber, OrderId, Problem, Reason, limits};

use super::Error;
use super::decide::Verdict;
use super::job::UpdateDecision;
use crate::client_response::unknown_item;

/// The answer for a decision. `item` is the book of a change of one book.
pub(super) fn answer(id: OrderId, item: Option<ItemNumber>, decision: UpdateDecision) -> UpdateAnswer {
    let UpdateDecision { verdict, changed, head } = decision;
    let replayed = matches!(&verdict, Verdict::Recorded { replayed: true, .. });
    let result = changed.ok_or_else(|| Box::new(problem(id, item, &verdict)));
    UpdateAnswer {
        result,
        replayed,
        position: head,
    }
}

/// Why a change was not done.
fn problem(id: OrderId, item: Option<ItemNumber>, verdict: &Verdict) -> Problem {
    let of_item = |problem: Problem| Problem { item, ..problem };
    match verdict {
        Verdict::Recorded { entries, .. } => {
            let lines: Vec<RefusedLine> = entries.iter().filter_map(refused_line).collect();
            refusal(item, &lines).with_order(Some(id))
        }
        Verdict::RefusedUnrecorded(lines) => refusal(item, lines),
        Verdict::KeyReused => Problem::new(Code::KeyReused, "The key belongs to another order or another change."),
        Verdict::Expired => {
            let detail = "The deadline passed before the change was decided; nothing was changed.";
            Problem::new(Code::DeadlineExceeded, detail).with_order(Some(id))
        }
        Verdict::PreconditionFailed => of_item(Problem::new(
            Code::PreconditionFailed,
            match item {
                Some(_) => {
                    "The book was changed since the version in `If-Match`; nothing was changed. Read the book again."
                }
                None => {
                    "The shop was changed since the version in `If-Match`; nothing was changed. Read the books again."
                }
            },
        )),
        Verdict::TooManyRefusals => {
            let detail =
                "Too many changes are being refused; this one was not decided, and nothing was changed. Try again.";
            Problem::new(Code::Unavailable, detail)
        }
        Verdict::DiskFull => Error::Full.into(),
        Verdict::OutOfRange => {
            let detail = format!("A stock is at most {} copies; this would be more.", limits::STOCK_MAX);
            of_item(Problem::new(Code::InvalidRequest, detail))
        }
    }
}

fn refused_line(entry: &Entry) -> Option<RefusedLine> {
    Some(RefusedLine {
        item: entry.item,
        reason: entry.reason?,
        stock: entry.stock_after,
    })
}

/// The problem of a change that was refused because of these lines.
fn refusal(item: Option<ItemNumber>, lines: &[RefusedLine]) -> Problem {
    match (item, lines) {
        (Some(item), [RefusedLine { reason, stock, .. }]) if *reason != Reason::UnknownItem => Problem {
            stock: *stock,
            ..Problem::new(Code::SoldOut, "The stock would fall below 0.").with_item(item)
        },
        // No line: the change of the stock was done, but the book was withdrawn since.
        (Some(item), _) => unknown_item(item),
        (None, lines) => {
            let detail = "At least one number to withdraw belongs to no book; nothing was changed.";
            Problem {
                items: lines.iter().map(|line| line.item).collect(),
                ..Problem::new(Code::UnknownItem, detail)
            }
        }
    }
}
