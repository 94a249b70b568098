//! One transaction.

use std::path::Path;

use common::wire::Book;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{damaged, error, shown};
use crate::Error;
use crate::sql::{self, BOOK_COLUMNS, Batch, BookColumns, ENTRY_COLUMNS, EntryColumns, statements};

/// Rows of one statement. SQLite accepts 32,766 parameters, and an entry has far fewer than 64 columns.
const ROWS_MAX: usize = 512;
/// A batch is split into statements whose row count is a multiple of this, and one for the rest: there are few different
/// statements, and each is prepared once.
const ROWS_STEP: usize = 32;

/// SQLITE_FULL (<https://sqlite.org/rescode.html#full>).
const FULL: i32 = 13;
/// SQLITE_BUSY (<https://sqlite.org/rescode.html#busy>).
const BUSY: i32 = 5;
/// SQLITE_CANTOPEN (<https://sqlite.org/rescode.html#cantopen>): no descriptor is left.
const CANTOPEN: i32 = 14;

/// SQLITE_IOERR_SHMSIZE (<https://sqlite.org/rescode.html#ioerr_shmsize>): no room for the index of the write-ahead log.
const IOERR_SHMSIZE: i32 = 4874;

/// The primary result code of an error.
pub(super) fn code(error: &sqlx::Error) -> Option<i32> {
    Some(extended_code(error)? & 0xff)
}

fn extended_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Whether the disk is too full to open a database whose log has no index yet.
pub(super) fn is_full_index(error: &sqlx::Error) -> bool {
    extended_code(error) == Some(IOERR_SHMSIZE)
}

/// Whether an operation that needs another file, or the pool, failed before it began.
pub(super) fn is_unavailable(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut) || code(error) == Some(CANTOPEN)
}

/// Why a transaction was rolled back.
#[derive(Debug)]
pub(super) enum TxError {
    /// It could not begin.
    Begin(sqlx::Error),
    /// A statement or the commit failed.
    Sql(sqlx::Error),
    /// The entries do not lead from the stored stock to the new one.
    StockMismatch,
    Store(Error),
}

impl From<sqlx::Error> for TxError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for TxError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl TxError {
    fn code(&self) -> Option<i32> {
        let (Self::Begin(error) | Self::Sql(error)) = self else {
            return None;
        };
        code(error)
    }

    /// Whether SQLite has rolled the transaction back and a later one may succeed.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self.code(), Some(FULL | CANTOPEN))
    }

    pub(super) fn into_error(self, operation: &'static str, file: &Path) -> Error {
        let code = self.code();
        match self {
            Self::Begin(failed) if code == Some(BUSY) => unavailable(&failed, file),
            Self::Begin(failed) | Self::Sql(failed) if code == Some(CANTOPEN) => unavailable(&failed, file),
            Self::Begin(_) | Self::Sql(_) if code == Some(FULL) => Error::full(file),
            Self::Begin(failed) | Self::Sql(failed) => error(operation, file)(failed),
            Self::StockMismatch => damaged(file, "the stock of a book does not follow from its entries".to_owned()),
            Self::Store(error) => error,
        }
    }
}

pub(super) fn unavailable(error: &sqlx::Error, file: &Path) -> Error {
    Error::Unavailable {
        store: shown(file),
        why: sql::message(error),
    }
}

/// Runs work in one transaction, which is durable on return; on an error it is rolled back.
pub(super) async fn transact(
    connection: &mut SqliteConnection,
    work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(), TxError>,
) -> Result<(), TxError> {
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await
        .map_err(TxError::Begin)?;
    let result = match work(&mut *connection).await {
        Ok(()) => sqlx::query("COMMIT")
            .execute(&mut *connection)
            .await
            .map_err(TxError::Sql),
        Err(error) => Err(error),
    };
    if result.is_err() {
        // After some errors SQLite has rolled back already, and a second ROLLBACK fails. If this one fails for another
        // reason, the next transaction cannot begin.
        let _ = sqlx::query("ROLLBACK").execute(connection).await;
    }
    result.map(drop)
}

/// Splits rows into one chunk for each statement.
fn chunks<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let (even, rest) = rows.split_at(rows.len() - rows.len() % ROWS_STEP);
    even.chunks(ROWS_MAX).chain((!rest.is_empty()).then_some(rest))
}

pub(super) async fn insert_entries(connection: &mut SqliteConnection, batch: &Batch<'_>) -> Result<(), TxError> {
    let first = sql::seq_column(batch.head.next());
    let columns = statements::names(ENTRY_COLUMNS);
    for entries in chunks(batch.entries) {
        let mut query = QueryBuilder::<Sqlite>::new(format!("INSERT INTO ledger ({columns}, batch) "));
        query.push_values(entries.iter().map(EntryColumns::from), |mut row, entry| {
            entry.push_to(&mut row);
            row.push_bind(first);
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Applies a batch to the books; its stock deltas must lead from the stored stock to the new one.
pub(super) async fn update_books(connection: &mut SqliteConnection, batch: &Batch<'_>) -> Result<(), TxError> {
    delete_books(connection, &batch.removed).await?;
    upsert_books(connection, &batch.described).await?;
    for deltas in chunks(&batch.deltas) {
        let mut query = QueryBuilder::<Sqlite>::new("UPDATE books SET stock = new.column3, seq = new.column4 FROM (");
        query.push_values(deltas, |mut row, delta| {
            row.push_bind(delta.item)
                .push_bind(delta.change)
                .push_bind(delta.stock)
                .push_bind(delta.seq);
        });
        query.push(") AS new WHERE books.item = new.column1 AND books.stock + new.column2 = new.column3");
        let updated = query.build().execute(&mut *connection).await?;
        if updated.rows_affected() != deltas.len() as u64 {
            return Err(TxError::StockMismatch);
        }
    }
    Ok(())
}

pub(super) async fn upsert_books(connection: &mut SqliteConnection, books: &[Book]) -> Result<(), TxError> {
    let (columns, upsert) = (statements::names(BOOK_COLUMNS), statements::upsert_books());
    for books in chunks(books) {
        let mut query = QueryBuilder::<Sqlite>::new(format!("INSERT INTO books ({columns}) "));
        query.push_values(books.iter().map(BookColumns::from), |mut row, book| {
            book.push_to(&mut row);
        });
        query.push(" ").push(&upsert);
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn delete_books(connection: &mut SqliteConnection, items: &[i64]) -> Result<(), TxError> {
    for items in chunks(items) {
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
