//! What becomes of an order: its answer is taken in, or it is asked for with its own key until it is decided.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use common::client::Error;
use common::wire::{OrderStatus, Receipt, StockEvent};
use common::{Code, OrderId, text};

use super::orders::{ORDERS_MAX, Purchase, State};
use super::{App, Overlay, Tone};
use crate::effect::Effect;
use crate::format;
use crate::journal::{Closed, End, Line, Memory, Placed};

/// How long after its deadline an order that nobody knows counts as never placed: the clocks may differ a little.
const MARGIN_MS: u64 = 2_000;

impl App {
    /// Takes in what earlier sessions left. What they did not settle is asked for, never sent again.
    pub(super) fn remembered(&mut self, memory: Result<Memory, String>) -> Vec<Effect> {
        let memory = match memory {
            Ok(memory) => memory,
            Err(why) => {
                let why = text::sanitize(&why).into_owned();
                self.tell(
                    Tone::Bad,
                    &format!("Your orders cannot be read, so nothing can be bought: {why}"),
                );
                self.orders.memory.failed(why, self.now.elapsed);
                return Vec::new();
            }
        };
        if memory.skipped > 0 {
            let lines = format::plural(u64::try_from(memory.skipped).unwrap_or(u64::MAX), "line");
            self.tell(Tone::Warn, &format!("{lines} in the file of your orders made no sense"));
        }
        let mut older = replay(memory);
        older.retain(|purchase| self.orders.find(purchase.placed.order).is_none());
        self.orders.list.extend(older.into_iter().rev());
        self.orders.list.truncate(ORDERS_MAX);
        self.orders.memory.arrived((), self.now.elapsed);
        if let Some(Overlay::Buy(dialog)) = self.overlays.last_mut() {
            // It may have been confirmed too early.
            dialog.objection = None;
        }
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
            text::sanitize(why)
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
        let why = text::sanitize(&error.to_string()).into_owned();
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
            return self.unknown(order, text::sanitize(&error.to_string()).into_owned());
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
        if let (Some(stock), OrderStatus::Sold) = (receipt.stock, receipt.status) {
            let change = -i64::from(receipt.quantity);
            let moved = StockEvent {
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
                        title: text::sanitize(&placed.title).into_owned(),
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
                let why = text::sanitize(&detail).into_owned();
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
