//! Resolves pending orders: by the answer to the purchase, or by lookups with the order's own key, never by a second order.

use common::client::Error;
use common::wire::{Receipt, StockEvent};
use common::{Code, OrderId};

use super::notices::Severity;
use super::orders::{ORDERS_MAX, OrderState, Orders, Purchase};
use super::sanitize::sanitized;
use super::shared::Shared;
use crate::effect::{Effect, Request};
use crate::format;
use crate::journal::{self, JournalContents, NotSold, NotSoldReason, Outcome, Record};

/// Time after its deadline at which an order unknown to the shop counts as never placed, to allow for clock skew.
const CLOCK_MARGIN_MS: u64 = 2_000;
/// Another program's order starts as if it had been looked up three times, so it waits longer.
const OTHERS_CHECKS: u32 = 3;

impl Orders {
    /// Adds the orders of earlier sessions.
    pub(super) fn handle_journal(&mut self, result: Result<JournalContents, String>, shared: &mut Shared<'_>) {
        let contents = match result {
            Ok(contents) => contents,
            Err(why) => {
                let notice = format!("Your orders cannot be read, so nothing can be bought: {why}");
                shared.notify(Severity::Error, &notice);
                self.journal.fail(&why, shared.elapsed());
                return;
            }
        };
        if contents.skipped > 0 {
            let lines = format::plural(u64::try_from(contents.skipped).unwrap_or(u64::MAX), "line");
            shared.notify(
                Severity::Warning,
                &format!("Skipped {lines} in the file of your orders, because they cannot be parsed"),
            );
        }
        let mut older = journal::recorded_orders(contents.records);
        older.retain(|order| self.find(order.sent.order).is_none());
        let older = older.into_iter().rev();
        let older = older.map(|order| Purchase::sent_before(order.sent, OrderState::of_outcome(order.outcome)));
        let selected = self.selected().map(|purchase| purchase.sent.order);
        self.list.extend(older);
        self.list.truncate(ORDERS_MAX);
        self.rebuild_rows(selected);
        self.journal.succeed((), shared.elapsed());
    }

    /// Applies records that were appended to the journal, mostly by other programs of this user.
    pub(super) fn handle_new_records(&mut self, contents: JournalContents, shared: &Shared<'_>) {
        for record in contents.records {
            match record {
                Record::Sent(sent) => {
                    if self.find(sent.order).is_none() {
                        let why = "another program is placing this order".to_owned();
                        let mut purchase = Purchase::sent_before(sent, OrderState::Unknown { why });
                        // The other program records the outcome, unless it is killed.
                        purchase.checks = OTHERS_CHECKS;
                        purchase.schedule_check(shared.elapsed());
                        self.push(purchase);
                    }
                }
                Record::Store { order, store } => {
                    if let Some(purchase) = self.find_mut(order) {
                        purchase.sent.store.get_or_insert(store);
                    }
                }
                Record::Sold { receipt } => self.apply_outcome(receipt.order, Outcome::Sold(receipt)),
                Record::NotSold(not_sold) => self.apply_outcome(not_sold.order, Outcome::NotSold(not_sold)),
            }
        }
        let selected = self.selected().map(|purchase| purchase.sent.order);
        self.rebuild_rows(selected);
    }

    /// Applies a recorded outcome to a pending order.
    fn apply_outcome(&mut self, order: OrderId, outcome: Outcome) {
        if let Some(purchase) = self.find_mut(order).filter(|purchase| purchase.state.is_pending()) {
            purchase.state = OrderState::of_outcome(outcome);
            (purchase.next_check_at, purchase.check_in_flight) = (None, false);
        }
    }

    /// Schedules a lookup of every order with an unknown outcome for now.
    pub(super) fn schedule_checks(&mut self, shared: &Shared<'_>) {
        // Until the shop has named its store, "unknown order" could mean "not in this store".
        if shared.connection.store.is_none() {
            return;
        }
        for purchase in &mut self.list {
            if matches!(purchase.state, OrderState::Unknown { .. }) && !purchase.check_in_flight {
                purchase.next_check_at = Some(shared.elapsed());
            }
        }
    }

    /// Looks up the orders that are due.
    pub(super) fn check_due(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        let (now, store) = (shared.now, shared.connection.store);
        let in_dialog = shared.dialog.map(|(order, _)| order);
        let mut effects = Vec::new();
        for purchase in &mut self.list {
            if purchase.check_in_flight || purchase.next_check_at.is_none_or(|at| at > now.elapsed) {
                continue;
            }
            purchase.next_check_at = None;
            if purchase.sent.store.is_some() && store.is_some() && purchase.sent.store != store {
                purchase.state = OrderState::Unknown {
                    why: "it was placed in another store".to_owned(),
                };
                continue;
            }
            purchase.check_in_flight = true;
            let order = purchase.sent.order;
            // The order is resent only while its dialog is open; later, a sale would surprise the user.
            let request = if in_dialog == Some(order) && !purchase.deadline_passed(now.wall, 0) {
                Request::Buy {
                    sent: purchase.sent.clone(),
                    resend: true,
                    basket: None,
                }
            } else {
                Request::Order(order)
            };
            effects.push(Effect::Send(request));
        }
        effects
    }

    pub(super) fn handle_not_recorded(&mut self, order: OrderId, reason: &str, shared: &mut Shared<'_>) {
        let why = format!("it could not be saved ({}), so it was not sent", sanitized(&reason));
        if let Some(purchase) = self.find_mut(order) {
            shared.notify(Severity::Error, &format!("Nothing was bought: {why}"));
            purchase.state = not_placed(order, why, shared);
        }
    }

    pub(super) fn handle_buy(
        &mut self,
        order: OrderId,
        answer: Result<Receipt, Error>,
        shared: &mut Shared<'_>,
    ) -> Vec<Effect> {
        let Some(purchase) = self.find(order) else {
            return Vec::new();
        };
        let state = state_after(order, answer, purchase.may_be_applied, shared);
        self.set_state(order, state, shared)
    }

    pub(super) fn handle_lookup(
        &mut self,
        order: OrderId,
        answer: Result<Receipt, Error>,
        shared: &mut Shared<'_>,
    ) -> Vec<Effect> {
        let Some(purchase) = self.find(order) else {
            return Vec::new();
        };
        let is_same_store = match (purchase.sent.store, shared.connection.store) {
            (Some(placed), Some(connected)) => placed == connected,
            _ => purchase.sent.shop == shared.connection.shop_name,
        };
        let is_overdue = purchase.deadline_passed(shared.now.wall, CLOCK_MARGIN_MS);
        let is_unknown = answer
            .as_ref()
            .is_err_and(|error| error.code() == Some(Code::UnknownOrder));
        let unknown = |why: &str| OrderState::Unknown { why: why.to_owned() };
        let state = match (is_unknown, is_same_store) {
            (false, _) => state_after(order, answer, true, shared),
            (true, true) if is_overdue => {
                let why = "the shop did not decide it before its deadline".to_owned();
                not_placed(order, why, shared)
            }
            (true, true) => unknown("the shop does not have it yet"),
            (true, false) => {
                // No later lookup in this store finds it.
                self.set_state(order, unknown("this shop does not know it"), shared);
                if let Some(purchase) = self.find_mut(order) {
                    purchase.next_check_at = None;
                }
                return Vec::new();
            }
        };
        self.set_state(order, state, shared)
    }

    /// Changes the state of a pending order, notifies the user, and records a decision.
    fn set_state(&mut self, order: OrderId, state: OrderState, shared: &mut Shared<'_>) -> Vec<Effect> {
        let Some(purchase) = self.find_mut(order).filter(|purchase| purchase.state.is_pending()) else {
            return Vec::new();
        };
        let before = std::mem::replace(&mut purchase.state, state);
        (purchase.next_check_at, purchase.check_in_flight) = (None, false);
        if let OrderState::Unknown { .. } = purchase.state {
            purchase.may_be_applied = true;
            purchase.schedule_check(shared.now.elapsed);
        }
        let is_news = before == OrderState::Sending || !purchase.state.is_pending();
        let (severity, notice) = purchase.notice();
        let record = purchase.state.outcome().record();
        let selected = self.selected().map(|purchase| purchase.sent.order);
        self.rebuild_rows(selected);
        if is_news {
            shared.notify(severity, &notice);
        }
        record.map(Effect::AppendJournal).into_iter().collect()
    }
}

impl Purchase {
    /// The notice of the order's state.
    fn notice(&self) -> (Severity, String) {
        let lines = self.lines();
        let copies = match lines.len() {
            0 | 1 => format!("{} × {}", self.sent.copies(), self.title()),
            books => format!("{books} books, {}", self.titles().join(", ")),
        };
        match &self.state {
            OrderState::Sending | OrderState::Unknown { .. } => (
                Severity::Warning,
                "The answer was lost: unknown, checking with the same key".to_owned(),
            ),
            // The amount comes first, so that a long title is truncated instead.
            OrderState::Sold(receipt) => (
                Severity::Success,
                format!("Bought for {}: {copies}", format::amount(receipt.total.cents())),
            ),
            OrderState::NotSold(NotSold {
                reason, detail, stock, ..
            }) => match reason {
                NotSoldReason::SoldOut if lines.len() > 1 => {
                    let short = lines.into_iter().filter(|line| line.refused.is_some());
                    let short: Vec<_> = short.map(|line| line.title).collect();
                    let text = format!("Nothing was bought: too few are left of {}", short.join(", "));
                    (Severity::Info, text)
                }
                NotSoldReason::SoldOut => {
                    let left = stock.map_or(String::new(), |stock| format!(" ({stock} left)"));
                    (Severity::Info, format!("Sold out{left}: {copies} was not bought"))
                }
                NotSoldReason::Refused => (Severity::Error, format!("Refused: {copies}: {detail}")),
                NotSoldReason::NotPlaced => (Severity::Error, format!("Nothing was bought: {copies}: {detail}")),
            },
        }
    }
}

fn not_placed(order: OrderId, detail: String, shared: &Shared<'_>) -> OrderState {
    OrderState::NotSold(NotSold {
        order,
        reason: NotSoldReason::NotPlaced,
        detail,
        stock: None,
        short: Vec::new(),
        at: shared.now.wall,
    })
}

/// The state of an order after an answer. A sale also updates the stock on the screen.
fn state_after(
    order: OrderId,
    answer: Result<Receipt, Error>,
    may_be_applied: bool,
    shared: &mut Shared<'_>,
) -> OrderState {
    let why = answer.as_ref().err().map(sanitized);
    match Outcome::of_answer(order, answer, may_be_applied, shared.now.wall) {
        Outcome::Undecided => OrderState::Unknown {
            why: why.unwrap_or_else(|| "the shop answered with another order's receipt".to_owned()),
        },
        outcome => {
            if let Outcome::Sold(receipt) = &outcome {
                apply_sale(receipt, shared);
            }
            OrderState::of_outcome(outcome)
        }
    }
}

fn apply_sale(receipt: &Receipt, shared: &mut Shared<'_>) {
    for line in &receipt.lines {
        let Some(stock) = line.stock else { continue };
        let event = StockEvent {
            seq: line.seq,
            item: line.item,
            stock,
            change: -i64::from(line.quantity.get()),
            at: receipt.at,
        };
        shared.books.apply(event, shared.now.elapsed);
    }
}
