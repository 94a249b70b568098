//! A purchase: sends it with a new key until it is decided, and records each line of the answer for the audit.

use std::time::Duration;

use common::client::{Error, Resolution, send_until_decided};
use common::wire::{OrderLines, Receipt, ReceiptLine};
use common::{Deadline, GroupPosition, InlineVec, OrderId};

use super::Shopper;
use super::idempotency_check::DecidedPurchase;
use crate::audit::{
    ChangeKind, ChangeOutcome, ChangeRecord, Check, OrderKey, SHOPKEEPER, SoldLine, StockObservation, title_digest,
};
use crate::outcome::{Outcome, is_key_reused, of_purchase};

/// The time that a purchase in flight has after the run is stopped.
const STOP_GRACE: Duration = Duration::from_secs(2);

impl Shopper<'_> {
    /// Performs a purchase with a new idempotency key.
    pub(super) async fn buy(&mut self, lines: &OrderLines) -> (Outcome, Option<Error>) {
        let shared = self.shared;
        let key = OrderKey {
            shopper: u16::try_from(self.number).unwrap_or(SHOPKEEPER),
            number: self.orders,
        };
        self.orders = self.orders.wrapping_add(1);
        let invoked_us = shared.begin_change(key);
        let (outcome, receipt, last_error) = match self.send_purchase(key, lines).await {
            Some(resolution) => of_purchase(resolution),
            None => (Outcome::Unknown, None, None),
        };
        let answered_us = shared.now_us();
        shared.shop.observe_position(self.shop.last_position());
        let is_contradicted = is_key_reused(last_error.as_ref());
        let audited = match (&receipt, outcome) {
            (Some(receipt), Outcome::Sold) if receipt.lines.len() == lines.len() => {
                ChangeOutcome::Acknowledged(acknowledged(receipt, key, invoked_us, answered_us).collect())
            }
            // A receipt with another number of lines proves nothing about the order's lines.
            (Some(_), _) | (None, Outcome::Unknown) => ChangeOutcome::Unknown(lines.clone()),
            (None, _) if is_contradicted => ChangeOutcome::Unknown(lines.clone()),
            (None, _) => ChangeOutcome::Refused,
        };
        shared.end_change(key, audited);
        let order = shared.run_id.order(key);
        if is_contradicted {
            let detail = format!(
                "shopper {}'s order {order} got `key-reused`, but its key names no other order",
                self.number
            );
            shared.stats().findings.add(Check::OneAnswerPerKey, detail, Vec::new());
        }
        if let Some(receipt) = &receipt {
            self.check_receipt(receipt, order, lines);
            self.observe_receipt(receipt);
        }
        let [sold, refused] = &mut self.decided;
        let slot = match outcome {
            Outcome::Sold => sold,
            Outcome::SoldOut => refused,
            _ => return (outcome, last_error),
        };
        *slot = Some(DecidedPurchase {
            key,
            lines: lines.clone(),
            receipt,
        });
        (outcome, last_error)
    }

    /// Sends a purchase until it is decided; `None` if the run is stopped first.
    pub(super) async fn send_purchase(&self, key: OrderKey, lines: &OrderLines) -> Option<Resolution> {
        let order = self.shared.run_id.order(key);
        let deadline = Deadline::after(self.shared.settings.order_timeout);
        let purchase = send_until_decided(deadline, || self.shop.buy(lines.clone(), Some(order), deadline));
        tokio::select! {
            biased;
            resolution = purchase => Some(resolution),
            () = async {
                self.shared.stopping.cancelled().await;
                tokio::time::sleep(STOP_GRACE).await;
            } => None,
        }
    }

    fn check_receipt(&self, receipt: &Receipt, order: OrderId, lines: &OrderLines) {
        if let Some(violation) = rules::check_receipt(receipt, lines) {
            let detail = format!("shopper {}'s order {order}: {violation}", self.number);
            let history = receipt.lines.iter().map(|line| {
                let (item, quantity, total, seq) = (line.item, line.quantity, line.total, line.seq);
                format!("the receipt: {quantity} of item {item} for {total} as entry {seq}")
            });
            let findings = &mut self.shared.stats().findings;
            findings.add(Check::OrdersWhole, detail, history.collect());
        }
    }

    fn observe_receipt(&mut self, receipt: &Receipt) {
        self.shared.sold(receipt);
        let observation = |line: &ReceiptLine| {
            Some(StockObservation {
                item: line.item,
                seq: line.seq,
                stock: line.stock?,
            })
        };
        let observations: InlineVec<_> = receipt.lines.iter().filter_map(observation).collect();
        self.check_freshness(&observations, receipt.seq.into(), None);
    }
}

/// The acknowledged lines of an order.
fn acknowledged(
    receipt: &Receipt,
    key: OrderKey,
    invoked_us: u64,
    answered_us: u64,
) -> impl Iterator<Item = ChangeRecord> {
    let lines = receipt.lines.iter().zip(GroupPosition::of_group(receipt.lines.len()));
    lines.map(move |(sold, line)| ChangeRecord {
        seq: sold.seq,
        invoked_us,
        answered_us,
        key,
        item: sold.item,
        kind: ChangeKind::Sold(SoldLine {
            line,
            quantity: sold.quantity,
            cost: sold.cost,
            title: title_digest(sold.title.as_ref()),
        }),
        stock: sold.stock,
    })
}
