//! The steps and their effects.

use super::shop::Shop;
use super::state::{Answer, Catalog, CatalogIndex, Message, OperationIndex, Request, State};
use super::traffic::duplicate;

/// A process that can crash. It restarts at once, because one that stays down only does less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    Frontend,
    Order,
    Catalog(CatalogIndex),
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A client sends its operation, for the first time or again, and stops waiting for an earlier answer.
    Send(OperationIndex),
    /// The network duplicates a message.
    Duplicate(Message),
    /// The order service forwards an order to the catalogs.
    Forward(Request),
    /// The order service times out and sends again.
    Resend(Request),
    /// An answer arrives.
    Receive(Request, Answer),
    /// A catalog decides a batch of requests.
    Decide(CatalogIndex, Vec<Request>),
    /// A catalog appends its entries, or finds a conflict and decides again.
    Append(CatalogIndex),
    /// A catalog rejects its batch: no room, no store, or too many conflicts.
    Reject(CatalogIndex),
    /// A catalog publishes and answers a durable batch.
    Answer(CatalogIndex),
    /// An idle catalog reads the entries of the other one.
    CatchUp(CatalogIndex),
    /// A process crashes and restarts.
    Crash(Process),
    /// A catalog crashes within an append, of which the first order is durable.
    TornAppend(CatalogIndex),
    /// Time passes.
    Tick,
}

impl Shop {
    /// Takes a step; `None` if it is not possible.
    pub(crate) fn take(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Send(operation) => self.send(state, operation),
            Step::Duplicate(message) => duplicate(state, message),
            Step::Forward(request) => return self.forward(state, request),
            Step::Resend(task) => {
                state.remove_task(task)?;
                let again = Request {
                    attempt: task.attempt + 1,
                    ..task
                };
                state.tasks.push(again);
                state.messages.push(Message::Job(again));
            }
            Step::Receive(request, answer) => return self.receive(state, request, answer),
            Step::Decide(catalog, jobs) => return self.decide_batch(state, catalog, jobs),
            Step::Append(catalog) => return self.append(state, catalog),
            Step::Reject(catalog) => {
                let work = state.catalogs[catalog].work.take()?;
                let refusals = work
                    .jobs
                    .into_iter()
                    .map(|job| Message::Reply(job, Answer::Unavailable));
                state.messages.extend(refusals);
            }
            Step::Answer(catalog) => {
                let work = state.catalogs[catalog].work.take()?;
                let answers = work.jobs.into_iter().zip(work.answers?);
                state
                    .messages
                    .extend(answers.map(|(job, answer)| Message::Reply(job, answer)));
            }
            Step::CatchUp(catalog) => state.catalogs[catalog].seen = state.ledger.head(),
            Step::Crash(process) => crash(state, process),
            Step::TornAppend(catalog) => return self.torn_append(state, catalog),
            Step::Tick => state.tick += 1,
        }
        Some(())
    }
}

pub(crate) fn crash(state: &mut State, process: Process) {
    match process {
        // The process keeps no state: its clients get no answer, and requests that it has not forwarded are lost.
        Process::Frontend => {
            state.crashes.frontend = true;
            state.clients.iter_mut().for_each(|client| client.waits = false);
            state.messages.retain(|message| !matches!(message, Message::Submit(_)));
        }
        Process::Order => {
            state.crashes.order = true;
            state.tasks.clear();
        }
        // `bootstrap`: the catalog reads the store again.
        Process::Catalog(catalog) => {
            state.crashes.catalogs[catalog] = true;
            state.catalogs[catalog] = Catalog {
                seen: state.ledger.head(),
                work: None,
            };
        }
    }
}
