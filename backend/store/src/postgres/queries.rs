//! Queries that several operations use.

use common::wire::Book;
use common::{Entry, Seq};
use futures::TryStreamExt as _;
use sqlx::PgConnection;

use super::tx_error::error;
use super::{Address, damaged};
use crate::Error;
use crate::sql::{self, BookRow, EntryRow};
use crate::texts::SharedTexts;

/// The number of the last entry; 0 if the ledger is empty.
pub(super) async fn head_of(executor: impl sqlx::PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    let head = sqlx::query_scalar(sql::statements::HEAD).persistent(false);
    head.fetch_one(executor).await
}

/// At most `limit` entries after `after`, in order.
pub(super) async fn read(
    executor: impl sqlx::PgExecutor<'_>,
    address: &Address,
    after: Seq,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut last = after;
    let mut rows = sqlx::query(sql::statements::READ.as_str())
        .persistent(!address.is_pooled())
        .bind(sql::seq_column(after))
        .bind(sql::limit_column(limit))
        .fetch(executor);
    while let Some(row) = rows.try_next().await.map_err(error("read", address))? {
        let row = EntryRow::from_postgres(&row).map_err(error("read", address))?;
        let entry = sql::next_entry(last, row).map_err(|why| damaged(address, why))?;
        last = entry.seq;
        entries.push(entry);
    }
    Ok(entries)
}

/// Every book, by item number.
pub(super) async fn books_of(connection: &mut PgConnection, address: &Address) -> Result<Vec<Book>, Error> {
    let (mut books, mut texts) = (Vec::new(), SharedTexts::default());
    let mut rows = sqlx::query(sql::statements::BOOKS.as_str())
        .persistent(false)
        .fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(error("read", address))? {
        let row = BookRow::from_postgres(&row).map_err(error("read", address))?;
        books.push(sql::book(row, &mut texts).map_err(|why| damaged(address, why))?);
    }
    Ok(books)
}
