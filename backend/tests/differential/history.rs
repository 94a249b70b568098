//! Histories as data, and what becomes of their steps in the order in which they are lived.

use backend::catalog::{StockUpdate, Verdict};
use common::wire::{Book, Sale, StockChange};
use common::{Deadline, Entry, ItemNumber, Kind, OrderId, Quantity, Reason, Seq, Stock, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use store::StoreState;
use store::conformance::{ReferenceShop, book};
use uuid::Uuid;

/// One step of a history.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A batch, perhaps an empty one.
    Decide(Vec<Request>),
    /// A batch decided on a ledger that is not the store's.
    DecideLate(Vec<Request>),
    /// The catalog becomes these books.
    Import(Vec<Wish>),
    Checkpoint,
    Restart,
}

/// One request within a batch.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Buy {
        item: u32,
        quantity: u64,
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
    /// Something that was asked before.
    Again(Index, Twist),
}

/// In what a second copy differs from the first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Twist {
    /// In nothing.
    Same,
    /// The order service says that it is one.
    Resent,
    /// It comes when it is too late.
    Late,
    /// It wants something else.
    Other,
}

/// A book that is to be.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    item: u32,
    title: &'static str,
    stock: u32,
}

/// A step in its place: every store is asked exactly this.
#[derive(Debug)]
pub(super) enum Act {
    Decide(Vec<Asked>, Timestamp),
    DecideLate(Vec<Asked>, Timestamp),
    Import(Seq, Vec<Entry>, Vec<Book>),
    Checkpoint,
    Restart,
}

/// A request with its id and its moment.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Sale(Sale),
    UpdateStock(StockUpdate),
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
    // At first there are the books 1 to 4; 6 is never there.
    let buy = (1..=6_u32, 1..=4_u64, any::<bool>(), prop::bool::weighted(0.1));
    let twist = prop_oneof![
        Just(Twist::Same),
        Just(Twist::Resent),
        Just(Twist::Late),
        Just(Twist::Other)
    ];
    prop_oneof![
        6 => buy.prop_map(|(item, quantity, keyed, late)| Request::Buy { item, quantity, keyed, late }),
        1 => (1..=6_u32, -3..=5_i64, any::<bool>()).prop_map(|(item, change, keyed)| Request::Add { item, change, keyed }),
        1 => (1..=6_u32, 0..=5_u64).prop_map(|(item, stock)| Request::Set { item, stock }),
        3 => (any::<Index>(), twist).prop_map(|(which, twist)| Request::Again(which, twist)),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    // Most can be written into a catalog file.
    let title = prop_oneof![9 => 0..TITLES.len() - 1, 1 => Just(TITLES.len() - 1)];
    (1..=5_u32, title, 0..9_u32).prop_map(|(item, title, stock)| Wish {
        item,
        title: TITLES[title],
        stock,
    })
}

/// How every history begins: with four books, of which few copies are there.
pub(super) fn filling() -> Step {
    let stocks = [9, 4, 1, 0];
    let wish = |(item, stock)| Wish {
        item,
        title: TITLES[0],
        stock,
    };
    Step::Import((1..).zip(stocks).map(wish).collect())
}

/// Any history.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => vec(request(), 0..8).prop_map(Step::Decide),
        1 => vec(request(), 0..3).prop_map(Step::DecideLate),
        1 => vec(wish(), 0..5).prop_map(Step::Import),
        1 => Just(Step::Checkpoint),
        2 => Just(Step::Restart),
    ];
    vec(step, 0..24)
}

/// Gives moments and ids, and remembers what was asked.
#[derive(Debug, Default)]
pub(super) struct Driver {
    asked: Vec<Asked>,
    steps: i64,
}

impl Driver {
    /// The ids that were ever used, and one that never was.
    pub(super) fn orders(&self) -> Vec<OrderId> {
        (0..=self.asked.len() as u128).map(order).collect()
    }

    /// Puts a step in its place.
    pub(super) fn act(&mut self, step: &Step, loaded: &StoreState) -> Act {
        self.steps += 1;
        let now = Timestamp::from_micros(1_800_000_000_000_000 + self.steps * 1_000_001);
        let mut asked = |requests: &[Request]| -> Vec<Asked> {
            let asked = requests.iter().filter_map(|request| self.ask(request, now));
            asked.collect()
        };
        match step {
            Step::Decide(requests) => Act::Decide(asked(requests), now),
            Step::DecideLate(requests) => Act::DecideLate(asked(requests), now),
            Step::Import(wishes) => import(wishes, loaded, now),
            Step::Checkpoint => Act::Checkpoint,
            Step::Restart => Act::Restart,
        }
    }

    fn ask(&mut self, request: &Request, now: Timestamp) -> Option<Asked> {
        let (soon, past) = (
            Deadline::from_millis(now.as_millis() + 1),
            Deadline::from_millis(now.as_millis() - 1),
        );
        let order = order(self.asked.len() as u128);
        let change = |item, change, keyed| {
            Asked::UpdateStock(StockUpdate {
                id: order,
                item: number(item),
                change,
                keyed,
                deadline: soon,
            })
        };
        let asked = match *request {
            Request::Buy {
                item,
                quantity,
                keyed,
                late,
            } => Asked::Sale(Sale {
                id: order,
                item: number(item),
                quantity: Quantity::try_from(quantity).unwrap(),
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
            Request::Again(..) if self.asked.is_empty() => return None,
            Request::Again(which, twist) => return Some(again(which.get(&self.asked).clone(), twist, soon, past)),
        };
        self.asked.push(asked.clone());
        Some(asked)
    }
}

fn again(mut asked: Asked, twist: Twist, soon: Deadline, past: Deadline) -> Asked {
    let deadline = if matches!(twist, Twist::Late) { past } else { soon };
    match (&mut asked, twist) {
        (Asked::Sale(sale), twist) => {
            sale.deadline = deadline;
            match twist {
                Twist::Resent => sale.resent = true,
                Twist::Other => sale.quantity = Quantity::try_from(u64::from(sale.quantity.get()) + 1).unwrap(),
                Twist::Same | Twist::Late => {}
            }
        }
        (Asked::UpdateStock(change), twist) => {
            change.deadline = deadline;
            if matches!(twist, Twist::Other) {
                change.change = StockChange::By(7);
            }
        }
    }
    asked
}

fn import(wishes: &[Wish], loaded: &StoreState, now: Timestamp) -> Act {
    let mut books: Vec<Book> = Vec::new();
    // The last wish for a book counts.
    for wish in wishes {
        books.retain(|book| book.item.get() != wish.item);
        books.push(book(wish.item, wish.title, wish.stock));
    }
    books.sort_by_key(|book| book.item);
    let shop = ReferenceShop {
        head: loaded.head,
        books: loaded.books.clone(),
        entries: Vec::new(),
    };
    let (mut entries, books) = shop.plan_import(&books);
    for entry in &mut entries {
        entry.at = now;
    }
    Act::Import(loaded.head, entries, books)
}

fn order(number: u128) -> OrderId {
    Uuid::from_u128(0x7000_8000_0000_0000_0000 + number).into()
}

fn number(item: u32) -> ItemNumber {
    ItemNumber::try_from(u64::from(item)).unwrap()
}

/// What a verdict is, for counting.
pub(super) fn name_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Recorded { replayed: true, .. } => "replayed",
        Verdict::Recorded { entry, .. } => match (entry.kind, entry.reason) {
            (Kind::Sold, _) => "sold",
            (Kind::Refused, Some(Reason::SoldOut)) => "sold-out",
            (Kind::Refused, _) => "unknown-item",
            _ => "changed",
        },
        Verdict::Refused { .. } => "refused unrecorded",
        Verdict::KeyReused => "key-reused",
        Verdict::Expired => "expired",
        Verdict::OutOfRange => "out of range",
    }
}
