//! What can be wrong with one entry.

use std::fmt;

use common::{Cost, Entry, Kind, Reason, Seq, Stock, limits};

/// A book as the ledger gives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shelf {
    pub(super) stock: Stock,
    pub(super) cost: Option<Cost>,
    pub(super) seq: Seq,
}

pub(super) fn told(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// What is wrong with an entry, given the book as it stood before it.
pub(super) fn faults(entry: &Entry, shelf: Option<Shelf>) -> Vec<String> {
    let mut faults = Vec::new();
    let before = shelf.map_or(Stock::ZERO, |shelf| shelf.stock);
    let is_new = entry.kind == Kind::Set && entry.order.is_none();
    let is_unknown = entry.kind == Kind::Refused && entry.reason == Some(Reason::UnknownItem);
    if shelf.is_none() && !is_new && !is_unknown {
        faults.push("there is no such book".to_owned());
    } else if is_unknown {
        if shelf.is_some() || entry.stock_after.is_some() || entry.change != 0 {
            faults.push("it says that there is no such book, but there is".to_owned());
        }
    } else if entry.stock_after.is_none() || before.checked_add_signed(entry.change) != entry.stock_after {
        let after = told(entry.stock_after);
        faults.push(format!(
            "the stock after it is {after}, which {before} changed by {} is not",
            entry.change
        ));
    }
    faults.extend(columns(entry, before).map(str::to_owned));
    let keeps_cost = entry.kind != Kind::Set || entry.order.is_some();
    if let Some(shelf) = shelf.filter(|shelf| keeps_cost && shelf.cost != entry.unit_cost) {
        let (paid, cost) = (told(entry.unit_cost), told(shelf.cost));
        faults.push(format!("a copy is said to have cost {paid}, but it cost {cost} then"));
    }
    faults
}

/// What is wrong with the columns of an entry among themselves.
fn columns(entry: &Entry, before: Stock) -> Option<&'static str> {
    let quantity = entry.quantity;
    let is_order = quantity.is_some_and(|copies| (1..=limits::QUANTITY_MAX).contains(&copies));
    match entry.kind {
        Kind::Sold if entry.order.is_none() || !is_order => Some("a sale has an order and a quantity"),
        Kind::Sold if quantity.map(i64::from) != Some(-entry.change) => {
            Some("the stock changed by other than the quantity")
        }
        Kind::Refused if entry.order.is_none() || entry.reason.is_none() => Some("a refusal has an order and a reason"),
        Kind::Refused if entry.change != 0 => Some("a refusal changes no stock"),
        Kind::Refused
            if entry.reason == Some(Reason::SoldOut) && quantity.is_some_and(|copies| copies <= before.get()) =>
        {
            Some("it was refused for want of copies that were there")
        }
        Kind::Restocked if entry.order.is_none() => Some("a restock has an id"),
        Kind::Withdrawn if entry.stock_after != Some(Stock::ZERO) => Some("a withdrawn book leaves no stock"),
        kind if kind != Kind::Refused && entry.reason.is_some() => Some("only a refusal has a reason"),
        _ => None,
    }
}
