//! What can happen, and what comes of it.

use super::shop::Shop;
use super::state::{Answer, Catalog, CatalogIndex, Message, OperationIndex, Request, State};
use super::traffic::duplicate;

/// A process that can die. It is started again at once, for one that stays away only does less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    Frontend,
    Order,
    Catalog(CatalogIndex),
}

/// One step of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A client sends its operation, for the first time or again; it no longer waits for an earlier answer.
    Send(OperationIndex),
    /// The network makes a copy.
    Duplicate(Message),
    /// The order service takes an order up and asks the catalogs.
    Forward(Request),
    /// The order service has waited long enough and asks again.
    Resend(Request),
    /// An answer arrives.
    Receive(Request, Answer),
    /// A catalog takes requests up and decides them.
    Decide(CatalogIndex, Vec<Request>),
    /// A catalog appends what it decided, or learns that another one was faster and decides again.
    Append(CatalogIndex),
    /// A catalog gives up: no room, the store is away, or others were faster too often.
    Reject(CatalogIndex),
    /// A catalog shows and answers what is durable.
    Answer(CatalogIndex),
    /// An idle catalog reads what the other one appended.
    CatchUp(CatalogIndex),
    /// A process dies and is started again.
    Crash(Process),
    /// A catalog dies within an append, of which the first entry is durable.
    TornAppend(CatalogIndex),
    /// Time passes.
    Tick,
}

impl Shop {
    /// Takes a step; nothing if there is nothing to it.
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
        // It keeps nothing: who waits for it hears no more, and what it had not handed on is gone.
        Process::Frontend => {
            state.crashes.frontend = true;
            state.clients.iter_mut().for_each(|client| client.waits = false);
            state.messages.retain(|message| !matches!(message, Message::Submit(_)));
        }
        Process::Order => {
            state.crashes.order = true;
            state.tasks.clear();
        }
        // `recall`: it knows what is in the store again.
        Process::Catalog(catalog) => {
            state.crashes.catalogs[catalog] = true;
            state.catalogs[catalog] = Catalog {
                seen: state.ledger.head(),
                work: None,
            };
        }
    }
}
