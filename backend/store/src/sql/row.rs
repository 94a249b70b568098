//! Entries and books as rows of tables.
//!
//! A column is named in one list here; the statements are made from the lists. A field that is added to [`Book`] or
//! [`Entry`] does not compile until it is converted here, and fails every test until the list has it too.

use common::wire::Book;
use common::{Cost, Entry, ItemNumber, OrderId, Reason, Seq, Stock, StoreId, Timestamp};
use uuid::Uuid;

use crate::StoreState;

/// A column's name and its type in PostgreSQL.
pub(crate) type Column = (&'static str, &'static str);

/// The columns of `ledger` but for `batch`, in the order of [`EntryRow`] and [`EntryColumns`].
pub(crate) const ENTRY_COLUMNS: [Column; 10] = [
    ("seq", "BIGINT"),
    ("at_micros", "BIGINT"),
    ("kind", "TEXT"),
    ("item", "BIGINT"),
    ("quantity", "BIGINT"),
    ("change", "BIGINT"),
    ("stock_after", "BIGINT"),
    ("ord", "UUID"),
    ("unit_cost_cents", "BIGINT"),
    ("reason", "TEXT"),
];

/// The columns of `books`, the primary key first, in the order of [`BookRow`] and [`BookColumns`].
pub(crate) const BOOK_COLUMNS: [Column; 7] = [
    ("item", "BIGINT"),
    ("title", "TEXT"),
    ("author", "TEXT"),
    ("topic", "TEXT"),
    ("cost_cents", "BIGINT"),
    ("stock", "BIGINT"),
    ("seq", "BIGINT"),
];

/// An entry as a query returns it.
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

/// A book as a query returns it.
pub(crate) type BookRow = (i64, String, Option<String>, String, i64, i64, i64);

/// An entry as it is bound to a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryColumns {
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

impl From<&Entry> for EntryColumns {
    fn from(entry: &Entry) -> Self {
        let &Entry {
            seq,
            at,
            kind,
            item,
            quantity,
            change,
            stock_after,
            order,
            unit_cost,
            reason,
        } = entry;
        Self {
            seq: seq_column(seq),
            at_micros: at.as_micros(),
            kind: kind.as_str(),
            item: item.get().into(),
            quantity: quantity.map(i64::from),
            change,
            stock_after: stock_after.map(|stock| stock.get().into()),
            ord: order.map(order_column),
            unit_cost_cents: unit_cost.map(|cost| cost.cents().into()),
            reason: reason.map(Reason::as_str),
        }
    }
}

/// A book as it is bound to a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BookColumns<'a> {
    pub(crate) item: i64,
    pub(crate) title: &'a str,
    pub(crate) author: Option<&'a str>,
    pub(crate) topic: &'a str,
    pub(crate) cost_cents: i64,
    pub(crate) stock: i64,
    pub(crate) seq: i64,
}

impl<'a> From<&'a Book> for BookColumns<'a> {
    fn from(book: &'a Book) -> Self {
        let Book {
            item,
            title,
            author,
            topic,
            cost,
            stock,
            seq,
        } = book;
        Self {
            item: item.get().into(),
            title,
            author: author.as_deref(),
            topic,
            cost_cents: cost.cents().into(),
            stock: stock.get().into(),
            seq: seq_column(*seq),
        }
    }
}

/// A sequence number as a column. No ledger reaches the largest column value.
pub(crate) fn seq_column(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// A row limit as a column.
pub(crate) fn limit_column(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// An order's id as a column.
pub(crate) fn order_column(order: OrderId) -> Uuid {
    let (high, low) = order.as_u64_pair();
    Uuid::from_u64_pair(high, low)
}

/// # Errors
/// A column that is not a sequence number.
pub(crate) fn seq_of(column: i64) -> Result<Seq, String> {
    u64::try_from(column)
        .map(Seq)
        .map_err(|_| format!("{column} is not a sequence number"))
}

/// # Errors
/// Names the entry and its bad column.
pub(crate) fn entry(row: EntryRow) -> Result<Entry, String> {
    let (seq, at_micros, kind, item, quantity, change, stock_after, ord, unit_cost_cents, reason) = row;
    let bad = |column: &str| format!("the entry {seq} has a bad {column}");
    Ok(Entry {
        seq: seq_of(seq)?,
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

/// Converts a row that the index returned for an order.
///
/// # Errors
/// Those of [`entry`]; an entry of another order, to which a damaged index can lead.
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

/// Converts rows, which must be consecutive after `after`.
///
/// # Errors
/// Those of [`entry`]; a missing entry.
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

/// # Errors
/// A book that an entry after `head` changed.
pub(crate) fn store_state(store: StoreId, head: Seq, books: Vec<Book>) -> Result<StoreState, String> {
    match books.iter().find(|book| book.seq > head) {
        None => Ok(StoreState { store, head, books }),
        Some(Book { item, seq, .. }) => Err(format!(
            "the entry {seq} changed the book {item}, but the last entry is {head}"
        )),
    }
}

/// # Errors
/// Names the book and its bad column.
pub(crate) fn book(row: BookRow) -> Result<Book, String> {
    let (item, title, author, topic, cost_cents, stock, seq) = row;
    let bad = |column: &str| format!("the book {item} has a bad {column}");
    Ok(Book {
        item: number::<ItemNumber>(item).ok_or_else(|| bad("item"))?,
        title,
        author,
        topic,
        cost: number::<Cost>(cost_cents).ok_or_else(|| bad("cost_cents"))?,
        stock: number::<Stock>(stock).ok_or_else(|| bad("stock"))?,
        seq: seq_of(seq).map_err(|_| bad("seq"))?,
    })
}

fn number<N: TryFrom<u64>>(column: i64) -> Option<N> {
    u64::try_from(column).ok()?.try_into().ok()
}
