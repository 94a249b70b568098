//! What becomes of an order: its answer is taken in, or it is asked for with its own key until it is decided.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use common::client::Error;
use common::wire::{OrderStatus, Receipt, StockEvent};
use common::{Code, OrderId, text};

use super::notices::Severity;
use super::orders::{ORDERS_MAX, OrderState, Purchase};
use super::overlay::Overlay;
use super::state::App;
use crate::effect::Effect;
use crate::format;
use crate::journal::{CloseReason, Closed, JournalContents, PlacedOrder, Record};

/// How long after its deadline an order that nobody knows counts as never placed: the clocks may differ a little.
const MARGIN_MS: u64 = 2_000;

impl App {
    /// Takes in what earlier sessions left. Event they did not settle is asked for, never sent again.
    pub(super) fn remembered(&mut self, contents: Result<JournalContents, String>) -> Vec<Effect> {
        let contents = match contents {
            Ok(contents) => contents,
            Err(why) => {
                let why = text::sanitize(&why).into_owned();
                self.notify(
                    Severity::Error,
                    &format!("Your orders cannot be read, so nothing can be bought: {why}"),
                );
                self.orders.journal.fail(why, self.now.elapsed);
                return Vec::new();
            }
        };
        if contents.skipped > 0 {
            let lines = format::plural(u64::try_from(contents.skipped).unwrap_or(u64::MAX), "line");
            self.notify(
                Severity::Warning,
                &format!("{lines} in the file of your orders made no sense"),
            );
        }
        let mut older = replay(contents);
        older.retain(|purchase| self.orders.find(purchase.placed.order).is_none());
        self.orders.list.extend(older.into_iter().rev());
        self.orders.list.truncate(ORDERS_MAX);
        self.orders.journal.succeed((), self.now.elapsed);
        if let Some(Overlay::Buy(dialog)) = self.overlays.last_mut() {
            // It may have been confirmed too early.
            dialog.error = None;
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
            if matches!(purchase.state, OrderState::Unknown { .. }) && !purchase.check_in_flight {
                purchase.next_check_at = Some(now);
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
            if purchase.check_in_flight || purchase.next_check_at.is_none_or(|at| at > now.elapsed) {
                continue;
            }
            purchase.next_check_at = None;
            if purchase.placed.store.is_some() && store.is_some() && purchase.placed.store != store {
                purchase.state = OrderState::Unknown {
                    why: "it was placed in another store".to_owned(),
                };
                continue;
            }
            purchase.check_in_flight = true;
            let order = purchase.placed.order;
            // While its dialog stands the person still waits for this very order; later nobody wants a surprise.
            if in_dialog == Some(order) && !purchase.deadline_passed(now.wall, 0) {
                effects.push(Effect::Buy {
                    placed: purchase.placed.clone(),
                    resend: true,
                });
            } else {
                effects.push(Effect::FindOrder(order));
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
            purchase.state = OrderState::NotPlaced { why: why.clone() };
            self.notify(Severity::Error, &format!("Nothing was bought: {why}"));
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
                self.settle(order, OrderState::SoldOut { stock: problem.stock })
            }
            Error::Problem(problem) if matches!(problem.code, Code::UnknownItem | Code::KeyReused) => {
                self.settle(order, OrderState::Refused { why })
            }
            // That this request changed nothing says nothing about an earlier one with the same key.
            error if error.is_definite() && !purchase.may_have_applied => {
                self.settle(order, OrderState::NotPlaced { why })
            }
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
            _ => purchase.placed.shop == self.connection.url,
        };
        if error.code() != Some(Code::UnknownOrder) {
            return self.unknown(order, text::sanitize(&error.to_string()).into_owned());
        }
        if here && purchase.deadline_passed(self.now.wall, MARGIN_MS) {
            let why = "the shop never decided it, and its time is over".to_owned();
            return self.settle(order, OrderState::NotPlaced { why });
        }
        let why = if here {
            "the shop does not know it yet"
        } else {
            "this shop does not know it"
        };
        let effects = self.unknown(order, why.to_owned());
        if !here && let Some(purchase) = self.orders.find_mut(order) {
            purchase.next_check_at = None;
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
            self.books.apply(moved, self.now.elapsed);
        }
        self.settle(order, OrderState::of(receipt))
    }

    fn settle(&mut self, order: OrderId, state: OrderState) -> Vec<Effect> {
        let at = self.now.wall;
        let Some(purchase) = self.orders.find_mut(order) else {
            return Vec::new();
        };
        if purchase.state.is_final() {
            return Vec::new();
        }
        (purchase.state, purchase.next_check_at, purchase.check_in_flight) = (state.clone(), None, false);
        let what = format!("{} × {}", purchase.placed.quantity, purchase.placed.title);
        let closed = |reason, detail: String, stock| {
            Record::Closed(Closed {
                order,
                reason,
                detail,
                stock,
                at,
            })
        };
        let (severity, said, line) = match state {
            OrderState::Sold(receipt) => {
                let said = format!("Bought {what} for {}", format::amount(receipt.total.cents()));
                (Severity::Success, said, Record::Settled { receipt: *receipt })
            }
            OrderState::SoldOut { stock } => {
                let left = stock.map_or(String::new(), |stock| format!(" ({stock} left)"));
                (
                    Severity::Info,
                    format!("Sold out{left}: {what} was not bought"),
                    closed(CloseReason::SoldOut, String::new(), stock),
                )
            }
            OrderState::Refused { why } => (
                Severity::Error,
                format!("Refused: {what}: {why}"),
                closed(CloseReason::Refused, why, None),
            ),
            OrderState::NotPlaced { why } => (
                Severity::Error,
                format!("Nothing was bought: {what}: {why}"),
                closed(CloseReason::NotPlaced, why, None),
            ),
            OrderState::Sending { .. } | OrderState::Unknown { .. } => return Vec::new(),
        };
        self.notify(severity, &said);
        vec![Effect::AppendJournal(line)]
    }

    fn unknown(&mut self, order: OrderId, why: String) -> Vec<Effect> {
        let now = self.now.elapsed;
        let Some(purchase) = self.orders.find_mut(order) else {
            return Vec::new();
        };
        if purchase.state.is_final() {
            return Vec::new();
        }
        (purchase.may_have_applied, purchase.check_in_flight) = (true, false);
        let first = !matches!(purchase.state, OrderState::Unknown { .. });
        purchase.state = OrderState::Unknown { why };
        purchase.schedule_check(now);
        if first {
            self.notify(
                Severity::Warning,
                "The answer was lost: unknown, checking with the same key",
            );
        }
        Vec::new()
    }
}

/// The orders that the lines of a journal tell of, oldest first.
fn replay(contents: JournalContents) -> Vec<Purchase> {
    let mut orders: Vec<Purchase> = Vec::new();
    let mut places: HashMap<OrderId, usize> = HashMap::new();
    for line in contents.records {
        let (order, state) = match line {
            Record::Placed(placed) => {
                if let Entry::Vacant(place) = places.entry(placed.order) {
                    place.insert(orders.len());
                    let placed = PlacedOrder {
                        title: text::sanitize(&placed.title).into_owned(),
                        ..placed
                    };
                    let state = OrderState::Unknown {
                        why: "an earlier session ended before the answer came".to_owned(),
                    };
                    orders.push(Purchase {
                        may_have_applied: true,
                        ..Purchase::new(placed, state)
                    });
                }
                continue;
            }
            Record::Settled { receipt } => (receipt.order, OrderState::of(receipt)),
            Record::Closed(Closed {
                order,
                reason,
                detail,
                stock,
                ..
            }) => {
                let why = text::sanitize(&detail).into_owned();
                let state = match reason {
                    CloseReason::SoldOut => OrderState::SoldOut { stock },
                    CloseReason::Refused => OrderState::Refused { why },
                    CloseReason::NotPlaced => OrderState::NotPlaced { why },
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
