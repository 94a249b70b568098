//! A receipt as names and values for its pane, and as the text that is copied.

use jiff::tz::TimeZone;

use super::orders::{OrderState, Purchase};
use super::sanitize::sanitized;
use crate::journal::RecordedOrder;
use crate::{format, receipt};

/// The short values of an order.
pub(crate) fn numbers(purchase: &Purchase, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let sent = &purchase.sent;
    let receipt = match &purchase.state {
        OrderState::Sold(receipt) => Some(receipt),
        _ => None,
    };
    let mut numbers = vec![("Copies", sent.copies().to_string())];
    if let [line] = &sent.lines[..] {
        let cost = receipt.and_then(|receipt| receipt.lines.first()?.cost).or(line.cost);
        numbers.extend(cost.map(|cost| ("Cost", format::amount(cost.cents()))));
    }
    numbers.push(("Total", format::amount(purchase.total_cents())));
    numbers.push(("Placed", format::date_time(sent.at, zone)));
    if let Some(receipt) = receipt {
        numbers.push(("Decided", format::date_time(receipt.at, zone)));
        numbers.push(("Entry", format::thousands(receipt.seq.0)));
    }
    numbers
}

/// The books, where the order was placed, and its id.
pub(crate) fn names(purchase: &Purchase) -> Vec<(&'static str, String)> {
    let sent = &purchase.sent;
    let items: Vec<_> = sent.lines.iter().map(|line| line.item.to_string()).collect();
    let mut names = vec![
        ("Book", items.join(", ")),
        ("Order", sent.order.to_string()),
        ("Shop", sanitized(&sent.shop)),
    ];
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
