//! The jobs of the ledger thread. Each kind of job has a sender for its own type of reply: decisions for sales, books for a
//! change.

use common::client::current_traceparent;
use common::reply;
use common::wire::{Book, ChangedBooks, Decision, Decisions, Outcome, Sale};
use common::{Deadline, Entry, InlineVec, Kind, Position};
use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::decide::{CatalogUpdate, DecisionBatch, DurableState, Verdict};
use super::error::Error;
use super::metrics::{RefusalReason, Tally};
use super::state::State;

/// The decision on a shopkeeper's change.
#[derive(Debug)]
pub(super) struct UpdateDecision {
    pub(super) verdict: Verdict,
    /// The books right after the change. `None` if not done. Also for a repeated stock change whose book is gone by now.
    pub(super) changed: Option<ChangedBooks>,
    /// The head of the ledger.
    pub(super) head: Position,
}

/// The sender of the reply to a job. Dropped without a reply if the outcome is unknown.
pub(super) type Reply<T> = reply::Reply<Result<T, Error>>;

/// A request to the ledger thread.
#[derive(Debug)]
pub(super) enum Job {
    Sell(Pending<Vec<Sale>, InlineVec<Verdict>, Decisions>),
    UpdateBooks(Pending<CatalogUpdate, Option<Verdict>, UpdateDecision>),
    /// Makes this catalog apply every entry that was durable before. The empty append of its batch checks the head; after a
    /// conflict, the thread reads the missing entries.
    CheckHead(Reply<()>),
    /// Ends the thread after the jobs before it. The sender is dropped after the last checkpoint.
    Close(oneshot::Sender<()>),
}

/// A request, its verdict, and the sender of its reply.
#[derive(Debug)]
pub(super) struct Pending<Q, V, A> {
    request: Q,
    /// Set when the batch is decided, and replaced if it is decided again.
    verdict: V,
    reply: Reply<A>,
    /// The `traceparent` of the request, if spans are recorded.
    trace: Option<HeaderValue>,
}

impl<Q, V: Default, A> Pending<Q, V, A> {
    pub(super) fn new(request: Q, reply: Reply<A>) -> Self {
        Self {
            request,
            verdict: V::default(),
            reply,
            trace: current_traceparent(),
        }
    }
}

impl Job {
    /// The latest deadline of its requests; `None` if it has none.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::Sell(pending) => pending.request.iter().map(|sale| sale.deadline).max(),
            Self::UpdateBooks(pending) => Some(pending.request.deadline),
            Self::CheckHead(_) | Self::Close(_) => None,
        }
    }

    /// Number of lines that it adds to a batch. Counts at least 1, so that the queue is bounded; `Close` counts 0.
    pub(super) fn lines(&self) -> usize {
        match self {
            Self::Sell(pending) => pending
                .request
                .iter()
                .map(|sale| sale.lines.len())
                .sum::<usize>()
                .max(1),
            Self::UpdateBooks(pending) => pending.request.changes.as_slice().len(),
            Self::CheckHead(_) => 1,
            Self::Close(_) => 0,
        }
    }

    /// The `traceparent` of its request, if spans are recorded.
    pub(super) fn trace(&self) -> Option<&HeaderValue> {
        match self {
            Self::Sell(pending) => pending.trace.as_ref(),
            Self::UpdateBooks(pending) => pending.trace.as_ref(),
            Self::CheckHead(_) | Self::Close(_) => None,
        }
    }

    /// Counts the verdicts on its orders.
    pub(super) fn tally(&self, tally: &mut Tally) {
        if let Self::Sell(pending) = self {
            pending.verdict.iter().for_each(|verdict| tally.count(verdict));
        }
    }

    /// Counts its orders as not decided.
    pub(super) fn tally_rejected(&self, error: &Error, tally: &mut Tally) {
        if let Self::Sell(pending) = self {
            let reason = match error {
                Error::Full => RefusalReason::StorageFull,
                _ => RefusalReason::Unavailable,
            };
            tally.refuse(reason, pending.request.len() as u64);
        }
    }

    /// Decides the job as a part of a batch.
    pub(super) fn decide<D: DurableState>(&mut self, batch: &mut DecisionBatch<'_, D>) -> Result<(), D::Error> {
        match self {
            Self::Sell(pending) => {
                let sales = pending.request.iter();
                pending.verdict = sales.map(|sale| batch.sell(sale)).collect::<Result<_, _>>()?;
            }
            Self::UpdateBooks(pending) => pending.verdict = Some(batch.update_books(&pending.request)?),
            Self::CheckHead(_) | Self::Close(_) => {}
        }
        Ok(())
    }

    /// The answer to the job, from the state after its batch; `None` for a job without an answer.
    pub(super) fn answer(self, state: &State) -> Option<Answer> {
        Some(match self {
            Self::Sell(Pending { verdict, reply, .. }) if are_all_disk_full(&verdict) => {
                Answer::Sell(reply, Err(Error::Full))
            }
            Self::Sell(Pending {
                request,
                verdict,
                reply,
                ..
            }) => {
                let decided = request.iter().zip(verdict);
                let decisions = decided.map(|(sale, verdict)| decision(sale, verdict)).collect();
                let Position { epoch, seq: head } = state.position();
                let store = state.store;
                let decisions = Decisions {
                    decisions,
                    head,
                    epoch,
                    store,
                };
                Answer::Sell(reply, Ok(decisions))
            }
            Self::UpdateBooks(Pending {
                verdict: Some(verdict),
                reply,
                ..
            }) => {
                let changed = match &verdict {
                    Verdict::Recorded { entries, .. } => books_after(state, entries),
                    _ => None,
                };
                let head = state.position();
                Answer::UpdateBooks(reply, UpdateDecision { verdict, changed, head })
            }
            Self::CheckHead(reply) => Answer::CheckHead(reply),
            // Every job is decided before it is answered.
            Self::UpdateBooks(Pending { verdict: None, .. }) | Self::Close(_) => return None,
        })
    }

    /// Answers with the error; the job changed nothing.
    pub(super) fn reject(self, error: Error) {
        match self {
            Self::Sell(pending) => pending.reply.send(Err(error)),
            Self::UpdateBooks(pending) => pending.reply.send(Err(error)),
            Self::CheckHead(reply) => reply.send(Err(error)),
            Self::Close(_) => {}
        }
    }
}

/// A job's answer and its sender.
pub(super) enum Answer {
    Sell(Reply<Decisions>, Result<Decisions, Error>),
    UpdateBooks(Reply<UpdateDecision>, UpdateDecision),
    CheckHead(Reply<()>),
}

impl reply::ReadyReply for Answer {
    fn runtime(&self) -> Option<&Handle> {
        match self {
            Self::Sell(reply, _) => reply.runtime(),
            Self::UpdateBooks(reply, _) => reply.runtime(),
            Self::CheckHead(reply) => reply.runtime(),
        }
    }

    fn send(self) {
        match self {
            Self::Sell(reply, decisions) => reply.send(decisions),
            Self::UpdateBooks(reply, decision) => reply.send(Ok(decision)),
            Self::CheckHead(reply) => reply.send(Ok(())),
        }
    }
}

/// Decides jobs as one batch; returns the entries to append.
pub(super) fn decide<D: DurableState>(
    jobs: &mut [Job],
    mut batch: DecisionBatch<'_, D>,
) -> Result<Vec<Entry>, D::Error> {
    for job in jobs {
        job.decide(&mut batch)?;
    }
    Ok(batch.into_entries())
}

/// Whether the full disk left all sales of a job undecided.
fn are_all_disk_full(verdicts: &[Verdict]) -> bool {
    !verdicts.is_empty() && verdicts.iter().all(|verdict| *verdict == Verdict::DiskFull)
}

fn decision(sale: &Sale, verdict: Verdict) -> Decision {
    let mut decision = Decision {
        order: sale.id,
        outcome: Outcome::Refused,
        replayed: false,
        entries: InlineVec::new(),
        refused: InlineVec::new(),
    };
    match verdict {
        Verdict::Recorded { entries, replayed } => {
            if entries.iter().all(|entry| entry.kind == Kind::Sold) {
                decision.outcome = Outcome::Sold;
            }
            (decision.entries, decision.replayed) = (entries, replayed);
        }
        Verdict::RefusedUnrecorded(lines) => decision.refused = lines,
        Verdict::KeyReused => decision.outcome = Outcome::KeyReused,
        Verdict::TooManyRefusals => decision.outcome = Outcome::TooManyRefusals,
        Verdict::DiskFull => decision.outcome = Outcome::StorageFull,
        // A sale never gets the last two: they are verdicts on changes.
        Verdict::Expired | Verdict::PreconditionFailed | Verdict::OutOfRange => decision.outcome = Outcome::Expired,
    }
    #[cfg(feature = "fault-injection")]
    let decision = crate::fault_injection::misreport(decision);
    decision
}

/// The books right after the entries of a change, so that a resent request gets the same answer. `None` if the change was
/// refused, or if an entry changed only the stock of a book that was withdrawn since.
fn books_after(state: &State, entries: &[Entry]) -> Option<ChangedBooks> {
    let seq = entries.last().filter(|last| last.kind.changes_book())?.seq;
    let (mut books, mut withdrawn) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry.kind {
            Kind::Withdrawn => withdrawn.push(entry.item),
            _ => books.push(match entry.described() {
                Some(book) => book,
                None => book_after(state.book(entry.item)?, entry),
            }),
        }
    }
    Some(ChangedBooks { books, withdrawn, seq })
}

fn book_after(book: Book, entry: &Entry) -> Book {
    Book {
        stock: entry.stock_after.unwrap_or(book.stock),
        cost: entry.unit_cost.unwrap_or(book.cost),
        seq: entry.seq,
        ..book
    }
}

#[cfg(test)]
mod tests;
