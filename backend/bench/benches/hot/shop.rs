//! The books and purchases of the benchmarks.

use common::wire::{Book, OrderLines, Sale};
use common::{Deadline, Description, Entry, GroupPosition, ItemNumber, Kind, OrderId, Quantity, Seq, Stock, Timestamp};

/// The number of purchases or entries in a batch.
pub(crate) const BATCH: u64 = 256;
const STOCK: u64 = 1_000_000_000;
const TITLE: &str = "Xen and the Art of Surviving Graduate School";

/// The number of a book, counted from 0.
pub(crate) fn item(number: u64) -> ItemNumber {
    ItemNumber::try_from(1 + number).unwrap()
}

/// Makes `count` books.
pub(crate) fn books(count: u64) -> Vec<Book> {
    let book = |number| {
        let description = Description::new("graduate school");
        let (cost, stock) = ("75".parse().unwrap(), Stock::try_from(STOCK).unwrap());
        Book::new(item(number), TITLE.into(), description, cost, stock, Seq(number + 1))
    };
    (0..count).map(book).collect()
}

/// A sale of one copy.
pub(crate) fn sold(seq: Seq, item: ItemNumber) -> Entry {
    Entry {
        seq,
        at: Timestamp::now(),
        kind: Kind::Sold,
        item,
        line: GroupPosition::ONLY,
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

/// A batch of sales of four books.
pub(crate) fn entries(after: Seq) -> Vec<Entry> {
    let seqs = after.0 + 1..=after.0 + BATCH;
    seqs.map(|seq| sold(Seq(seq), item(seq % 4))).collect()
}

/// A batch of purchases of four books.
pub(crate) fn sales() -> Vec<Sale> {
    let sale = |number| Sale {
        id: OrderId::generate(),
        lines: OrderLines::one(item(number % 4), Quantity::ONE),
        keyed: true,
        resent: false,
        deadline: Deadline::after(common::limits::DEADLINE_MAX),
    };
    (0..BATCH).map(sale).collect()
}
