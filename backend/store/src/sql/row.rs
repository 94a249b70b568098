//! Entries and books as rows of tables.
//!
//! A column is declared once here; the statements are made from the declarations. A field that is added to [`Book`] or
//! [`Entry`] does not compile until it is converted here.

use common::wire::Book;
use common::{
    ArcStr, Cost, Description, Entry, Epoch, GroupPosition, ItemNumber, OrderId, Reason, Seq, Stock, StoreId, Timestamp,
};
use rusqlite::Statement;
use rusqlite::types::{FromSql as _, FromSqlResult, ValueRef};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row as _};
use uuid::Uuid;

use crate::StoreState;
use crate::texts::SharedTexts;

/// A column's name and its type in PostgreSQL.
pub(crate) type Column = (&'static str, &'static str);

/// Declares the columns of a table: a list with their names and types in PostgreSQL, and a row, which borrows its texts.
/// Every statement has the columns in this order.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $list:ident, $row:ident:
        $($column:ident: $type:ty = $postgres:literal;)*
    ) => {
        $(#[$doc])*
        pub(crate) const $list: &[Column] = &[$((stringify!($column), $postgres)),*];

        /// A row of the table.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $row<'a> {
            $(pub(crate) $column: $type,)*
        }

        impl<'a> $row<'a> {
            /// Binds the columns to the first parameters of a SQLite statement, and returns how many they are.
            pub(crate) fn bind_to_sqlite(&self, statement: &mut Statement<'_>) -> rusqlite::Result<usize> {
                let mut parameter = 0;
                $(
                    parameter += 1;
                    statement.raw_bind_parameter(parameter, self.$column)?;
                )*
                Ok(parameter)
            }

            /// Binds an array for each column to a PostgreSQL statement.
            pub(crate) fn bind_to<'q>(rows: &[Self], query: PgQuery<'q>) -> PgQuery<'q>
            where
                'a: 'q,
            {
                $(let query = query.bind(rows.iter().map(|row| row.$column).collect::<Vec<_>>());)*
                query
            }

            /// Reads a row of a SQLite query.
            pub(crate) fn from_sqlite(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                let mut next = 0..;
                Ok(Self { $($column: sqlite_column(row, next.next())?,)* })
            }

            /// Reads a row of a PostgreSQL query.
            pub(crate) fn from_postgres(row: &'a PgRow) -> Result<Self, sqlx::Error> {
                let mut next = 0..;
                Ok(Self { $($column: row.try_get(next.next().unwrap_or_default())?,)* })
            }
        }
    };
}

/// A PostgreSQL statement to which parameters are bound.
pub(crate) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

table! {
    /// The columns of `ledger` but for `batch`.
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

/// A type of a column of SQLite, which borrows from its row.
trait SqliteColumn<'a>: Sized {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self>;
}

impl<'a> SqliteColumn<'a> for i64 {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self> {
        value.as_i64()
    }
}

impl<'a> SqliteColumn<'a> for &'a str {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self> {
        value.as_str()
    }
}

impl<'a> SqliteColumn<'a> for Uuid {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self> {
        Self::column_result(value)
    }
}

impl<'a, T: SqliteColumn<'a>> SqliteColumn<'a> for Option<T> {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

fn sqlite_column<'a, T: SqliteColumn<'a>>(row: &'a rusqlite::Row<'_>, index: Option<usize>) -> rusqlite::Result<T> {
    let index = index.unwrap_or_default();
    let value = row.get_ref(index)?;
    T::from_value(value)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(index, value.data_type(), error.into()))
}

/// An item number as a column. No item number reaches the largest column value.
pub(crate) fn item_column(item: ItemNumber) -> i64 {
    i64::try_from(item.get()).unwrap_or(i64::MAX)
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
        line: group_line(line, lines).ok_or_else(|| bad("line"))?,
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

/// Converts a row with the first entry of a group and its id.
///
/// # Errors
/// That of [`seq_of`].
pub(crate) fn order((seq, order): (i64, Uuid)) -> Result<(Seq, OrderId), String> {
    Ok((seq_of(seq)?, OrderId::from(order)))
}

fn group_line(number: i64, count: i64) -> Option<GroupPosition> {
    GroupPosition::new(number.try_into().ok()?, count.try_into().ok()?)
}

/// Converts a row, which must be the entry after `last`.
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

/// Checks the entries that the index returned for an order.
///
/// # Errors
/// An entry of another order, to which a damaged index can lead; a part of the order.
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

/// Converts a row; books share the texts of their descriptions.
///
/// # Errors
/// Names the book and its bad column.
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
