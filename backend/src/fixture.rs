//! What several unit tests need.

use common::client::{ServiceEndpoint, http_client};
use common::wire::Book;
use common::{Cost, Entry, ItemNumber, Kind, OrderId, Seq, Stock, Timestamp};

pub(crate) fn item(number: u64) -> ItemNumber {
    ItemNumber::try_from(number).unwrap()
}

/// The sale of one copy at 40.00, which left that stock.
pub(crate) fn sold(seq: u64, number: u64, stock_after: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        at: Timestamp::from_micros(0),
        kind: Kind::Sold,
        item: item(number),
        quantity: Some(1),
        change: -1,
        stock_after: Stock::try_from(stock_after).ok(),
        order: Some(OrderId::generate()),
        unit_cost: Cost::try_from(4_000).ok(),
        reason: None,
    }
}

/// A book at 40.00 whose title contains a field of its JSON.
pub(crate) fn book(number: u64, stock: u64, seq: u64) -> Book {
    Book {
        item: item(number),
        title: format!("Book {number}, \",\"stock\":7\""),
        author: None,
        topic: "t".to_owned(),
        cost: Cost::try_from(4_000).unwrap(),
        stock: Stock::try_from(stock).unwrap(),
        seq: Seq(seq),
    }
}

/// A service at that address.
pub(crate) fn endpoint(url: &str) -> ServiceEndpoint {
    ServiceEndpoint::parse(http_client().unwrap(), url).unwrap()
}
