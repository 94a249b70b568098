//! Values for unit tests.

use common::client::{ServiceEndpoint, http_client};
use common::wire::Book;
use common::{
    ArcStr, Cost, Description, Entry, GroupPosition, ItemNumber, Kind, OrderId, Position, Quantity, Seq, Stock,
    Timestamp,
};

pub(crate) fn item(number: u64) -> ItemNumber {
    ItemNumber::try_from(number).unwrap()
}

/// A position in a history that was never replaced.
pub(crate) fn at(seq: u64) -> Position {
    Seq(seq).into()
}

/// The sale of one copy at 40.00, which left that stock.
pub(crate) fn sold(seq: u64, number: u64, stock_after: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        at: Timestamp::from_micros(0),
        kind: Kind::Sold,
        item: item(number),
        line: GroupPosition::ONLY,
        quantity: Some(Quantity::ONE),
        change: -1,
        stock_after: Stock::try_from(stock_after).ok(),
        order: Some(OrderId::generate()),
        unit_cost: Cost::try_from(4_000).ok(),
        reason: None,
        title: Some(title(number)),
        description: None,
    }
}

/// A title that contains a field of a book's JSON.
fn title(number: u64) -> ArcStr {
    format!("Book {number}, \",\"stock\":7\"").into()
}

/// A book at 40.00.
pub(crate) fn book(number: u64, stock: u64, seq: u64) -> Book {
    let (cost, stock) = (Cost::try_from(4_000).unwrap(), Stock::try_from(stock).unwrap());
    Book::new(
        item(number),
        title(number),
        Description::new("t"),
        cost,
        stock,
        Seq(seq),
    )
}

/// A service at that address.
pub(crate) fn endpoint(url: &str) -> ServiceEndpoint {
    ServiceEndpoint::parse(http_client().unwrap(), url).unwrap()
}
