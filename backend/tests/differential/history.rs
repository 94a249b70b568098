//! Random histories as data, and the concrete actions that their steps become.

use std::collections::BTreeMap;

use backend::catalog::{CatalogDiff, CatalogUpdate, Verdict};
use common::wire::{Book, BookAction, BookChange, BookChanges, BookFields, OrderLine, OrderLines, Sale, StockChange};
use common::{Deadline, Entry, ItemNumber, Kind, OrderId, Quantity, Reason, Seq, Stock, Timestamp};
use proptest::collection::btree_map;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use store::StoreState;
use store::catalog_file::CatalogRow;
use store::conformance::book;
use uuid::Uuid;

/// One step of a history.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A batch of requests, possibly empty.
    Decide(Vec<Request>),
    /// A batch whose head is not the store's.
    DecideAtWrongHead(Vec<Request>),
    /// An import that replaces the catalog.
    Import(Vec<BookSpec>),
    Checkpoint,
    Restart,
}

/// One request within a batch.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// An order, with the number of copies of each book.
    Buy {
        lines: BTreeMap<u32, u64>,
        keyed: bool,
        late: bool,
    },
    Add {
        item: u32,
        change: i64,
        keyed: bool,
    },
    Set {
        item: u32,
        stock: u64,
    },
    /// A change of several books: each is set to a title and perhaps a stock, or withdrawn.
    Change {
        books: BTreeMap<u32, Option<(usize, Option<u64>)>>,
        keyed: bool,
    },
    /// A repetition of an earlier request.
    Repeat(Index, Twist),
}

/// How a repetition differs from the first request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Twist {
    /// The repetition is equal to the first request.
    Same,
    /// The repetition is marked as resent.
    Resent,
    /// The deadline of the repetition has passed.
    Late,
    /// The repetition has other content.
    Other,
}

/// A book to import.
#[derive(Debug, Clone)]
pub(super) struct BookSpec {
    item: u32,
    title: &'static str,
    stock: u32,
}

/// A concrete action, the same for every store.
#[derive(Debug)]
pub(super) enum Action {
    Decide(Vec<Command>, Timestamp),
    DecideAtWrongHead(Vec<Command>, Timestamp),
    Import(Seq, Vec<Entry>),
    Checkpoint,
    Restart,
}

/// A request with its id and deadline.
#[derive(Debug, Clone)]
pub(super) enum Command {
    Sale(Sale),
    Update(CatalogUpdate),
}

const TITLES: [&str; 6] = [
    "Title",
    "Another, \"quoted\"",
    "'; --",
    "戰爭與和平\u{301}",
    "🦀",
    "two\nlines",
];

fn request() -> impl Strategy<Value = Request> {
    // The books 1 to 4 exist at first; 6 never does.
    let lines = prop_oneof![
        2 => btree_map(1..=6_u32, 1..=4_u64, 1),
        1 => btree_map(1..=6_u32, 1..=2_u64, 2..=3),
        1 => btree_map(1..=3_u32, 1..=2_u64, 2..=3),
    ];
    let buy = (lines, any::<bool>(), prop::bool::weighted(0.1));
    // Titles that fit into a catalog file.
    let fields = prop::option::of((0..TITLES.len() - 1, prop::option::of(0..=5_u64)));
    let books = btree_map(1..=6_u32, fields, 1..=4);
    let twist = prop_oneof![
        Just(Twist::Same),
        Just(Twist::Resent),
        Just(Twist::Late),
        Just(Twist::Other)
    ];
    prop_oneof![
        6 => buy.prop_map(|(lines, keyed, late)| Request::Buy { lines, keyed, late }),
        1 => (1..=6_u32, -3..=5_i64, any::<bool>()).prop_map(|(item, change, keyed)| Request::Add { item, change, keyed }),
        1 => (1..=6_u32, 0..=5_u64).prop_map(|(item, stock)| Request::Set { item, stock }),
        2 => (books, any::<bool>()).prop_map(|(books, keyed)| Request::Change { books, keyed }),
        3 => (any::<Index>(), twist).prop_map(|(which, twist)| Request::Repeat(which, twist)),
    ]
}

fn spec() -> impl Strategy<Value = BookSpec> {
    // All but the last title fit into a catalog file.
    let title = prop_oneof![9 => 0..TITLES.len() - 1, 1 => Just(TITLES.len() - 1)];
    (1..=5_u32, title, 0..9_u32).prop_map(|(item, title, stock)| BookSpec {
        item,
        title: TITLES[title],
        stock,
    })
}

/// The first step of every history: four books with small stocks.
pub(super) fn filling() -> Step {
    let stocks = [9, 6, 4, 0];
    let spec = |(item, stock)| BookSpec {
        item,
        title: TITLES[0],
        stock,
    };
    Step::Import((1..).zip(stocks).map(spec).collect())
}

/// A strategy for random histories.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => vec(request(), 0..8).prop_map(Step::Decide),
        1 => vec(request(), 0..3).prop_map(Step::DecideAtWrongHead),
        1 => vec(spec(), 0..5).prop_map(Step::Import),
        1 => Just(Step::Checkpoint),
        2 => Just(Step::Restart),
    ];
    vec(step, 0..24)
}

/// Assigns times and ids, and keeps the commands for repetitions.
#[derive(Debug, Default)]
pub(super) struct Driver {
    commands: Vec<Command>,
    steps: i64,
}

impl Driver {
    /// All ids that were used, and an unused one.
    pub(super) fn orders(&self) -> Vec<OrderId> {
        (0..=self.commands.len() as u128).map(order).collect()
    }

    /// Turns a step into an action.
    pub(super) fn action(&mut self, step: &Step, loaded: &StoreState) -> Action {
        self.steps += 1;
        let now = Timestamp::from_micros(1_800_000_000_000_000 + self.steps * 1_000_001);
        let mut commands = |requests: &[Request]| -> Vec<Command> {
            let commands = requests.iter().filter_map(|request| self.command(request, now));
            commands.collect()
        };
        match step {
            Step::Decide(requests) => Action::Decide(commands(requests), now),
            Step::DecideAtWrongHead(requests) => Action::DecideAtWrongHead(commands(requests), now),
            Step::Import(specs) => import(specs, loaded, now),
            Step::Checkpoint => Action::Checkpoint,
            Step::Restart => Action::Restart,
        }
    }

    fn command(&mut self, request: &Request, now: Timestamp) -> Option<Command> {
        let (soon, past) = (
            Deadline::from_millis(now.as_millis() + 1),
            Deadline::from_millis(now.as_millis() - 1),
        );
        let order = order(self.commands.len() as u128);
        let update = |changes, keyed| {
            Command::Update(CatalogUpdate {
                id: order,
                changes,
                keyed,
                if_match: None,
                if_none_match: None,
                deadline: soon,
            })
        };
        let change = |item, change, keyed| {
            let action = BookAction::Stock(change);
            update(BookChanges::one(number(item), action), keyed)
        };
        let command = match *request {
            Request::Buy { ref lines, keyed, late } => Command::Sale(Sale {
                id: order,
                lines: order_lines(lines.iter().map(|(&item, &quantity)| (number(item), quantity))),
                keyed,
                resent: false,
                deadline: if late { past } else { soon },
            }),
            Request::Add {
                item,
                change: by,
                keyed,
            } => change(item, StockChange::By(by), keyed),
            Request::Set { item, stock } => change(item, StockChange::To(Stock::try_from(stock).unwrap()), true),
            Request::Change { ref books, keyed } => {
                let books = books.iter().map(|(&item, fields)| BookChange {
                    item: number(item),
                    action: fields.map_or(BookAction::Withdraw, |(title, stock)| {
                        BookAction::Set(BookFields {
                            title: TITLES[title].into(),
                            description: book(item, TITLES[0], 0).description(),
                            cost: "3".parse().unwrap(),
                            stock: stock.map(|stock| Stock::try_from(stock).unwrap()),
                        })
                    }),
                });
                update(BookChanges::Several(books.collect()), keyed)
            }
            Request::Repeat(..) if self.commands.is_empty() => return None,
            Request::Repeat(which, twist) => return Some(repeat(which.get(&self.commands).clone(), twist, soon, past)),
        };
        self.commands.push(command.clone());
        Some(command)
    }
}

fn repeat(mut command: Command, twist: Twist, soon: Deadline, past: Deadline) -> Command {
    let deadline = if matches!(twist, Twist::Late) { past } else { soon };
    match (&mut command, twist) {
        (Command::Sale(sale), twist) => {
            sale.deadline = deadline;
            match twist {
                Twist::Resent => sale.resent = true,
                Twist::Other => {
                    let more = sale
                        .lines
                        .iter()
                        .map(|line| (line.item, u64::from(line.quantity.get()) + 1));
                    sale.lines = order_lines(more);
                }
                Twist::Same | Twist::Late => {}
            }
        }
        (Command::Update(update), twist) => {
            update.deadline = deadline;
            if matches!(twist, Twist::Other) {
                let item = update.changes.as_slice()[0].item;
                update.changes = BookChanges::one(item, BookAction::Stock(StockChange::By(7)));
            }
        }
    }
    command
}

fn import(specs: &[BookSpec], loaded: &StoreState, now: Timestamp) -> Action {
    let mut books: Vec<Book> = Vec::new();
    // If a book has several specs, the last one counts.
    for spec in specs {
        books.retain(|book| book.item != number(spec.item));
        books.push(book(spec.item, spec.title, spec.stock));
    }
    books.sort_by_key(|book| book.item);
    let rows = books.iter().map(CatalogRow::from).collect();
    let diff = CatalogDiff::between(loaded.head, &loaded.books, rows, true, now);
    Action::Import(loaded.head, diff.entries)
}

fn order_lines(lines: impl Iterator<Item = (ItemNumber, u64)>) -> OrderLines {
    let lines = lines.map(|(item, quantity)| OrderLine {
        item,
        quantity: Quantity::try_from(quantity).unwrap(),
    });
    OrderLines::new(lines).unwrap()
}

fn order(number: u128) -> OrderId {
    Uuid::from_u128(0x7000_8000_0000_0000_0000 + number).into()
}

fn number(item: u32) -> ItemNumber {
    ItemNumber::try_from(u64::from(item)).unwrap()
}

/// The name under which a verdict is counted.
pub(super) fn name_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Recorded { replayed: true, .. } => "replayed",
        Verdict::Recorded { entries, .. } => match (entries[0].kind, entries.len()) {
            (Kind::Sold, 1) => "sold",
            (Kind::Sold, _) => "baskets sold",
            (Kind::Refused, 1) if entries[0].reason == Some(Reason::SoldOut) => "sold-out",
            (Kind::Refused, 1) => "unknown-item",
            (Kind::Refused, _) if entries[0].quantity.is_none() => "changes of books refused",
            (Kind::Refused, _) => "baskets refused",
            (_, 1) => "changed",
            _ => "several books changed",
        },
        Verdict::RefusedUnrecorded(_) => "refused unrecorded",
        Verdict::KeyReused => "key-reused",
        Verdict::Expired => "expired",
        Verdict::PreconditionFailed => "precondition failed",
        Verdict::OutOfRange => "out of range",
        Verdict::TooManyRefusals => "too many refusals",
        Verdict::DiskFull => "disk full",
    }
}
