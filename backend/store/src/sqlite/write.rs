//! The statements of a write transaction.

use std::sync::LazyLock;

use common::wire::Book;
use rusqlite::{Connection, Params};

use super::failure::Failure;
use crate::sql::{self, BOOK_COLUMNS, BookRow, Column, ENTRY_COLUMNS, EntryRow, SqlBatch, statements};

/// Parameters: the columns, then the batch.
static INSERT_ENTRY: LazyLock<String> = LazyLock::new(|| {
    let (columns, values) = (statements::names(ENTRY_COLUMNS), parameters(ENTRY_COLUMNS));
    format!("INSERT INTO ledger ({columns}, batch) VALUES ({values}, ?)")
});
static UPSERT_BOOK: LazyLock<String> = LazyLock::new(|| {
    let (columns, values) = (statements::names(BOOK_COLUMNS), parameters(BOOK_COLUMNS));
    let upsert = statements::upsert_books();
    format!("INSERT INTO books ({columns}) VALUES ({values}) {upsert}")
});
/// Parameters: item, change, new stock, `seq`. Changes nothing if the stored stock plus the change is not the new stock.
const UPDATE_BOOK: &str = "UPDATE books SET stock = ?3, seq = ?4 WHERE item = ?1 AND stock + ?2 = ?3";
const DELETE_BOOK: &str = "DELETE FROM books WHERE item = ?";

fn parameters(columns: &[Column]) -> String {
    vec!["?"; columns.len()].join(", ")
}

/// Runs a cached statement and returns the number of changed rows.
pub(super) fn execute(connection: &Connection, statement: &str, parameters: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute(parameters)
}

/// Runs work in one transaction, which is durable on return; on an error it is rolled back.
pub(super) fn transact(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<(), Failure>,
) -> Result<(), Failure> {
    execute(connection, "BEGIN IMMEDIATE", []).map_err(Failure::Begin)?;
    let result = work(connection).and_then(|()| Ok(execute(connection, "COMMIT", []).map(drop)?));
    if result.is_err() {
        // After some errors SQLite has already rolled back, and this ROLLBACK fails. If it fails for another reason, the next
        // transaction cannot begin.
        let _ = execute(connection, "ROLLBACK", []);
    }
    result
}

pub(super) fn insert_entries(connection: &Connection, batch: &SqlBatch<'_>) -> Result<(), Failure> {
    let first = sql::seq_column(batch.head.next());
    let mut insert = connection.prepare_cached(&INSERT_ENTRY)?;
    for entry in batch.entries {
        let columns = EntryRow::from(entry).bind_to_sqlite(&mut insert)?;
        insert.raw_bind_parameter(columns + 1, first)?;
        insert.raw_execute()?;
    }
    Ok(())
}

/// Applies a batch to the books. Fails if a stored stock plus its delta is not the new stock.
pub(super) fn update_books(connection: &Connection, batch: &SqlBatch<'_>) -> Result<(), Failure> {
    let mut delete = connection.prepare_cached(DELETE_BOOK)?;
    for item in &batch.removed {
        delete.execute([item])?;
    }
    upsert_books(connection, &batch.described)?;
    let mut update = connection.prepare_cached(UPDATE_BOOK)?;
    for delta in &batch.deltas {
        if update.execute([delta.item, delta.change, delta.stock, delta.seq])? != 1 {
            let why = "the stock of a book does not follow from its entries";
            return Err(Failure::Damaged(why.to_owned()));
        }
    }
    Ok(())
}

pub(super) fn upsert_books(connection: &Connection, books: &[Book]) -> Result<(), Failure> {
    let mut upsert = connection.prepare_cached(&UPSERT_BOOK)?;
    for book in books {
        BookRow::from(book).bind_to_sqlite(&mut upsert)?;
        upsert.raw_execute()?;
    }
    Ok(())
}
