//! The idempotency check: a request repeated with the same key must get the same answer.

use common::OrderId;
use common::wire::{OrderLines, Receipt, ReceiptLine};

use super::Shopper;
use crate::audit::{Check, OrderKey};
use common::client::Resolution;

/// A decided purchase, with the data to repeat its request.
#[derive(Debug)]
pub(super) struct DecidedPurchase {
    pub(super) key: OrderKey,
    pub(super) lines: OrderLines,
    /// The receipt; `None` if the purchase was refused.
    pub(super) receipt: Option<Receipt>,
}

impl Shopper<'_> {
    /// Repeats the requests of the last sale and the last refusal with their keys, and compares the answers.
    pub(super) async fn check_idempotency(&mut self) {
        for decided in std::mem::take(&mut self.decided).into_iter().flatten() {
            let order = self.shared.run_id.order(decided.key);
            let again = tokio::select! {
                again = self.send_purchase(decided.key, &decided.lines) => again,
                () = self.shared.abort.cancelled() => None,
            };
            let Some(Resolution::Decided(answer)) = again else {
                continue;
            };
            let repeated = answer.parse::<Receipt>().ok();
            let [before, now] = [decided.receipt, repeated].map(|receipt| describe(receipt.as_ref(), order));
            let findings = &mut self.shared.stats().findings;
            findings.count(Check::OneAnswerPerKey, 1);
            if before != now {
                let detail = format!("shopper {} got two different answers for order {order}", self.number);
                findings.add(Check::OneAnswerPerKey, detail, vec![before, now]);
            }
        }
    }
}

/// Describes the parts of an answer that must be equal for every request with one key.
fn describe(receipt: Option<&Receipt>, order: OrderId) -> String {
    let Some(receipt) = receipt else {
        return format!("order {order} is refused");
    };
    let line = |line: &ReceiptLine| {
        let cost = line.cost.map_or("no cost".to_owned(), |cost| cost.to_string());
        let stock = line.stock.map_or("nothing".to_owned(), |stock| stock.to_string());
        format!(
            "entry {}: {} of item {} at {cost}, {stock} left",
            line.seq, line.quantity, line.item
        )
    };
    let lines: Vec<_> = receipt.lines.iter().map(line).collect();
    format!("order {} is {} as {}", receipt.order, receipt.status, lines.join("; "))
}
