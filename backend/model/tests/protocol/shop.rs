//! The shop as the model checker sees it: what there is at first, what can happen next, what comes of it.

use common::{ItemNumber, Quantity, Seq, Stock};
use stateright::{Model, Property};

use super::ledger::Ledger;
use super::promise;
use super::rule::Rule;
use super::state::{Catalog, CatalogIndex, Client, Crashes, Flaws, Letter, Request, State, WishIndex};
use super::step::{Process, Step};

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// To buy so many copies.
    Buy(Quantity),
    /// To put so many more on the shelf.
    Restock(u8),
}

/// One client with one wish.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) name: &'static str,
    pub(crate) want: Want,
    /// Whether it is named from the beginning. One that is sent again always is: under the id that the front-end gave it.
    pub(crate) keyed: bool,
    /// How often its client sends it at most.
    pub(crate) sends_max: u8,
}

/// How much may happen.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Copies of the one book.
    pub(crate) stock: Stock,
    pub(crate) wishes: Vec<Wish>,
    /// How often the order service sends one request of a client.
    pub(crate) attempts_max: u8,
    /// How many copies the network makes.
    pub(crate) duplicates_max: u8,
    /// How many of the four processes die.
    pub(crate) crashes_max: usize,
    /// The last tick of the clock. A deadline is the end of the tick in which the front-end set it.
    pub(crate) tick_last: u8,
    /// How many requests a catalog decides together.
    pub(crate) batch_max: usize,
}

/// A shop of that size, with all its rules or without one.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) bounds: Bounds,
    pub(crate) dropped: Option<Rule>,
}

impl Shop {
    /// The number of the one book.
    pub(crate) fn item() -> ItemNumber {
        ItemNumber::try_from(1).unwrap()
    }

    pub(crate) fn keeps(&self, rule: Rule) -> bool {
        self.dropped != Some(rule)
    }

    pub(crate) fn wish(&self, wish: WishIndex) -> &Wish {
        &self.bounds.wishes[wish]
    }

    /// Whether the client has named it.
    pub(crate) fn is_keyed(&self, request: Request) -> bool {
        let wish = self.wish(request.wish);
        match wish.want {
            Want::Buy(_) => wish.keyed || request.send > 0,
            Want::Restock(_) => self.keeps(Rule::NameRestocks),
        }
    }

    /// Whether somebody waits for an answer to it.
    pub(crate) fn is_awaited(&self, state: &State, request: Request) -> bool {
        match self.wish(request.wish).want {
            Want::Buy(_) => state.tasks.contains(&request),
            Want::Restock(_) => is_open(state, request),
        }
    }

    fn steps_of_clients(&self, state: &State, steps: &mut Vec<Step>) {
        for (wish, client) in state.clients.iter().enumerate() {
            if client.sends < self.wish(wish).sends_max {
                steps.push(Step::Send(wish));
            }
        }
        if state.tick < self.bounds.tick_last {
            steps.push(Step::Tick);
        }
    }

    fn steps_of_letters(&self, state: &State, steps: &mut Vec<Step>) {
        for letter in unlike(&state.letters) {
            match letter {
                Letter::Ask(request) => steps.push(Step::Forward(request)),
                Letter::Reply(request, answer) => steps.push(Step::Hear(request, answer)),
                Letter::Job(_) => {}
            }
            // Nothing between the services duplicates a request without a key.
            let (Letter::Ask(request) | Letter::Job(request) | Letter::Reply(request, _)) = letter;
            let may_come_twice =
                !matches!(letter, Letter::Reply(..)) && (self.is_keyed(request) || request.attempt > 0);
            if may_come_twice && state.duplicates < self.bounds.duplicates_max {
                steps.push(Step::Duplicate(letter));
            }
        }
    }

    fn steps_of_order_service(&self, state: &State, steps: &mut Vec<Step>) {
        for task in unlike(&state.tasks) {
            if task.attempt + 1 < self.bounds.attempts_max && state.tick <= task.deadline {
                steps.push(Step::Resend(task));
            }
        }
    }

    fn steps_of_catalog(&self, state: &State, catalog: CatalogIndex, steps: &mut Vec<Step>) {
        let Catalog { seen, work } = &state.catalogs[catalog];
        match work {
            Some(work) if work.answers.is_some() => steps.push(Step::Answer(catalog)),
            Some(_) => steps.extend([Step::Append(catalog), Step::TurnAway(catalog)]),
            None => {
                self.batches(state)
                    .for_each(|jobs| steps.push(Step::Decide(catalog, jobs)));
                if *seen < state.ledger.head() {
                    steps.push(Step::Follow(catalog));
                }
            }
        }
    }

    /// What a catalog may take up together, in any order.
    fn batches(&self, state: &State) -> impl Iterator<Item = Vec<Request>> {
        let jobs: Vec<Request> = state
            .letters
            .iter()
            .filter_map(|letter| match letter {
                Letter::Job(request) => Some(*request),
                Letter::Ask(_) | Letter::Reply(..) => None,
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
                steps.push(Step::Tear(catalog));
            }
        }
    }
}

impl Model for Shop {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let ledger = Ledger::new(Self::item(), self.bounds.stock);
        let catalog = Catalog {
            seen: Seq(1),
            work: None,
        };
        vec![State {
            tick: 0,
            ledger,
            catalogs: [catalog.clone(), catalog],
            clients: vec![Client::default(); self.bounds.wishes.len()],
            tasks: Vec::new(),
            letters: Vec::new(),
            duplicates: 0,
            crashes: Crashes::default(),
            flaws: Flaws::default(),
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.steps_of_clients(state, steps);
        self.steps_of_letters(state, steps);
        self.steps_of_order_service(state, steps);
        for catalog in 0..state.catalogs.len() {
            self.steps_of_catalog(state, catalog, steps);
        }
        self.steps_of_crashes(state, steps);
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        self.take(&mut next, step)?;
        // Nobody listens on a closed connection.
        let mut letters = std::mem::take(&mut next.letters);
        letters.retain(|letter| !matches!(letter, Letter::Reply(request, _) if !self.is_awaited(&next, *request)));
        letters.sort_unstable();
        next.letters = letters;
        next.tasks.sort_unstable();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promise::all()
    }
}

/// Whether the connection over which the client sent it is still open.
pub(crate) fn is_open(state: &State, request: Request) -> bool {
    let client = &state.clients[request.wish];
    client.waits && client.sends == request.send + 1
}

/// Each of some sorted things once.
fn unlike<T: Copy + PartialEq>(sorted: &[T]) -> impl Iterator<Item = T> {
    sorted
        .chunk_by(PartialEq::eq)
        .filter_map(|alike| alike.first().copied())
}
