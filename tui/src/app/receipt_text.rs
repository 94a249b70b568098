//! A receipt as labels and values for its pane, and as text for the clipboard.

use common::money::Total;
use common::{Cost, Quantity};
use jiff::tz::TimeZone;

use super::orders::{OrderState, Purchase};
use super::sanitize::sanitized;
use crate::journal::{NotSoldReason, RecordedOrder, SentLine};
use crate::{format, receipt};

/// A book of an order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ShownLine {
    pub(crate) title: String,
    pub(crate) quantity: Quantity,
    pub(crate) cost: Option<Cost>,
    /// The amount in cents; `None` if it is unknown or the order was not sold.
    pub(crate) cents: Option<u64>,
    /// Why this line caused the refusal of the order; `None` if it did not.
    pub(crate) refused: Option<String>,
}

impl Purchase {
    /// The lines of the order. Title and cost come from the receipt if there is one, else from the order: commands send orders
    /// without them.
    pub(crate) fn lines(&self) -> Vec<ShownLine> {
        let (receipt, not_sold) = match &self.state {
            OrderState::Sold(receipt) => (Some(receipt), None),
            OrderState::NotSold(not_sold) => (None, Some(not_sold)),
            _ => (None, None),
        };
        let line = |sent: &SentLine| {
            let sold = receipt.and_then(|receipt| receipt.lines.iter().find(|line| line.item == sent.item));
            let refused = not_sold.and_then(|not_sold| {
                let short = not_sold.short.iter().find(|line| line.item == sent.item)?;
                Some(match not_sold.reason {
                    NotSoldReason::SoldOut => format!("{} left", format::stock(short.stock.get())),
                    _ => "not in the shop".to_owned(),
                })
            });
            let title = sold.and_then(|line| line.title.as_deref()).or(sent.title.as_deref());
            let title = title
                .map(|title| sanitized(&title))
                .filter(|title| !title.trim().is_empty());
            let cost = sold.and_then(|line| line.cost).or(sent.cost);
            let cents = cost
                .filter(|_| self.state.is_pending())
                .map(|cost| cost.times(sent.quantity));
            ShownLine {
                title: title.unwrap_or_else(|| format!("item {}", sent.item)),
                quantity: sent.quantity,
                cost,
                cents: sold.map(|line| line.total).or(cents).map(Total::cents),
                refused,
            }
        };
        self.sent.lines.iter().map(line).collect()
    }

    pub(crate) fn titles(&self) -> Vec<String> {
        self.lines().into_iter().map(|line| line.title).collect()
    }

    /// The title of the first book, and the number of other books.
    pub(crate) fn title(&self) -> String {
        format::first_of(&self.titles(), usize::MAX, "")
    }
}

/// Labels and numbers of an order. Copies, cost and total only for a single book: several books have them in their lines.
pub(crate) fn numbers(purchase: &Purchase, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let sent = &purchase.sent;
    let receipt = match &purchase.state {
        OrderState::Sold(receipt) => Some(receipt),
        _ => None,
    };
    let mut numbers = Vec::new();
    if let [line] = &sent.lines[..] {
        numbers.push(("Copies", sent.copies().to_string()));
        let cost = receipt.and_then(|receipt| receipt.lines.first()?.cost).or(line.cost);
        numbers.extend(cost.map(|cost| ("Cost", format::amount(cost.cents()))));
        numbers.push(("Total", format::amount(purchase.total_cents())));
    }
    numbers.push(("Placed", format::date_time(sent.at, zone)));
    if let Some(receipt) = receipt {
        numbers.push(("Decided", format::date_time(receipt.at, zone)));
        numbers.push(("Entry", format::thousands(receipt.seq.0)));
    }
    numbers
}

/// Labels and ids of an order: its only book, the order, the shop and the store.
pub(crate) fn names(purchase: &Purchase) -> Vec<(&'static str, String)> {
    let sent = &purchase.sent;
    let mut names = Vec::new();
    if let [line] = &sent.lines[..] {
        names.push(("Book", line.item.to_string()));
    }
    names.push(("Order", sent.order.to_string()));
    names.push(("Shop", sanitized(&sent.shop)));
    if let Some(store) = sent.store {
        names.push(("Store", store.to_string()));
    }
    names
}

/// The receipt as plain text.
pub(super) fn text(purchase: &Purchase) -> String {
    receipt::of_order(&RecordedOrder {
        sent: purchase.sent.clone(),
        outcome: purchase.state.outcome(),
    })
}
