//! One transaction.

use std::io;
use std::path::Path;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{damaged, error, shown};
use crate::Error;
use crate::sql::{self, Batch, Columns, Replacement};

/// Rows of one statement. An entry has 11 columns, and SQLite takes 32,766 values a statement.
const ROWS_MAX: usize = 512;
/// A batch is cut into one statement with a multiple of so many rows, and one with the rest: so there are few different
/// ones, and each is prepared once.
const ROWS_STEP: usize = 32;

/// The disk is full (<https://sqlite.org/rescode.html#full>).
const FULL: i32 = 13;
/// Somebody else writes (<https://sqlite.org/rescode.html#busy>).
const BUSY: i32 = 5;

/// SQLite's code for an error, without the extension that says more.
pub(super) fn code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// Why a transaction was rolled back.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not begin.
    Begin(sqlx::Error),
    /// The database said no.
    Sql(sqlx::Error),
    /// A stock does not follow from the entries.
    Unfit,
    /// Something else about the store.
    Store(Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Failure {
    fn code(&self) -> Option<i32> {
        let (Self::Begin(error) | Self::Sql(error)) = self else {
            return None;
        };
        code(error)
    }

    /// Whether there was no room.
    pub(super) fn is_full(&self) -> bool {
        self.code() == Some(FULL)
    }

    /// The store's error.
    pub(super) fn error(self, operation: &'static str, file: &Path) -> Error {
        let code = self.code();
        match self {
            Self::Begin(busy) if code == Some(BUSY) => Error::Unavailable {
                store: shown(file),
                why: sql::why(&busy),
            },
            Self::Begin(_) | Self::Sql(_) if code == Some(FULL) => Error::Full {
                path: file.to_owned(),
                source: io::ErrorKind::StorageFull.into(),
            },
            Self::Begin(failed) | Self::Sql(failed) => error(operation, file)(failed),
            Self::Unfit => damaged(file, "the stock of a book does not follow from its entries".to_owned()),
            Self::Store(error) => error,
        }
    }
}

/// Runs work in one transaction, which is durable on return; after a failure nothing of it is left.
pub(super) async fn transact(
    connection: &mut SqliteConnection,
    work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(), Failure>,
) -> Result<(), Failure> {
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await
        .map_err(Failure::Begin)?;
    let done = match work(&mut *connection).await {
        Ok(()) => sqlx::query("COMMIT").execute(&mut *connection).await.map(drop),
        Err(failure) => {
            roll_back(connection).await;
            return Err(failure);
        }
    };
    if done.is_err() {
        roll_back(connection).await;
    }
    Ok(done?)
}

/// After some errors SQLite has rolled back by itself, and a second time is an error; if it really fails, the next
/// transaction cannot begin.
async fn roll_back(connection: &mut SqliteConnection) {
    let _ = sqlx::query("ROLLBACK").execute(connection).await;
}

/// Cuts rows into the statements that they are written by.
fn statements<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let (even, rest) = rows.split_at(rows.len() - rows.len() % ROWS_STEP);
    even.chunks(ROWS_MAX).chain((!rest.is_empty()).then_some(rest))
}

/// Writes the ledger's rows.
pub(super) async fn insert_entries(connection: &mut SqliteConnection, batch: &Batch<'_>) -> Result<(), Failure> {
    let first = sql::position(batch.head.next());
    for entries in statements(batch.entries) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO ledger (seq, at_micros, kind, item, quantity, change, stock_after, ord, unit_cost_cents, \
             reason, batch) ",
        );
        query.push_values(entries.iter().map(Columns::from), |mut row, columns| {
            row.push_bind(columns.seq)
                .push_bind(columns.at_micros)
                .push_bind(columns.kind)
                .push_bind(columns.item)
                .push_bind(columns.quantity)
                .push_bind(columns.change)
                .push_bind(columns.stock_after)
                .push_bind(columns.ord)
                .push_bind(columns.unit_cost_cents)
                .push_bind(columns.reason)
                .push_bind(first);
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Brings the books to where the entries lead, if they lead there from where the books are.
pub(super) async fn update_books(connection: &mut SqliteConnection, batch: &Batch<'_>) -> Result<(), Failure> {
    delete_books(connection, &batch.gone).await?;
    for shelves in statements(&batch.shelves) {
        let mut query = QueryBuilder::<Sqlite>::new("UPDATE books SET stock = new.column3, seq = new.column4 FROM (");
        query.push_values(shelves, |mut row, shelf| {
            row.push_bind(shelf.item)
                .push_bind(shelf.change)
                .push_bind(shelf.stock)
                .push_bind(shelf.seq);
        });
        query.push(") AS new WHERE books.item = new.column1 AND books.stock + new.column2 = new.column3");
        let updated = query.build().execute(&mut *connection).await?;
        if updated.rows_affected() != shelves.len() as u64 {
            return Err(Failure::Unfit);
        }
    }
    Ok(())
}

/// Puts other books in.
pub(super) async fn replace_books(
    connection: &mut SqliteConnection,
    replacement: &Replacement<'_>,
) -> Result<(), Failure> {
    delete_books(connection, &replacement.gone).await?;
    for books in statements(&replacement.put) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO books (item, title, author, topic, cost_cents, stock, seq) ");
        query.push_values(books, |mut row, book| {
            row.push_bind(i64::from(book.item.get()))
                .push_bind(&book.title)
                .push_bind(book.author.as_deref())
                .push_bind(&book.topic)
                .push_bind(i64::from(book.cost.cents()))
                .push_bind(i64::from(book.stock.get()))
                .push_bind(sql::position(book.seq));
        });
        query.push(
            " ON CONFLICT (item) DO UPDATE SET title = excluded.title, author = excluded.author, topic = excluded.topic, \
             cost_cents = excluded.cost_cents, stock = excluded.stock, seq = excluded.seq",
        );
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn delete_books(connection: &mut SqliteConnection, items: &[i64]) -> Result<(), Failure> {
    for items in statements(items) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM books WHERE item IN (");
        let mut list = query.separated(", ");
        for item in items {
            list.push_bind(*item);
        }
        query.push(")");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
