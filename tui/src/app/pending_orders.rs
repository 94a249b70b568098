//! How a pending order is decided: by the answer to its purchase, or by lookups with its own key. A second order never
//! replaces it.

use common::client::Error;
use common::wire::{OrderStatus, Receipt, StockEvent};
use common::{Code, OrderId};

use super::notices::Severity;
use super::orders::{ORDERS_MAX, OrderState, Orders};
use super::replay::{not_sold_state, replay, sent_before};
use super::sanitize::sanitized;
use super::shared::Shared;
use crate::effect::{Effect, Request};
use crate::format;
use crate::journal::{JournalContents, NotSold, NotSoldReason, Record};

/// How long after its deadline an order that the shop does not know counts as never placed: clocks may differ a little.
const CLOCK_MARGIN_MS: u64 = 2_000;
/// The pending order of another program is looked up first after the delay that follows so many lookups.
const OTHERS_CHECKS: u32 = 3;

impl Orders {
    /// Takes over the orders of earlier sessions.
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
                &format!("Skipped {lines} of the file of your orders that cannot be parsed"),
            );
        }
        let mut older = replay(contents);
        older.retain(|purchase| self.find(purchase.sent.order).is_none());
        let selected = self.selected().map(|purchase| purchase.sent.order);
        self.list.extend(older.into_iter().rev());
        self.list.truncate(ORDERS_MAX);
        self.rebuild_rows(selected);
        self.journal.succeed((), shared.elapsed());
    }

    /// Takes over what was recorded since, mostly by other programs of this user.
    pub(super) fn handle_new_records(&mut self, contents: JournalContents, shared: &Shared<'_>) {
        for record in contents.records {
            match record {
                Record::Sent(sent) => {
                    if self.find(sent.order).is_none() {
                        let why = "another program is buying it".to_owned();
                        let mut purchase = sent_before(sent, OrderState::Unknown { why });
                        // That program records the outcome itself, unless it is killed.
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
                Record::Sold { receipt } => self.settle(receipt.order, OrderState::from_receipt(receipt)),
                Record::NotSold(not_sold) => self.settle(not_sold.order, not_sold_state(&not_sold)),
            }
        }
        let selected = self.selected().map(|purchase| purchase.sent.order);
        self.rebuild_rows(selected);
    }

    /// Takes over a decision that is on record.
    fn settle(&mut self, order: OrderId, state: OrderState) {
        if let Some(purchase) = self.find_mut(order).filter(|purchase| purchase.state.is_pending()) {
            purchase.state = state;
            (purchase.next_check_at, purchase.check_in_flight) = (None, false);
        }
    }

    /// Makes the lookup of every pending order due now.
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
            // Only while the user waits in its dialog may the order be sent again; later a sale would be a surprise.
            let request = if in_dialog == Some(order) && !purchase.deadline_passed(now.wall, 0) {
                Request::Buy {
                    sent: purchase.sent.clone(),
                    resend: true,
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
            purchase.state = OrderState::NotPlaced { why };
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
        let state = match answer {
            Ok(receipt) => received(order, receipt, shared),
            Err(Error::Problem(problem)) if problem.code == Code::SoldOut => {
                OrderState::SoldOut { stock: problem.stock }
            }
            Err(error) if matches!(error.code(), Some(Code::UnknownItem | Code::KeyReused)) => {
                OrderState::Refused { why: sanitized(&error) }
            }
            // This request changed nothing, but an earlier one with the same key may have.
            Err(error) if error.is_not_applied() && !purchase.may_have_applied => {
                OrderState::NotPlaced { why: sanitized(&error) }
            }
            Err(error) => OrderState::Unknown { why: sanitized(&error) },
        };
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
        let unknown = |why: &str| OrderState::Unknown { why: why.to_owned() };
        let state = match answer {
            Ok(receipt) => received(order, receipt, shared),
            Err(error) if error.code() != Some(Code::UnknownOrder) => unknown(&sanitized(&error)),
            Err(_) if is_same_store && is_overdue => OrderState::NotPlaced {
                why: "the shop did not decide it before its deadline".to_owned(),
            },
            Err(_) if is_same_store => unknown("the shop does not know it yet"),
            Err(_) => {
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
        let before = std::mem::replace(&mut purchase.state, state.clone());
        (purchase.next_check_at, purchase.check_in_flight) = (None, false);
        let copies = match purchase.sent.lines.len() {
            0 | 1 => format!("{} × {}", purchase.sent.copies(), purchase.title()),
            _ => purchase.title(),
        };
        let selected = self.selected().map(|purchase| purchase.sent.order);
        self.rebuild_rows(selected);
        let Some(purchase) = self.find_mut(order) else {
            return Vec::new();
        };
        let at = shared.now.wall;
        let not_sold = |reason, detail: String, stock| {
            Some(Record::NotSold(NotSold {
                order,
                reason,
                detail,
                stock,
                at,
            }))
        };
        let (severity, notice, record) = match state {
            OrderState::Sold(receipt) => (
                Severity::Success,
                // A long title is cut at its end, never the amount.
                format!("Bought for {}: {copies}", format::amount(receipt.total.cents())),
                Some(Record::Sold { receipt: *receipt }),
            ),
            OrderState::SoldOut { stock } => {
                let left = stock.map_or(String::new(), |stock| format!(" ({stock} left)"));
                (
                    Severity::Info,
                    format!("Sold out{left}: {copies} was not bought"),
                    not_sold(NotSoldReason::SoldOut, String::new(), stock),
                )
            }
            OrderState::Refused { why } => (
                Severity::Error,
                format!("Refused: {copies}: {why}"),
                not_sold(NotSoldReason::Refused, why, None),
            ),
            OrderState::NotPlaced { why } => (
                Severity::Error,
                format!("Nothing was bought: {copies}: {why}"),
                not_sold(NotSoldReason::NotPlaced, why, None),
            ),
            OrderState::Unknown { .. } => {
                purchase.may_have_applied = true;
                purchase.schedule_check(shared.now.elapsed);
                if let OrderState::Unknown { .. } = before {
                    return Vec::new();
                }
                let notice = "The answer was lost: unknown, checking with the same key";
                (Severity::Warning, notice.to_owned(), None)
            }
            OrderState::Sending { .. } => return Vec::new(),
        };
        shared.notify(severity, &notice);
        record.map(Effect::AppendJournal).into_iter().collect()
    }
}

/// The state of an order after the receipt that answers it; the stock shown follows.
fn received(order: OrderId, receipt: Receipt, shared: &mut Shared<'_>) -> OrderState {
    if receipt.order != order {
        let why = "the shop answered with another order's receipt".to_owned();
        return OrderState::Unknown { why };
    }
    for line in receipt.lines.iter().filter(|_| receipt.status == OrderStatus::Sold) {
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
    OrderState::from_receipt(receipt)
}
