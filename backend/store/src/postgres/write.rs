//! The transaction of one batch.

use common::Seq;
use common::wire::Book;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::history::History;
use super::notices::Warnings;
use super::tx_error::{Stage, TxError};
use super::{Address, meta, statements};
use crate::Error;
use crate::sql::{self, Batch, BookRow, EntryRow, PgQuery, Upgrade};

/// Rows of one statement.
const ROWS_MAX: usize = 10_000;

/// What a transaction is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// Entries and their effect on the books.
    Append,
    /// Entries of another store, without an effect on the books yet.
    Restore,
    /// These are the books after a restore. There are no entries.
    EndRestore(&'a [Book]),
    /// Entries that describe the books of a store of format 1.
    Upgrade,
}

#[derive(Debug)]
pub(super) struct Transaction<'a> {
    address: &'a Address,
    pub(super) batch: Batch<'a>,
    pub(super) purpose: Purpose<'a>,
    /// What the batch must continue.
    history: History,
    /// The payload of the notification, if the engine supports any.
    pub(super) origin_id: Option<Uuid>,
    /// How far the last attempt got; read after a timeout.
    pub(super) stage: Stage,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(address: &'a Address, batch: Batch<'a>, purpose: Purpose<'a>, history: History) -> Self {
        Self {
            address,
            batch,
            purpose,
            history,
            origin_id: None,
            stage: Stage::BeforeCommit,
        }
    }

    /// Runs one attempt; returns whether the server warned about the commit. After every error but
    /// [`TxError::ConnectionLost`] the connection remains usable.
    pub(super) async fn run(&mut self, connection: &mut PgConnection, warnings: &Warnings) -> Result<bool, TxError> {
        self.stage = Stage::BeforeCommit;
        sqlx::raw_sql(statements::BEGIN)
            .execute(&mut *connection)
            .await
            .map_err(|error| self.error(&error))?;
        if let Err(cause) = self.work(&mut *connection).await {
            // If the rollback fails, the connection is dropped, which rolls back as well.
            return match sqlx::raw_sql(statements::ROLLBACK).execute(connection).await {
                Err(error) if !matches!(cause, TxError::ConnectionLost { .. } | TxError::Failed(_)) => {
                    Err(self.error(&error))
                }
                _ => Err(cause),
            };
        }
        self.stage = Stage::Committing;
        let commit = self
            .origin_id
            .map_or_else(|| statements::COMMIT.to_owned(), statements::notify_and_commit);
        let committing = sqlx::raw_sql(AssertSqlSafe(commit)).execute(connection);
        let (committed, warned) = warnings.observe(committing).await;
        committed.map_err(|error| TxError::new(&error, Stage::Committing, self.address))?;
        Ok(warned)
    }

    async fn work(&self, connection: &mut PgConnection) -> Result<(), TxError> {
        match self.purpose {
            Purpose::Append => {}
            Purpose::Restore => {
                if self.batch.head > Seq::ZERO && self.restoring(&mut *connection).await?.as_deref() != Some(sql::YES) {
                    return Err(TxError::Failed(Error::Conflict));
                }
                self.put(connection, sql::RESTORING, sql::YES).await?;
                return self.insert_entries(connection).await;
            }
            Purpose::EndRestore(books) => return self.end_restore(connection, books).await,
            Purpose::Upgrade => {
                self.execute(&mut *connection, sqlx::query(sql::statements::DELETE_BLOBS))
                    .await?;
                let range = Upgrade::value(self.batch.head, self.batch.last());
                self.put(&mut *connection, sql::UPGRADE, &range).await?;
            }
        }
        self.insert_entries(&mut *connection).await?;
        self.delete_books(&mut *connection, &self.batch.removed).await?;
        self.upsert_books(&mut *connection, &self.batch.described).await?;
        self.update_books(connection).await
    }

    async fn end_restore(&self, connection: &mut PgConnection, books: &[Book]) -> Result<(), TxError> {
        // No entry is inserted that could conflict, so the head is checked here.
        let head = sqlx::query_scalar(sql::statements::HEAD)
            .fetch_one(&mut *connection)
            .await;
        let head: i64 = head.map_err(|error| self.error(&error))?;
        if head != sql::seq_column(self.batch.head) {
            return Err(TxError::HeadMoved);
        }
        self.upsert_books(&mut *connection, books).await?;
        self.put(connection, sql::RESTORING, sql::NO).await
    }

    async fn restoring(&self, connection: &mut PgConnection) -> Result<Option<String>, TxError> {
        let restoring = meta::get(connection, sql::RESTORING).await;
        restoring.map_err(|error| self.error(&error))
    }

    async fn put(&self, connection: &mut PgConnection, key: &str, value: &str) -> Result<(), TxError> {
        let put = meta::put(connection, sql::statements::PUT, key, value).await;
        put.map_err(|error| self.error(&error))
    }

    fn error(&self, error: &sqlx::Error) -> TxError {
        TxError::new(error, Stage::BeforeCommit, self.address)
    }

    async fn execute(&self, connection: &mut PgConnection, query: PgQuery<'_>) -> Result<u64, TxError> {
        let done = query.execute(connection).await;
        done.map(|done| done.rows_affected())
            .map_err(|error| self.error(&error))
    }

    async fn insert_entries(&self, connection: &mut PgConnection) -> Result<(), TxError> {
        let batch = sql::seq_column(self.batch.head.next());
        let mut head = sql::seq_column(self.batch.head);
        let store = self.history.store.to_string();
        let before = self.history.entry_at(self.batch.head);
        for entries in self.batch.entries.chunks(ROWS_MAX) {
            let rows: Vec<EntryRow<'_>> = entries.iter().map(EntryRow::from).collect();
            let query = sqlx::query(statements::INSERT_ENTRIES.as_str());
            let query = EntryRow::bind_to(&rows, query)
                .bind(batch)
                .bind(head)
                .bind(&store)
                .bind(before.map(|entry| entry.seq))
                .bind(before.map(|entry| entry.at_micros))
                .bind(before.and_then(|entry| entry.order));
            if self.execute(&mut *connection, query).await? != rows.len() as u64 {
                return Err(TxError::HeadMoved);
            }
            head = rows.last().map_or(head, |row| row.seq);
        }
        Ok(())
    }

    /// Applies the stock deltas, which must lead from the stored stock to the new one.
    async fn update_books(&self, connection: &mut PgConnection) -> Result<(), TxError> {
        for deltas in self.batch.deltas.chunks(ROWS_MAX) {
            let query = sqlx::query(statements::UPDATE_BOOKS)
                .bind(column(deltas, |delta| delta.item))
                .bind(column(deltas, |delta| delta.change))
                .bind(column(deltas, |delta| delta.stock))
                .bind(column(deltas, |delta| delta.seq));
            if self.execute(&mut *connection, query).await? != deltas.len() as u64 {
                return Err(TxError::Failed(super::damaged(
                    self.address,
                    "the stock of a book does not follow from its entries".to_owned(),
                )));
            }
        }
        Ok(())
    }

    async fn upsert_books(&self, connection: &mut PgConnection, books: &[Book]) -> Result<(), TxError> {
        for books in books.chunks(ROWS_MAX) {
            let rows: Vec<BookRow<'_>> = books.iter().map(BookRow::from).collect();
            let query = BookRow::bind_to(&rows, sqlx::query(statements::UPSERT_BOOKS.as_str()));
            self.execute(&mut *connection, query).await?;
        }
        Ok(())
    }

    async fn delete_books(&self, connection: &mut PgConnection, items: &[i64]) -> Result<(), TxError> {
        if !items.is_empty() {
            let query = sqlx::query(statements::DELETE_BOOKS).bind(items);
            self.execute(connection, query).await?;
        }
        Ok(())
    }
}

/// One column of the rows, for `unnest`.
fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
