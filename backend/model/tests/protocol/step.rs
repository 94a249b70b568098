//! What can happen, and what comes of it.

use super::shop::Shop;
use super::state::{Answer, Catalog, CatalogIndex, Letter, Request, State, WishIndex};
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
    /// A client sends its wish, for the first time or again; it no longer waits for an earlier answer.
    Send(WishIndex),
    /// The network makes a copy.
    Duplicate(Letter),
    /// The order service takes an order up and asks the catalogs.
    Forward(Request),
    /// The order service has waited long enough and asks again.
    Resend(Request),
    /// An answer arrives.
    Hear(Request, Answer),
    /// A catalog takes requests up and decides them.
    Decide(CatalogIndex, Vec<Request>),
    /// A catalog appends what it decided, or learns that another one was faster and decides again.
    Append(CatalogIndex),
    /// A catalog gives up: no room, the store is away, or others were faster too often.
    TurnAway(CatalogIndex),
    /// A catalog shows and answers what is durable.
    Answer(CatalogIndex),
    /// An idle catalog reads what the other one appended.
    Follow(CatalogIndex),
    /// A process dies and is started again.
    Crash(Process),
    /// A catalog dies within an append, of which the first entry is durable.
    Tear(CatalogIndex),
    /// Time passes.
    Tick,
}

impl Shop {
    /// Takes a step; nothing if there is nothing to it.
    pub(crate) fn take(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Send(wish) => self.send(state, wish),
            Step::Duplicate(letter) => duplicate(state, letter),
            Step::Forward(request) => return self.forward(state, request),
            Step::Resend(task) => {
                state.take_task(task)?;
                let again = Request {
                    attempt: task.attempt + 1,
                    ..task
                };
                state.tasks.push(again);
                state.letters.push(Letter::Job(again));
            }
            Step::Hear(request, answer) => return self.hear(state, request, answer),
            Step::Decide(catalog, jobs) => return self.take_up(state, catalog, jobs),
            Step::Append(catalog) => return self.append(state, catalog),
            Step::TurnAway(catalog) => {
                let work = state.catalogs[catalog].work.take()?;
                let refusals = work.jobs.into_iter().map(|job| Letter::Reply(job, Answer::Unavailable));
                state.letters.extend(refusals);
            }
            Step::Answer(catalog) => {
                let work = state.catalogs[catalog].work.take()?;
                let answers = work.jobs.into_iter().zip(work.answers?);
                state
                    .letters
                    .extend(answers.map(|(job, answer)| Letter::Reply(job, answer)));
            }
            Step::Follow(catalog) => state.catalogs[catalog].seen = state.ledger.head(),
            Step::Crash(process) => crash(state, process),
            Step::Tear(catalog) => return self.tear(state, catalog),
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
            state.letters.retain(|letter| !matches!(letter, Letter::Ask(_)));
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
