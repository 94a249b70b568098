//! The transaction of one batch.

use common::Seq;
use common::wire::Book;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::tx_error::{Stage, TxError};
use super::{Address, books_of, session, statements};
use crate::Error;
use crate::sql::{self, Batch, BookColumns, EntryColumns, Replacement};

/// Rows of one statement.
const ROWS_MAX: usize = 10_000;

/// How a batch changes the table of books.
#[derive(Debug, Clone, Copy)]
pub(super) enum CatalogUpdate<'a> {
    /// By the entries' stock changes.
    Apply,
    /// These books replace all others.
    Replace(&'a [Book]),
    /// Not yet: the entries are copied from another store.
    Defer,
}

#[derive(Debug)]
pub(super) struct Transaction<'a> {
    pub(super) address: &'a Address,
    pub(super) batch: &'a Batch<'a>,
    pub(super) update: CatalogUpdate<'a>,
    /// The payload of the notification, if the engine supports any.
    pub(super) origin_id: Option<Uuid>,
    /// How far the last attempt got; read after a timeout.
    pub(super) stage: Stage,
}

impl Transaction<'_> {
    /// Runs one attempt. After every error but [`TxError::ConnectionLost`] the connection remains usable.
    pub(super) async fn run(&mut self, connection: &mut PgConnection) -> Result<(), TxError> {
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
        sqlx::raw_sql(AssertSqlSafe(commit))
            .execute(connection)
            .await
            .map_err(|error| TxError::new(&error, Stage::Committing, self.address))?;
        Ok(())
    }

    async fn work(&self, connection: &mut PgConnection) -> Result<(), TxError> {
        if matches!(self.update, CatalogUpdate::Defer) {
            self.begin_restore(&mut *connection).await?;
        }
        self.insert_entries(&mut *connection).await?;
        match self.update {
            CatalogUpdate::Defer => {}
            CatalogUpdate::Apply => {
                self.delete_books(&mut *connection, &self.batch.removed).await?;
                self.update_books(&mut *connection).await?;
            }
            CatalogUpdate::Replace(books) => self.replace_catalog(&mut *connection, books).await?,
        }
        Ok(())
    }

    /// Marks the store as incompletely restored; fails if it has entries of its own.
    async fn begin_restore(&self, connection: &mut PgConnection) -> Result<(), TxError> {
        if self.batch.head > Seq::ZERO && self.restoring(&mut *connection).await?.as_deref() != Some(sql::YES) {
            return Err(TxError::Failed(Error::Conflict));
        }
        self.put_restoring(connection, sql::YES).await
    }

    async fn replace_catalog(&self, connection: &mut PgConnection, books: &[Book]) -> Result<(), TxError> {
        let stored = books_of(&mut *connection, self.address).await;
        let stored = stored.map_err(|error| match error {
            Error::Unavailable { why, .. } => TxError::ConnectionLost {
                why,
                stage: Stage::BeforeCommit,
            },
            error => TxError::Failed(error),
        })?;
        self.replace_books(&mut *connection, &Replacement::between(stored, books))
            .await?;
        if self.restoring(&mut *connection).await?.is_some() {
            self.put_restoring(&mut *connection, sql::NO).await?;
        }
        // An import without entries inserts none that could conflict, so the head is checked here.
        let head: i64 = sqlx::query_scalar(sql::statements::HEAD)
            .fetch_one(connection)
            .await
            .map_err(|error| self.error(&error))?;
        if head == sql::seq_column(self.batch.last()) {
            Ok(())
        } else {
            Err(TxError::Duplicate)
        }
    }

    async fn restoring(&self, connection: &mut PgConnection) -> Result<Option<String>, TxError> {
        let restoring = session::get(connection, sql::RESTORING).await;
        restoring.map_err(|error| self.error(&error))
    }

    async fn put_restoring(&self, connection: &mut PgConnection, restoring: &str) -> Result<(), TxError> {
        let put = session::put(connection, sql::statements::PUT, sql::RESTORING, restoring).await;
        put.map_err(|error| self.error(&error))
    }

    fn error(&self, error: &sqlx::Error) -> TxError {
        TxError::new(error, Stage::BeforeCommit, self.address)
    }

    async fn execute(
        &self,
        connection: &mut PgConnection,
        query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
    ) -> Result<u64, TxError> {
        let done = query.execute(connection).await;
        done.map(|done| done.rows_affected())
            .map_err(|error| self.error(&error))
    }

    async fn insert_entries(&self, connection: &mut PgConnection) -> Result<(), TxError> {
        let batch = sql::seq_column(self.batch.head.next());
        let mut head = sql::seq_column(self.batch.head);
        for entries in self.batch.entries.chunks(ROWS_MAX) {
            let rows: Vec<EntryColumns> = entries.iter().map(EntryColumns::from).collect();
            let query = sqlx::query(statements::INSERT_ENTRIES.as_str())
                .bind(column(&rows, |row| row.seq))
                .bind(column(&rows, |row| row.at_micros))
                .bind(column(&rows, |row| row.kind))
                .bind(column(&rows, |row| row.item))
                .bind(column(&rows, |row| row.quantity))
                .bind(column(&rows, |row| row.change))
                .bind(column(&rows, |row| row.stock_after))
                .bind(column(&rows, |row| row.ord))
                .bind(column(&rows, |row| row.unit_cost_cents))
                .bind(column(&rows, |row| row.reason))
                .bind(batch)
                .bind(head);
            if self.execute(&mut *connection, query).await? != rows.len() as u64 {
                return Err(TxError::Duplicate);
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

    async fn replace_books(&self, connection: &mut PgConnection, replacement: &Replacement<'_>) -> Result<(), TxError> {
        self.delete_books(&mut *connection, &replacement.removed).await?;
        for books in replacement.upserted.chunks(ROWS_MAX) {
            let rows: Vec<BookColumns<'_>> = books.iter().copied().map(BookColumns::from).collect();
            let query = sqlx::query(statements::UPSERT_BOOKS.as_str())
                .bind(column(&rows, |row| row.item))
                .bind(column(&rows, |row| row.title))
                .bind(column(&rows, |row| row.author))
                .bind(column(&rows, |row| row.topic))
                .bind(column(&rows, |row| row.cost_cents))
                .bind(column(&rows, |row| row.stock))
                .bind(column(&rows, |row| row.seq));
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
