//! Entries and books as rows.

use common::wire::Book;
use common::{Cost, Entry, ItemNumber, OrderId, Reason, Seq, Stock, StoreId, Timestamp};
use uuid::Uuid;

use crate::StoreState;

/// `seq, at_micros, kind, item, quantity, change, stock_after, ord, unit_cost_cents, reason` as a row gives them.
pub(crate) type EntryRow = (
    i64,
    i64,
    String,
    i64,
    Option<i64>,
    i64,
    Option<i64>,
    Option<Uuid>,
    Option<i64>,
    Option<String>,
);

/// `item, title, author, topic, cost_cents, stock, seq` as a row gives them.
pub(crate) type BookRow = (i64, String, Option<String>, String, i64, i64, i64);

/// An entry as a row takes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) seq: i64,
    pub(crate) at_micros: i64,
    pub(crate) kind: &'static str,
    pub(crate) item: i64,
    pub(crate) quantity: Option<i64>,
    pub(crate) change: i64,
    pub(crate) stock_after: Option<i64>,
    pub(crate) ord: Option<Uuid>,
    pub(crate) unit_cost_cents: Option<i64>,
    pub(crate) reason: Option<&'static str>,
}

impl From<&Entry> for Columns {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: position(entry.seq),
            at_micros: entry.at.as_micros(),
            kind: entry.kind.as_str(),
            item: entry.item.get().into(),
            quantity: entry.quantity.map(i64::from),
            change: entry.change,
            stock_after: entry.stock_after.map(|stock| stock.get().into()),
            ord: entry.order.map(id_of),
            unit_cost_cents: entry.unit_cost.map(|cost| cost.cents().into()),
            reason: entry.reason.map(Reason::as_str),
        }
    }
}

/// A place in the ledger as a column holds it. No ledger gets as long as the columns' numbers go.
pub(crate) fn position(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// An order's id as a column holds it.
pub(crate) fn id_of(order: OrderId) -> Uuid {
    let (high, low) = order.as_u64_pair();
    Uuid::from_u64_pair(high, low)
}

/// A place in the ledger as a column gave it.
pub(crate) fn seq(position: i64) -> Result<Seq, String> {
    u64::try_from(position)
        .map(Seq)
        .map_err(|_| format!("{position} is no place in a ledger"))
}

/// The entry that a row is.
///
/// # Errors
/// Says which entry has what wrong.
pub(crate) fn entry(row: EntryRow) -> Result<Entry, String> {
    let (position, at_micros, kind, item, quantity, change, stock_after, ord, unit_cost_cents, reason) = row;
    let bad = |column: &str| format!("the entry {position} has a bad {column}");
    Ok(Entry {
        seq: seq(position)?,
        at: Timestamp::from_micros(at_micros),
        kind: kind.parse().map_err(|_| bad("kind"))?,
        item: number(item).ok_or_else(|| bad("item"))?,
        quantity: quantity
            .map(|quantity| u32::try_from(quantity).map_err(|_| bad("quantity")))
            .transpose()?,
        change,
        stock_after: stock_after
            .map(|stock| number(stock).ok_or_else(|| bad("stock_after")))
            .transpose()?,
        order: ord.map(OrderId::from),
        unit_cost: unit_cost_cents
            .map(|cents| number(cents).ok_or_else(|| bad("unit_cost_cents")))
            .transpose()?,
        reason: reason
            .map(|reason| reason.parse().map_err(|_| bad("reason")))
            .transpose()?,
    })
}

/// The entry of an order that a row is. A damaged index can lead to another order's.
///
/// # Errors
/// Says which entry has what wrong.
pub(crate) fn entry_of(order: OrderId, row: EntryRow) -> Result<Entry, String> {
    let entry = entry(row)?;
    match entry.order == Some(order) {
        true => Ok(entry),
        false => Err(format!(
            "the index leads from the order {order} to the entry {}",
            entry.seq
        )),
    }
}

/// The entries that rows are, which must follow each other from `after` on.
///
/// # Errors
/// Says which entry has what wrong, or is missing.
pub(crate) fn entries(after: Seq, rows: Vec<EntryRow>) -> Result<Vec<Entry>, String> {
    let mut last = after;
    rows.into_iter()
        .map(|row| {
            let entry = entry(row)?;
            last = last.next();
            match entry.seq == last {
                true => Ok(entry),
                false => Err(format!("the entry {last} is missing")),
            }
        })
        .collect()
}

/// What a store holds. No book can have changed after the last entry.
///
/// # Errors
/// Says what does not fit together.
pub(crate) fn loaded(store: StoreId, head: Seq, books: Vec<Book>) -> Result<StoreState, String> {
    match books.iter().find(|book| book.seq > head) {
        None => Ok(StoreState { store, head, books }),
        Some(Book { item, seq, .. }) => Err(format!(
            "the entry {seq} changed the book {item}, but the last entry is {head}"
        )),
    }
}

/// The book that a row is.
///
/// # Errors
/// Says which book has what wrong.
pub(crate) fn book(row: BookRow) -> Result<Book, String> {
    let (item, title, author, topic, cost_cents, stock, changed) = row;
    let bad = |column: &str| format!("the book {item} has a bad {column}");
    Ok(Book {
        item: number::<ItemNumber>(item).ok_or_else(|| bad("item"))?,
        title,
        author,
        topic,
        cost: number::<Cost>(cost_cents).ok_or_else(|| bad("cost_cents"))?,
        stock: number::<Stock>(stock).ok_or_else(|| bad("stock"))?,
        seq: seq(changed).map_err(|_| bad("seq"))?,
    })
}

fn number<N: TryFrom<u64>>(column: i64) -> Option<N> {
    u64::try_from(column).ok()?.try_into().ok()
}
