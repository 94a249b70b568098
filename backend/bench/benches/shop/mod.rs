//! What is bought and sold in the benchmarks.

use common::wire::Book;
use common::{Entry, GroupLine, ItemNumber, Kind, OrderId, Quantity, Seq, Stock, Timestamp};

const STOCK: u64 = 1_000_000_000;
const TITLE: &str = "Xen and the Art of Surviving Graduate School";

/// The number of a book, counted from 0.
pub(crate) fn item(number: u64) -> ItemNumber {
    ItemNumber::try_from(1 + number).unwrap()
}

/// That book, as the ledger's entry `seq` left it.
pub(crate) fn book(number: u64, seq: Seq) -> Book {
    Book {
        item: item(number),
        title: TITLE.into(),
        author: None,
        topic: "graduate school".into(),
        cost: "75".parse().unwrap(),
        stock: Stock::try_from(STOCK).unwrap(),
        seq,
    }
}

/// A sale of one.
pub(crate) fn sold(seq: Seq, item: ItemNumber) -> Entry {
    Entry {
        seq,
        at: Timestamp::now(),
        kind: Kind::Sold,
        item,
        line: GroupLine::ONLY,
        quantity: Some(Quantity::ONE),
        change: -1,
        stock_after: Some(Stock::try_from(STOCK - seq.0 % STOCK).unwrap()),
        order: Some(OrderId::generate()),
        unit_cost: Some("75".parse().unwrap()),
        reason: None,
        title: Some(TITLE.into()),
        description: None,
    }
}
