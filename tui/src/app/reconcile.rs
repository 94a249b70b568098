//! How an order reaches its final state: by the answer to its purchase, or by lookups with its own key until it is
//! decided. A second order never replaces it.

use common::client::Error;
use common::wire::{OrderStatus, Receipt, StockEvent};
use common::{Code, OrderId, text};

use super::notices::Severity;
use super::orders::{ORDERS_MAX, OrderState, Orders};
use super::replay::replay;
use super::shared::Shared;
use crate::effect::Effect;
use crate::format;
use crate::journal::{CloseReason, Closed, JournalContents, Record};

/// How long after its deadline an order that the shop does not know counts as never placed: clocks may differ a little.
const CLOCK_MARGIN_MS: u64 = 2_000;

impl Orders {
    /// Takes over the orders of earlier sessions.
    pub(super) fn handle_journal(&mut self, result: Result<JournalContents, String>, shared: &mut Shared<'_>) {
        let contents = match result {
            Ok(contents) => contents,
            Err(why) => {
                let why = text::sanitize(&why).into_owned();
                shared.notify(
                    Severity::Error,
                    &format!("Your orders cannot be read, so nothing can be bought: {why}"),
                );
                self.journal.fail(why, shared.elapsed());
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
        older.retain(|purchase| self.find(purchase.placed.order).is_none());
        self.list.extend(older.into_iter().rev());
        self.list.truncate(ORDERS_MAX);
        self.journal.succeed((), shared.elapsed());
    }

    /// Makes the lookup of every undecided order due now.
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
            if purchase.placed.store.is_some() && store.is_some() && purchase.placed.store != store {
                purchase.state = OrderState::Unknown {
                    why: "it was placed in another store".to_owned(),
                };
                continue;
            }
            purchase.check_in_flight = true;
            let order = purchase.placed.order;
            // Only while the user waits in its dialog may the order be sent again; later a sale would be a surprise.
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

    pub(super) fn handle_not_recorded(&mut self, order: OrderId, reason: &str, shared: &mut Shared<'_>) {
        let why = format!("it could not be saved ({}), so it was not sent", text::sanitize(reason));
        if let Some(purchase) = self.find_mut(order) {
            purchase.state = OrderState::NotPlaced { why: why.clone() };
            shared.notify(Severity::Error, &format!("Nothing was bought: {why}"));
        }
    }

    /// Handles the answer to a purchase.
    pub(super) fn handle_buy(
        &mut self,
        order: OrderId,
        result: Result<Receipt, Error>,
        shared: &mut Shared<'_>,
    ) -> Vec<Effect> {
        let Some(purchase) = self.find(order) else {
            return Vec::new();
        };
        let error = match result {
            Ok(receipt) => return self.handle_receipt(order, receipt, shared),
            Err(error) => error,
        };
        let why = text::sanitize(&error.to_string()).into_owned();
        match &error {
            Error::Problem(problem) if problem.code == Code::SoldOut => {
                self.finish(order, OrderState::SoldOut { stock: problem.stock }, shared)
            }
            Error::Problem(problem) if matches!(problem.code, Code::UnknownItem | Code::KeyReused) => {
                self.finish(order, OrderState::Refused { why }, shared)
            }
            // This request changed nothing, but an earlier one with the same key may have.
            error if error.is_definite() && !purchase.may_have_applied => {
                self.finish(order, OrderState::NotPlaced { why }, shared)
            }
            _ => {
                self.mark_unknown(order, why, shared);
                Vec::new()
            }
        }
    }

    /// Handles the answer to a lookup.
    pub(super) fn handle_lookup(
        &mut self,
        order: OrderId,
        result: Result<Receipt, Error>,
        shared: &mut Shared<'_>,
    ) -> Vec<Effect> {
        let Some(purchase) = self.find(order) else {
            return Vec::new();
        };
        let error = match result {
            Ok(receipt) => return self.handle_receipt(order, receipt, shared),
            Err(error) => error,
        };
        let is_same_store = match (purchase.placed.store, shared.connection.store) {
            (Some(placed), Some(connected)) => placed == connected,
            _ => purchase.placed.shop == shared.connection.url,
        };
        if error.code() != Some(Code::UnknownOrder) {
            self.mark_unknown(order, text::sanitize(&error.to_string()).into_owned(), shared);
        } else if is_same_store && purchase.deadline_passed(shared.now.wall, CLOCK_MARGIN_MS) {
            let why = "the shop did not decide it before its deadline".to_owned();
            return self.finish(order, OrderState::NotPlaced { why }, shared);
        } else if is_same_store {
            self.mark_unknown(order, "the shop does not know it yet".to_owned(), shared);
        } else {
            self.mark_unknown(order, "this shop does not know it".to_owned(), shared);
            if let Some(purchase) = self.find_mut(order) {
                purchase.next_check_at = None;
            }
        }
        Vec::new()
    }

    fn handle_receipt(&mut self, order: OrderId, receipt: Receipt, shared: &mut Shared<'_>) -> Vec<Effect> {
        if receipt.order != order {
            let why = "the shop answered with another order's receipt".to_owned();
            self.mark_unknown(order, why, shared);
            return Vec::new();
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
        self.finish(order, OrderState::from_receipt(receipt), shared)
    }

    /// Gives an order its final state, tells the user, and records it. Later answers change nothing.
    fn finish(&mut self, order: OrderId, state: OrderState, shared: &mut Shared<'_>) -> Vec<Effect> {
        let at = shared.now.wall;
        let Some(purchase) = self.find_mut(order).filter(|purchase| !purchase.state.is_final()) else {
            return Vec::new();
        };
        (purchase.state, purchase.next_check_at, purchase.check_in_flight) = (state.clone(), None, false);
        let copies = format!("{} × {}", purchase.placed.quantity, purchase.placed.title);
        let closed = |reason, detail: String, stock| {
            Record::Closed(Closed {
                order,
                reason,
                detail,
                stock,
                at,
            })
        };
        let (severity, notice, record) = match state {
            OrderState::Sold(receipt) => (
                Severity::Success,
                format!("Bought {copies} for {}", format::amount(receipt.total.cents())),
                Record::Settled { receipt: *receipt },
            ),
            OrderState::SoldOut { stock } => {
                let left = stock.map_or(String::new(), |stock| format!(" ({stock} left)"));
                (
                    Severity::Info,
                    format!("Sold out{left}: {copies} was not bought"),
                    closed(CloseReason::SoldOut, String::new(), stock),
                )
            }
            OrderState::Refused { why } => (
                Severity::Error,
                format!("Refused: {copies}: {why}"),
                closed(CloseReason::Refused, why, None),
            ),
            OrderState::NotPlaced { why } => (
                Severity::Error,
                format!("Nothing was bought: {copies}: {why}"),
                closed(CloseReason::NotPlaced, why, None),
            ),
            OrderState::Sending { .. } | OrderState::Unknown { .. } => return Vec::new(),
        };
        shared.notify(severity, &notice);
        vec![Effect::AppendJournal(record)]
    }

    fn mark_unknown(&mut self, order: OrderId, why: String, shared: &mut Shared<'_>) {
        let Some(purchase) = self.find_mut(order).filter(|purchase| !purchase.state.is_final()) else {
            return;
        };
        (purchase.may_have_applied, purchase.check_in_flight) = (true, false);
        let is_first = !matches!(purchase.state, OrderState::Unknown { .. });
        purchase.state = OrderState::Unknown { why };
        purchase.schedule_check(shared.now.elapsed);
        if is_first {
            shared.notify(
                Severity::Warning,
                "The answer was lost: unknown, checking with the same key",
            );
        }
    }
}
