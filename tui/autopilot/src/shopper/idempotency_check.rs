//! Checks idempotency: a request repeated with the same key must get the same answer.

use common::OrderId;
use common::wire::{OrderStatus, Receipt};

use super::Shopper;
use crate::audit::{Asked, Check, Key};
use common::client::Resolution;

/// A purchase that was decided, with what is needed to repeat its request.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) key: Key,
    pub(super) asked: Asked,
    /// The receipt; `None` if the purchase was refused.
    pub(super) receipt: Option<Receipt>,
}

impl Shopper<'_> {
    /// Repeats the requests of the last sale and the last refusal with their keys, and compares the answers.
    pub(super) async fn check_idempotency(&mut self) {
        for told in self.told.iter_mut().filter_map(Option::take).collect::<Vec<_>>() {
            let order = self.shared.run.order(told.key);
            let again = tokio::select! {
                again = self.settle(told.key, told.asked) => again,
                () = self.shared.abort.cancelled() => None,
            };
            let Some(Resolution::Decided(answer)) = again else {
                continue;
            };
            let found = answer.parse::<Receipt>().ok();
            let (before, now) = (words(told.receipt.as_ref(), order), words(found.as_ref(), order));
            let mut stats = self.shared.stats();
            stats.findings.count(Check::OneAnswerPerKey, 1);
            if before != now {
                let detail = format!(
                    "shopper {} was answered twice with different words for order {order}",
                    self.number
                );
                stats.findings.add(Check::OneAnswerPerKey, detail, vec![before, now]);
            }
        }
    }
}

/// Describes what must be equal in every answer to one key.
fn words(receipt: Option<&Receipt>, order: OrderId) -> String {
    let Some(receipt) = receipt else {
        return format!("order {order} is refused");
    };
    let line = &receipt.lines[0];
    let cost = line.cost.map_or_else(|| "no cost".to_owned(), |cost| cost.to_string());
    let stock = line
        .stock
        .map_or_else(|| "nothing".to_owned(), |stock| stock.to_string());
    let what = match receipt.status {
        OrderStatus::Sold => "sold",
        OrderStatus::Refused => "refused",
    };
    format!(
        "order {} is {what} as entry {}: {} of item {} at {cost}, {stock} left",
        receipt.order, receipt.seq, line.quantity, line.item
    )
}
