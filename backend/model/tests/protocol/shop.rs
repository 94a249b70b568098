//! The shop as a model: the initial state, the possible steps, and the next state.

use common::wire::{OrderLine, OrderLines};
use common::{ItemNumber, Quantity, Stock};
use stateright::{Model, Property};

use super::ledger::Ledger;
use super::property;
use super::rule::Rule;
use super::state::{Catalog, CatalogIndex, Client, Crashes, Flaws, Message, OperationIndex, Request, State};
use super::step::{Process, Step};

/// The books.
const BOOKS: usize = 2;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationKind {
    /// Buys the given number of copies of each book, as an order of one or two lines.
    Buy([u8; BOOKS]),
    /// Adds copies to the stock of the first book.
    Restock(u8),
    /// Gives both books another title and price.
    Describe,
}

/// One client with one operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) kind: OperationKind,
    /// Whether the client supplies the id. An operation sent again always has one: the id from the front-end.
    pub(crate) keyed: bool,
    /// The most times that its client sends it.
    pub(crate) sends_max: u8,
}

/// The bounds of a model.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Copies of each book.
    pub(crate) stocks: [u8; BOOKS],
    pub(crate) operations: Vec<Operation>,
    /// The most times that the order service sends one request of a client.
    pub(crate) attempts_max: u8,
    /// The most messages that the network duplicates.
    pub(crate) duplicates_max: u8,
    /// The most crashes of the four processes.
    pub(crate) crashes_max: usize,
    /// The last tick of the clock. A deadline is the end of the tick in which the front-end set it.
    pub(crate) tick_last: u8,
    /// The most requests that a catalog decides together.
    pub(crate) batch_max: usize,
}

/// A model of the shop, with all rules of the protocol or without one.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) bounds: Bounds,
    pub(crate) dropped: Option<Rule>,
}

impl Shop {
    /// The numbers of the books.
    pub(crate) fn items() -> [ItemNumber; BOOKS] {
        [1, 2].map(|number| ItemNumber::try_from(number).unwrap())
    }

    /// The lines of an order.
    pub(crate) fn lines(copies: [u8; BOOKS]) -> OrderLines {
        let line = |(item, copies): (ItemNumber, u8)| {
            let quantity = Quantity::try_from(u64::from(copies)).ok()?;
            Some(OrderLine { item, quantity })
        };
        OrderLines::new(Self::items().into_iter().zip(copies).filter_map(line)).unwrap()
    }

    pub(crate) fn keeps(&self, rule: Rule) -> bool {
        self.dropped != Some(rule)
    }

    pub(crate) fn operation(&self, operation: OperationIndex) -> &Operation {
        &self.bounds.operations[operation]
    }

    /// Whether the client supplied the id.
    pub(crate) fn is_keyed(&self, request: Request) -> bool {
        let operation = self.operation(request.operation);
        match operation.kind {
            OperationKind::Buy(_) => operation.keyed || request.send > 0,
            OperationKind::Restock(_) | OperationKind::Describe => self.keeps(Rule::NameRestocks),
        }
    }

    /// Whether a process waits for the reply.
    pub(crate) fn is_awaited(&self, state: &State, request: Request) -> bool {
        match self.operation(request.operation).kind {
            OperationKind::Buy(_) => state.tasks.contains(&request),
            OperationKind::Restock(_) | OperationKind::Describe => is_open(state, request),
        }
    }

    fn steps_of_clients(&self, state: &State, steps: &mut Vec<Step>) {
        for (operation, client) in state.clients.iter().enumerate() {
            if client.sends < self.operation(operation).sends_max {
                steps.push(Step::Send(operation));
            }
        }
        if state.tick < self.bounds.tick_last {
            steps.push(Step::Tick);
        }
    }

    fn steps_of_messages(&self, state: &State, steps: &mut Vec<Step>) {
        for message in distinct(&state.messages) {
            match message {
                Message::Submit(request) => steps.push(Step::Forward(request)),
                Message::Reply(request, answer) => steps.push(Step::Receive(request, answer)),
                Message::Job(_) => {}
            }
            // The services do not duplicate a request without a key.
            let (Message::Submit(request) | Message::Job(request) | Message::Reply(request, _)) = message;
            let may_come_twice =
                !matches!(message, Message::Reply(..)) && (self.is_keyed(request) || request.attempt > 0);
            if may_come_twice && state.duplicates < self.bounds.duplicates_max {
                steps.push(Step::Duplicate(message));
            }
        }
    }

    fn steps_of_order_service(&self, state: &State, steps: &mut Vec<Step>) {
        for task in distinct(&state.tasks) {
            if task.attempt + 1 < self.bounds.attempts_max && state.tick <= task.deadline {
                steps.push(Step::Resend(task));
            }
        }
    }

    fn steps_of_catalog(&self, state: &State, catalog: CatalogIndex, steps: &mut Vec<Step>) {
        let Catalog { seen, work } = &state.catalogs[catalog];
        match work {
            Some(work) if work.answers.is_some() => steps.push(Step::Answer(catalog)),
            Some(_) => steps.extend([Step::Append(catalog), Step::Reject(catalog)]),
            None => {
                self.batches(state)
                    .for_each(|jobs| steps.push(Step::Decide(catalog, jobs)));
                if *seen < state.ledger.head() {
                    steps.push(Step::CatchUp(catalog));
                }
            }
        }
    }

    /// The batches that a catalog may decide, in any order.
    fn batches(&self, state: &State) -> impl Iterator<Item = Vec<Request>> {
        let jobs: Vec<Request> = state
            .messages
            .iter()
            .filter_map(|message| match message {
                Message::Job(request) => Some(*request),
                Message::Submit(_) | Message::Reply(..) => None,
            })
            .collect();
        let pairs = self.bounds.batch_max > 1;
        let mut batches: Vec<Vec<Request>> = jobs.iter().map(|&job| vec![job]).collect();
        for (place, &first) in jobs.iter().enumerate().filter(|_| pairs) {
            let others = jobs.iter().enumerate().filter(|&(other, _)| other != place);
            batches.extend(others.map(|(_, &second)| vec![first, second]));
        }
        batches.sort_unstable();
        batches.dedup();
        batches.into_iter()
    }

    fn steps_of_crashes(&self, state: &State, steps: &mut Vec<Step>) {
        let crashes = state.crashes;
        if crashes.count() >= self.bounds.crashes_max {
            return;
        }
        if !crashes.frontend && state.clients.iter().any(|client| client.waits) {
            steps.push(Step::Crash(Process::Frontend));
        }
        if !crashes.order && !state.tasks.is_empty() {
            steps.push(Step::Crash(Process::Order));
        }
        for (catalog, Catalog { work, .. }) in state.catalogs.iter().enumerate() {
            let Some(work) = work.as_ref().filter(|_| !crashes.catalogs[catalog]) else {
                continue;
            };
            steps.push(Step::Crash(Process::Catalog(catalog)));
            if work.answers.is_none() && work.jobs.len() > 1 {
                steps.push(Step::TornAppend(catalog));
            }
        }
    }
}

impl Model for Shop {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let stocks = self
            .bounds
            .stocks
            .map(|stock| Stock::try_from(u64::from(stock)).unwrap());
        let ledger = Ledger::new(Self::items().into_iter().zip(stocks));
        let catalog = Catalog {
            seen: ledger.head(),
            work: None,
        };
        vec![State {
            tick: 0,
            ledger,
            catalogs: [catalog.clone(), catalog],
            clients: vec![Client::default(); self.bounds.operations.len()],
            tasks: Vec::new(),
            messages: Vec::new(),
            duplicates: 0,
            crashes: Crashes::default(),
            flaws: Flaws::default(),
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.steps_of_clients(state, steps);
        self.steps_of_messages(state, steps);
        self.steps_of_order_service(state, steps);
        for catalog in 0..state.catalogs.len() {
            self.steps_of_catalog(state, catalog, steps);
        }
        self.steps_of_crashes(state, steps);
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        self.take(&mut next, step)?;
        // A reply on a closed connection is lost.
        let mut messages = std::mem::take(&mut next.messages);
        messages.retain(|message| !matches!(message, Message::Reply(request, _) if !self.is_awaited(&next, *request)));
        messages.sort_unstable();
        next.messages = messages;
        next.tasks.sort_unstable();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::all()
    }
}

/// Whether the client's connection of this request is still open.
pub(crate) fn is_open(state: &State, request: Request) -> bool {
    let client = &state.clients[request.operation];
    client.waits && client.sends == request.send + 1
}

/// The distinct elements of a sorted slice.
fn distinct<T: Copy + PartialEq>(sorted: &[T]) -> impl Iterator<Item = T> {
    sorted
        .chunk_by(PartialEq::eq)
        .filter_map(|alike| alike.first().copied())
}
