//! Steps and paths as text.

use std::fmt;

use common::Stock;
use stateright::Path;

use super::shop::{OperationKind, Shop};
use super::state::{Answer, Message, Request, State};
use super::step::{Process, Step};

impl Shop {
    /// A path as numbered lines, one a step.
    pub(crate) fn describe_path(&self, path: Path<State, Step>) -> String {
        let steps = path
            .into_vec()
            .into_iter()
            .filter_map(|(before, step)| Some((before, step?)));
        let lines = (1..)
            .zip(steps)
            .map(|(number, (before, step))| format!("  {number:2}. {}\n", self.describe(&before, &step)));
        lines.collect()
    }

    fn describe(&self, before: &State, step: &Step) -> String {
        match step {
            Step::Send(operation) => {
                let again = if before.clients[*operation].sends > 0 {
                    " again"
                } else {
                    ""
                };
                format!("{} is sent{again}", self.operation(*operation).name)
            }
            Step::Duplicate(Message::Submit(request) | Message::Job(request) | Message::Reply(request, _)) => {
                format!("the network duplicates {}", self.name(*request))
            }
            Step::Forward(request) => format!("the order service forwards {} to the catalogs", self.name(*request)),
            Step::Resend(task) => format!("the order service times out and sends {} again", self.name(*task)),
            Step::Receive(request, answer) => format!("the reply to {} arrives: {answer}", self.name(*request)),
            Step::Decide(catalog, jobs) => {
                let (_, answers) = self.decide(before, before.catalogs[*catalog].seen, jobs, before.tick);
                let decisions = jobs
                    .iter()
                    .zip(answers)
                    .map(|(job, answer)| format!("{}: {answer}", self.name(*job)));
                let decisions: Vec<_> = decisions.collect();
                format!(
                    "catalog {} decides (not durable yet): {}",
                    catalog + 1,
                    decisions.join("; ")
                )
            }
            Step::Append(catalog) => self.describe_append(before, step, catalog + 1),
            Step::Reject(catalog) => format!("catalog {} rejects its batch", catalog + 1),
            Step::Answer(catalog) => format!("catalog {} answers", catalog + 1),
            Step::CatchUp(catalog) => format!("catalog {} reads the entries of the other", catalog + 1),
            Step::Crash(Process::Frontend) => "the front-end crashes".to_owned(),
            Step::Crash(Process::Order) => "the order service crashes".to_owned(),
            Step::Crash(Process::Catalog(catalog)) => format!("catalog {} crashes", catalog + 1),
            Step::TornAppend(catalog) => format!(
                "catalog {} crashes when the first order of its batch is durable",
                catalog + 1
            ),
            Step::Tick => "all deadlines set so far pass".to_owned(),
        }
    }

    fn describe_append(&self, before: &State, step: &Step, catalog: usize) -> String {
        let mut after = before.clone();
        let appended = self
            .take(&mut after, step.clone())
            .and_then(|()| after.ledger.entries().get(before.ledger.entries().len()..));
        let conflicted = after.catalogs[catalog - 1]
            .work
            .as_ref()
            .is_some_and(|work| work.answers.is_none() && work.appended == 0);
        let what = match appended.unwrap_or_default() {
            [] if conflicted => "finds a conflict with the other and decides again".to_owned(),
            [] => "has nothing to append and confirms the head".to_owned(),
            entries => {
                let entries = entries.iter().map(|entry| {
                    let after = entry.stock_after.map_or(0, Stock::get);
                    format!(
                        "entry {}, {}, which leaves {after} of book {}",
                        entry.seq, entry.kind, entry.item
                    )
                });
                format!("has appended {}", entries.collect::<Vec<_>>().join(", and "))
            }
        };
        format!("catalog {catalog} {what}")
    }

    /// The operation, and whether it was sent again and by which process.
    fn name(&self, request: Request) -> String {
        let mut name = self.operation(request.operation).name.to_owned();
        if request.send > 0 {
            name += " (sent again by its client)";
        }
        if request.attempt > 0 {
            name += " (sent again by the order service)";
        }
        name
    }

    /// The stocks and all operations in one line.
    pub(crate) fn describe_operations(&self) -> String {
        let operations = self.bounds.operations.iter().map(|operation| {
            let what = match operation.kind {
                OperationKind::Buy(copies) if operation.keyed => format!("buys {} with a key", describe_copies(copies)),
                OperationKind::Buy(copies) => format!("buys {} without a key", describe_copies(copies)),
                OperationKind::Restock(copies) => format!("adds {copies}"),
                OperationKind::Describe => "describes both books anew".to_owned(),
            };
            format!("{} {what}, sent up to {}×", operation.name, operation.sends_max)
        });
        format!(
            "stock {}; {}",
            describe_copies(self.bounds.stocks),
            operations.collect::<Vec<_>>().join("; ")
        )
    }
}

/// The copies of each book, as in `1+0`.
fn describe_copies(copies: [u8; 2]) -> String {
    copies.map(|copies| copies.to_string()).join("+")
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = |replayed: &bool| if *replayed { " (replayed)" } else { "" };
        match self {
            Self::Done { seq, replayed } => write!(f, "done by entry {seq}{}", again(replayed)),
            Self::Refused {
                seq: Some(seq),
                replayed,
            } => write!(f, "refused by entry {seq}{}", again(replayed)),
            Self::Refused { seq: None, .. } => f.write_str("refused, not recorded"),
            Self::Unavailable => f.write_str("503, nothing was changed"),
            Self::TooLate => f.write_str("504, too late"),
            Self::Impossible => f.write_str("impossible"),
        }
    }
}
