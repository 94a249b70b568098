//! Converts entries and books to rows of tables and back.
//!
//! The statements are built from the columns declared here. After a field is added to [`Book`] or [`Entry`], this module does
//! not compile until it converts the field.

use common::wire::Book;
use common::{
    ArcStr, Cost, Description, Entry, Epoch, GroupPosition, ItemNumber, OrderId, Reason, Seq, Stock, StoreId, Timestamp,
};
use rusqlite::Statement;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::table::{Column, PgQuery, sqlite_column, table};
use crate::StoreState;
use crate::texts::SharedTexts;

table! {
    /// The columns of `ledger` except `batch`.
    ENTRY_COLUMNS, EntryRow:
    seq: i64 = "BIGINT";
    at_micros: i64 = "BIGINT";
    kind: &'a str = "TEXT";
    item: i64 = "BIGINT";
    line: i64 = "BIGINT";
    lines: i64 = "BIGINT";
    quantity: Option<i64> = "BIGINT";
    change: i64 = "BIGINT";
    stock_after: Option<i64> = "BIGINT";
    ord: Option<Uuid> = "UUID";
    unit_cost_cents: Option<i64> = "BIGINT";
    reason: Option<&'a str> = "TEXT";
    title: Option<&'a str> = "TEXT";
    topic: Option<&'a str> = "TEXT";
    author: Option<&'a str> = "TEXT";
}

table! {
    /// The columns of `books`, the primary key first.
    BOOK_COLUMNS, BookRow:
    item: i64 = "BIGINT";
    title: &'a str = "TEXT";
    author: Option<&'a str> = "TEXT";
    topic: &'a str = "TEXT";
    cost_cents: i64 = "BIGINT";
    stock: i64 = "BIGINT";
    seq: i64 = "BIGINT";
}

impl<'a> From<&'a Entry> for EntryRow<'a> {
    fn from(entry: &'a Entry) -> Self {
        let &Entry {
            seq,
            at,
            kind,
            item,
            line,
            quantity,
            change,
            stock_after,
            order,
            unit_cost,
            reason,
            ref title,
            ref description,
        } = entry;
        let texts = description.as_deref().map(Description::texts).unwrap_or_default();
        let [topic, author] = texts.map(|text| text.map(ArcStr::as_str));
        Self {
            seq: seq_column(seq),
            at_micros: at.as_micros(),
            kind: kind.as_str(),
            item: item_column(item),
            line: line.number().into(),
            lines: line.count().into(),
            quantity: quantity.map(|quantity| quantity.get().into()),
            change,
            stock_after: stock_after.map(|stock| stock.get().into()),
            ord: order.map(order_column),
            unit_cost_cents: unit_cost.map(|cost| cost.cents().into()),
            reason: reason.map(Reason::as_str),
            title: title.as_deref(),
            topic,
            author,
        }
    }
}

impl<'a> From<&'a Book> for BookRow<'a> {
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
            item: item_column(*item),
            title,
            author: author.as_deref(),
            topic,
            cost_cents: cost.cents().into(),
            stock: stock.get().into(),
            seq: seq_column(*seq),
        }
    }
}

/// Converts an item number, which is always smaller than the largest column value.
pub(crate) fn item_column(item: ItemNumber) -> i64 {
    i64::try_from(item.get()).unwrap_or(i64::MAX)
}

/// Converts a sequence number. No ledger reaches the largest column value.
pub(crate) fn seq_column(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// Converts a row limit.
pub(crate) fn limit_column(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Converts an order id.
pub(crate) fn order_column(order: OrderId) -> Uuid {
    let (high, low) = order.as_u64_pair();
    Uuid::from_u64_pair(high, low)
}

/// Converts a column with a sequence number.
///
/// # Errors
/// A negative number.
pub(crate) fn seq_of(column: i64) -> Result<Seq, String> {
    u64::try_from(column)
        .map(Seq)
        .map_err(|_| format!("{column} is not a sequence number"))
}

/// Converts a row of `ledger`.
///
/// # Errors
/// A message with the entry and its invalid column.
pub(crate) fn entry(row: EntryRow<'_>) -> Result<Entry, String> {
    let EntryRow {
        seq,
        at_micros,
        kind,
        item,
        line,
        lines,
        quantity,
        change,
        stock_after,
        ord,
        unit_cost_cents,
        reason,
        title,
        topic,
        author,
    } = row;
    let bad = |column: &str| format!("the entry {seq} has a bad {column}");
    let texts = [topic, author].map(|text| text.map(ArcStr::from));
    Ok(Entry {
        seq: seq_of(seq)?,
        at: Timestamp::from_micros(at_micros),
        kind: kind.parse().map_err(|_| bad("kind"))?,
        item: number(item).ok_or_else(|| bad("item"))?,
        line: group_position(line, lines).ok_or_else(|| bad("line"))?,
        quantity: quantity
            .map(|quantity| number(quantity).ok_or_else(|| bad("quantity")))
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
        title: title.map(ArcStr::from),
        description: Description::from_texts(texts).map_err(|_| bad("topic"))?.map(Box::new),
    })
}

/// Converts a row with the first entry of an order and the order id.
///
/// # Errors
/// That of [`seq_of`].
pub(crate) fn order((seq, order): (i64, Uuid)) -> Result<(Seq, OrderId), String> {
    Ok((seq_of(seq)?, OrderId::from(order)))
}

fn group_position(number: i64, count: i64) -> Option<GroupPosition> {
    GroupPosition::new(number.try_into().ok()?, count.try_into().ok()?)
}

/// Converts a row of `ledger`, which must be the entry after `last`.
///
/// # Errors
/// Those of [`entry`]; a missing entry.
pub(crate) fn next_entry(last: Seq, row: EntryRow<'_>) -> Result<Entry, String> {
    let entry = entry(row)?;
    match entry.seq == last.next() {
        true => Ok(entry),
        false => Err(format!("the entry {} is missing", last.next())),
    }
}

/// Checks that the entries that the index returned are all lines of an order.
///
/// # Errors
/// An entry of another order, which a damaged index may return; a missing line.
pub(crate) fn check_order(order: OrderId, entries: &[Entry]) -> Result<(), String> {
    if let Some(other) = entries.iter().find(|entry| entry.order != Some(order)) {
        return Err(format!(
            "the index leads from the order {order} to the entry {}",
            other.seq
        ));
    }
    let lines = (1..).map_while(|number| GroupPosition::new(number, entries.first()?.line.count()));
    match entries.iter().map(|entry| entry.line).eq(lines) {
        true => Ok(()),
        false => Err(format!("the order {order} lacks lines")),
    }
}

/// Builds the state of a store of the first epoch.
///
/// # Errors
/// A book that an entry after `head` changed.
pub(crate) fn store_state(store: StoreId, head: Seq, books: Vec<Book>) -> Result<StoreState, String> {
    match books.iter().find(|book| book.seq > head) {
        None => Ok(StoreState {
            store,
            epoch: Epoch::FIRST,
            head,
            books,
        }),
        Some(Book { item, seq, .. }) => Err(format!(
            "the entry {seq} changed the book {item}, but the last entry is {head}"
        )),
    }
}

/// Converts a row of `books`; books share the texts of their descriptions.
///
/// # Errors
/// A message with the book and its invalid column.
pub(crate) fn book(row: BookRow<'_>, texts: &mut SharedTexts) -> Result<Book, String> {
    let BookRow {
        item,
        title,
        author,
        topic,
        cost_cents,
        stock,
        seq,
    } = row;
    let bad = |column: &str| format!("the book {item} has a bad {column}");
    Ok(Book {
        item: number::<ItemNumber>(item).ok_or_else(|| bad("item"))?,
        title: title.into(),
        author: author.map(|author| texts.get(author)),
        topic: texts.get(topic),
        cost: number::<Cost>(cost_cents).ok_or_else(|| bad("cost_cents"))?,
        stock: number::<Stock>(stock).ok_or_else(|| bad("stock"))?,
        seq: seq_of(seq).map_err(|_| bad("seq"))?,
    })
}

fn number<N: TryFrom<u64>>(column: i64) -> Option<N> {
    u64::try_from(column).ok()?.try_into().ok()
}
