//! Every order of this person, from the moment it was confirmed to its receipt. An order whose answer was lost is asked
//! for with its own key until it is decided; it is never replaced by a second one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use common::client::Error;
use common::wire::{Receipt, Status, StockMoved};
use common::{Code, Deadline, OrderId, Reason, Stock, Timestamp, text};

use super::{App, Data, Overlay, Tone};
use crate::effect::Effect;
use crate::format;
use crate::journal::{Closed, End, Line, Memory, Placed};

/// The most orders kept on the screen; older ones stay in the file.
const ORDERS_MAX: usize = 2_000;
/// How long after its deadline an order that nobody knows counts as never placed: the clocks may differ a little.
const MARGIN_MS: u64 = 2_000;
/// The shortest and the longest wait before an unsettled order is asked for again.
const ASK_MIN: Duration = Duration::from_millis(250);
const ASK_MAX: Duration = Duration::from_secs(8);

/// The orders' screen.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// The newest first.
    pub list: Vec<Purchase>,
    /// The selected one.
    pub selected: usize,
    /// Whether its receipt is shown in place of the list, where there is no room for both.
    pub open: bool,
    /// How the reading of earlier orders stands.
    pub memory: Data<()>,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// As it was sent.
    pub placed: Placed,
    /// What became of it.
    pub state: State,
    /// Whether one of its requests may have had an effect that nobody told us of.
    uncertain: bool,
    /// How often it was asked for.
    asks: u32,
    /// When it is asked for next.
    ask_at: Option<Duration>,
    /// Whether a question is on its way.
    asking: bool,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was sent, or is being written down before that.
    OnItsWay {
        /// Since when.
        since: Duration,
    },
    /// It may have happened; the shop is being asked.
    Unknown {
        /// What happened to the answer.
        why: String,
    },
    /// It was sold.
    Sold(Box<Receipt>),
    /// There were too few copies.
    SoldOut {
        /// What was on the shelf, where that is known.
        stock: Option<Stock>,
    },
    /// It was refused for another reason.
    Refused {
        /// Which.
        why: String,
    },
    /// It never happened.
    NotPlaced {
        /// Why.
        why: String,
    },
}

impl State {
    /// Whether nothing more will become of it.
    pub fn is_settled(&self) -> bool {
        !matches!(self, Self::OnItsWay { .. } | Self::Unknown { .. })
    }

    fn of(receipt: Receipt) -> Self {
        match (receipt.status, receipt.reason) {
            (Status::Sold, _) => Self::Sold(Box::new(receipt)),
            (Status::Refused, Some(Reason::SoldOut)) => Self::SoldOut { stock: receipt.stock },
            (Status::Refused, _) => Self::Refused {
                why: "the shop has no such book".to_owned(),
            },
        }
    }
}

impl Purchase {
    /// An order in that state.
    pub fn new(placed: Placed, state: State) -> Self {
        Self {
            placed,
            state,
            uncertain: false,
            asks: 0,
            ask_at: None,
            asking: false,
        }
    }

    fn ask_later(&mut self, now: Duration) {
        let wait = ASK_MIN.saturating_mul(1 << self.asks.min(5)).min(ASK_MAX);
        self.asks = self.asks.saturating_add(1);
        self.ask_at = Some(now + wait);
    }

    fn deadline_passed(&self, now: Timestamp, margin_ms: u64) -> bool {
        Deadline::from_millis(self.placed.deadline.as_millis().saturating_add(margin_ms)).has_passed_at(now)
    }
}

impl Orders {
    /// The order of that id.
    pub fn find(&self, order: OrderId) -> Option<&Purchase> {
        self.list.iter().find(|purchase| purchase.placed.order == order)
    }

    fn find_mut(&mut self, order: OrderId) -> Option<&mut Purchase> {
        self.list.iter_mut().find(|purchase| purchase.placed.order == order)
    }

    /// How many are not settled.
    pub fn unsettled(&self) -> usize {
        self.list.iter().filter(|purchase| !purchase.state.is_settled()).count()
    }

    /// Whether somebody waits for an answer at this moment.
    pub(super) fn is_anything_on_its_way(&self) -> bool {
        self.list
            .iter()
            .any(|purchase| matches!(purchase.state, State::OnItsWay { .. }) || purchase.asking)
    }

    pub(super) fn push(&mut self, purchase: Purchase) {
        self.list.insert(0, purchase);
        self.list.truncate(ORDERS_MAX);
        if self.selected > 0 {
            self.selected = (self.selected + 1).min(self.list.len() - 1);
        }
    }

    /// When the next unsettled order is asked for.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.list.iter().filter_map(|purchase| purchase.ask_at).min()
    }
}

impl App {
    /// Takes in what earlier sessions left. What they did not settle is asked for, never sent again.
    pub(super) fn remembered(&mut self, memory: Result<Memory, String>) -> Vec<Effect> {
        let memory = match memory {
            Ok(memory) => memory,
            Err(why) => {
                let why = text::clean(&why).into_owned();
                self.tell(
                    Tone::Bad,
                    &format!("Your orders cannot be read, so nothing can be bought: {why}"),
                );
                self.orders.memory.failed(why, self.now.elapsed);
                return Vec::new();
            }
        };
        if memory.skipped > 0 {
            let lines = format::counted(u64::try_from(memory.skipped).unwrap_or(u64::MAX), "line");
            self.tell(Tone::Warn, &format!("{lines} in the file of your orders made no sense"));
        }
        let mut older = replay(memory);
        older.retain(|purchase| self.orders.find(purchase.placed.order).is_none());
        self.orders.list.extend(older.into_iter().rev());
        self.orders.list.truncate(ORDERS_MAX);
        self.orders.memory.arrived((), self.now.elapsed);
        self.ask_unsettled();
        self.ask_due_orders()
    }

    /// Lets every order that is not settled be asked for now.
    pub(super) fn ask_unsettled(&mut self) {
        let now = self.now.elapsed;
        // Before the shop has said whose ledger it is, "unknown" could mean "not mine".
        if self.connection.store.is_none() {
            return;
        }
        for purchase in &mut self.orders.list {
            if matches!(purchase.state, State::Unknown { .. }) && !purchase.asking {
                purchase.ask_at = Some(now);
            }
        }
    }

    /// Asks for the orders whose time has come.
    pub(super) fn ask_due_orders(&mut self) -> Vec<Effect> {
        let (now, store) = (self.now, self.connection.store);
        let in_dialog = self.overlays.iter().find_map(|overlay| match overlay {
            Overlay::Buy(dialog) => Some(dialog.order),
            _ => None,
        });
        let mut effects = Vec::new();
        for purchase in &mut self.orders.list {
            if purchase.asking || purchase.ask_at.is_none_or(|at| at > now.elapsed) {
                continue;
            }
            purchase.ask_at = None;
            if purchase.placed.store.is_some() && store.is_some() && purchase.placed.store != store {
                purchase.state = State::Unknown {
                    why: "it was placed in another store".to_owned(),
                };
                continue;
            }
            purchase.asking = true;
            let order = purchase.placed.order;
            // While its dialog stands the person still waits for this very order; later nobody wants a surprise.
            if in_dialog == Some(order) && !purchase.deadline_passed(now.wall, 0) {
                effects.push(Effect::Buy {
                    placed: purchase.placed.clone(),
                    again: true,
                });
            } else {
                effects.push(Effect::AskOrder(order));
            }
        }
        effects
    }

    pub(super) fn not_recorded(&mut self, order: OrderId, why: &str) -> Vec<Effect> {
        let why = format!(
            "it could not be written down ({}), so it was not sent",
            text::clean(why)
        );
        if let Some(purchase) = self.orders.find_mut(order) {
            purchase.state = State::NotPlaced { why: why.clone() };
            self.tell(Tone::Bad, &format!("Nothing was bought: {why}"));
        }
        Vec::new()
    }

    /// The answer to a purchase.
    pub(super) fn bought(&mut self, order: OrderId, result: Result<Receipt, Error>) -> Vec<Effect> {
        let Some(purchase) = self.orders.find(order) else {
            return Vec::new();
        };
        let error = match result {
            Ok(receipt) => return self.receipt(order, receipt),
            Err(error) => error,
        };
        let why = text::clean(&error.to_string()).into_owned();
        match &error {
            Error::Problem(problem) if problem.code == Code::SoldOut => {
                self.settle(order, State::SoldOut { stock: problem.stock })
            }
            Error::Problem(problem) if matches!(problem.code, Code::UnknownItem | Code::KeyReused) => {
                self.settle(order, State::Refused { why })
            }
            // That this request changed nothing says nothing about an earlier one with the same key.
            error if error.is_definite() && !purchase.uncertain => self.settle(order, State::NotPlaced { why }),
            _ => self.unknown(order, why),
        }
    }

    /// The answer to a question for an order.
    pub(super) fn order_told(&mut self, order: OrderId, result: Result<Receipt, Error>) -> Vec<Effect> {
        let Some(purchase) = self.orders.find(order) else {
            return Vec::new();
        };
        let error = match result {
            Ok(receipt) => return self.receipt(order, receipt),
            Err(error) => error,
        };
        let here = match (purchase.placed.store, self.connection.store) {
            (Some(placed), Some(here)) => placed == here,
            _ => purchase.placed.shop == self.url,
        };
        if error.code() != Some(Code::UnknownOrder) {
            return self.unknown(order, text::clean(&error.to_string()).into_owned());
        }
        if here && purchase.deadline_passed(self.now.wall, MARGIN_MS) {
            let why = "the shop never decided it, and its time is over".to_owned();
            return self.settle(order, State::NotPlaced { why });
        }
        let why = if here {
            "the shop does not know it yet"
        } else {
            "this shop does not know it"
        };
        let effects = self.unknown(order, why.to_owned());
        if !here && let Some(purchase) = self.orders.find_mut(order) {
            purchase.ask_at = None;
        }
        effects
    }

    fn receipt(&mut self, order: OrderId, receipt: Receipt) -> Vec<Effect> {
        if receipt.order != order {
            return self.unknown(order, "the shop answered with another order's receipt".to_owned());
        }
        if let (Some(stock), Status::Sold) = (receipt.stock, receipt.status) {
            let change = -i64::from(receipt.quantity);
            let moved = StockMoved {
                seq: receipt.seq,
                item: receipt.item,
                stock,
                change,
                at: receipt.at,
            };
            self.books.moved(moved, self.now.elapsed);
        }
        self.settle(order, State::of(receipt))
    }

    fn settle(&mut self, order: OrderId, state: State) -> Vec<Effect> {
        let at = self.now.wall;
        let Some(purchase) = self.orders.find_mut(order) else {
            return Vec::new();
        };
        if purchase.state.is_settled() {
            return Vec::new();
        }
        (purchase.state, purchase.ask_at, purchase.asking) = (state.clone(), None, false);
        let what = format!("{} × {}", purchase.placed.quantity, purchase.placed.title);
        let closed = |end, detail: String, stock| {
            Line::Closed(Closed {
                order,
                end,
                detail,
                stock,
                at,
            })
        };
        let (tone, said, line) = match state {
            State::Sold(receipt) => {
                let said = format!("Bought {what} for {}", format::amount(receipt.total.cents()));
                (Tone::Good, said, Line::Settled { receipt: *receipt })
            }
            State::SoldOut { stock } => {
                let left = stock.map_or(String::new(), |stock| format!(" ({stock} left)"));
                (
                    Tone::Plain,
                    format!("Sold out{left}: {what} was not bought"),
                    closed(End::SoldOut, String::new(), stock),
                )
            }
            State::Refused { why } => (
                Tone::Bad,
                format!("Refused: {what}: {why}"),
                closed(End::Refused, why, None),
            ),
            State::NotPlaced { why } => (
                Tone::Bad,
                format!("Nothing was bought: {what}: {why}"),
                closed(End::NotPlaced, why, None),
            ),
            State::OnItsWay { .. } | State::Unknown { .. } => return Vec::new(),
        };
        self.tell(tone, &said);
        vec![Effect::Record(line)]
    }

    fn unknown(&mut self, order: OrderId, why: String) -> Vec<Effect> {
        let now = self.now.elapsed;
        let Some(purchase) = self.orders.find_mut(order) else {
            return Vec::new();
        };
        if purchase.state.is_settled() {
            return Vec::new();
        }
        (purchase.uncertain, purchase.asking) = (true, false);
        let first = !matches!(purchase.state, State::Unknown { .. });
        purchase.state = State::Unknown { why };
        purchase.ask_later(now);
        if first {
            self.tell(Tone::Warn, "The answer was lost: unknown, checking with the same key");
        }
        Vec::new()
    }
}

/// The orders that the lines of a journal tell of, oldest first.
fn replay(memory: Memory) -> Vec<Purchase> {
    let mut orders: Vec<Purchase> = Vec::new();
    let mut places: HashMap<OrderId, usize> = HashMap::new();
    for line in memory.lines {
        let (order, state) = match line {
            Line::Placed(placed) => {
                if let Entry::Vacant(place) = places.entry(placed.order) {
                    place.insert(orders.len());
                    let placed = Placed {
                        title: text::clean(&placed.title).into_owned(),
                        ..placed
                    };
                    let state = State::Unknown {
                        why: "an earlier session ended before the answer came".to_owned(),
                    };
                    orders.push(Purchase {
                        uncertain: true,
                        ..Purchase::new(placed, state)
                    });
                }
                continue;
            }
            Line::Settled { receipt } => (receipt.order, State::of(receipt)),
            Line::Closed(Closed {
                order,
                end,
                detail,
                stock,
                ..
            }) => {
                let why = text::clean(&detail).into_owned();
                let state = match end {
                    End::SoldOut => State::SoldOut { stock },
                    End::Refused => State::Refused { why },
                    End::NotPlaced => State::NotPlaced { why },
                };
                (order, state)
            }
        };
        if let Some(purchase) = places.get(&order).and_then(|place| orders.get_mut(*place)) {
            purchase.state = state;
        }
    }
    orders
}
