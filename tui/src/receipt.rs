//! Receipts as plain text, for commands, files and the clipboard.

use common::wire::{OrderStatus, Receipt};
use common::{Reason, Timestamp, text};
use unicode_width::UnicodeWidthStr;

use crate::journal::{NotSold, NotSoldReason, Outcome, RecordedOrder, SentOrder};

/// The shop's receipt, on several lines without a final line break.
pub(crate) fn of_shop(receipt: &Receipt) -> String {
    let (status, shown) = of_receipt(receipt);
    format!("{status}\n{}", pairs(&shown))
}

/// The decision, and the names and values that describe it.
fn of_receipt(receipt: &Receipt) -> (String, Vec<(&'static str, String)>) {
    let reason = receipt.lines.iter().filter_map(|line| line.reason);
    let status = match (
        receipt.status,
        reason.max_by_key(|&reason| reason != Reason::WithOthers),
    ) {
        (OrderStatus::Sold, _) => "Sold".to_owned(),
        (OrderStatus::Refused, Some(reason)) => format!("Refused: {reason}"),
        (OrderStatus::Refused, None) => "Refused".to_owned(),
    };
    let mut shown = vec![("order", receipt.order.to_string())];
    for line in &receipt.lines {
        shown.push(("item", line.item.to_string()));
        shown.extend(line.title.as_ref().map(|title| ("title", title.to_string())));
        shown.push(("quantity", line.quantity.to_string()));
        shown.extend(line.cost.map(|cost| ("cost", cost.to_string())));
        shown.push(("total", line.total.to_string()));
        shown.extend(line.stock.map(|stock| ("left", stock.to_string())));
    }
    if receipt.lines.len() > 1 {
        shown.push(("total", receipt.total.to_string()));
    }
    shown.push(("at", receipt.at.to_string()));
    (status, shown)
}

/// The receipt of a recorded order, with its store.
pub(crate) fn of_order(order: &RecordedOrder) -> String {
    let sent = &order.sent;
    let (status, mut shown) = match &order.outcome {
        Outcome::Sold(receipt) => of_receipt(receipt),
        Outcome::Undecided => ("Unknown: no answer is on record".to_owned(), of_sent(sent, sent.at)),
        Outcome::NotSold(not_sold) => (of_not_sold(not_sold), of_sent(sent, not_sold.at)),
    };
    shown.push(("store", sent.shop.clone()));
    shown.extend(sent.store.map(|store| ("store id", store.to_string())));
    format!("{status}\n{}", pairs(&shown))
}

fn of_sent(sent: &SentOrder, at: Timestamp) -> Vec<(&'static str, String)> {
    let mut shown = vec![("order", sent.order.to_string())];
    for line in &sent.lines {
        shown.push(("item", line.item.to_string()));
        shown.extend(line.title.clone().map(|title| ("title", title)));
        shown.push(("quantity", line.quantity.to_string()));
        shown.extend(line.cost.map(|cost| ("cost", cost.to_string())));
    }
    shown.push(("at", at.to_string()));
    shown
}

fn of_not_sold(not_sold: &NotSold) -> String {
    let why = match (not_sold.reason, not_sold.detail.is_empty()) {
        (NotSoldReason::SoldOut, _) => return "Refused: sold-out".to_owned(),
        (NotSoldReason::Refused, true) => return "Refused".to_owned(),
        (NotSoldReason::NotPlaced, true) => return "Not placed".to_owned(),
        (NotSoldReason::Refused, false) => "Refused",
        (NotSoldReason::NotPlaced, false) => "Not placed",
    };
    format!("{why}: {}", not_sold.detail)
}

/// One name and value per line; values are aligned and sanitized.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let lines: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("  {name:width$}  {}", text::sanitize(value)))
        .collect();
    lines.join("\n")
}
