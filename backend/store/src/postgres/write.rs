//! The transaction of one batch.

use common::Seq;
use common::wire::Book;
use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::history::History;
use super::notices::Warnings;
use super::queries::head_of;
use super::tx_error::{Stage, TxError};
use super::{Address, meta, session, statements};
use crate::Error;
use crate::sql::{self, BookRow, EntryRow, PgQuery, SqlBatch, StockDelta, Upgrade};

/// The most rows of one statement.
const ROWS_MAX: usize = 10_000;

/// The purpose of a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// Entries and their effect on the books.
    Append,
    /// Entries of another store, without an effect on the books yet.
    Restore,
    /// The books after a restore, without entries.
    EndRestore(&'a [Book]),
    /// Entries that describe the books of a store of format 1.
    Upgrade,
}

#[derive(Debug)]
pub(super) struct Transaction<'a> {
    address: &'a Address,
    pub(super) batch: SqlBatch<'a>,
    pub(super) purpose: Purpose<'a>,
    /// The history that the batch must continue.
    history: History,
    /// Whether this process holds the append lock.
    pub(super) holds_append_lock: bool,
    /// The payload of the notification, if the engine supports notifications.
    pub(super) origin_id: Option<Uuid>,
    /// The last stage of the current attempt; the caller reads it after a timeout.
    pub(super) stage: Stage,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(address: &'a Address, batch: SqlBatch<'a>, purpose: Purpose<'a>, history: History) -> Self {
        Self {
            address,
            batch,
            purpose,
            history,
            holds_append_lock: false,
            origin_id: None,
            stage: Stage::BeforeCommit,
        }
    }

    /// Runs one attempt; returns whether the server warned about the commit. The connection remains usable after every error
    /// except [`TxError::ConnectionLost`].
    pub(super) async fn run(&mut self, connection: &mut PgConnection, warnings: &Warnings) -> Result<bool, TxError> {
        if self.is_one_statement() && !self.address.is_pooled() {
            return self.append_at_once(connection, warnings).await;
        }
        self.stage = Stage::BeforeCommit;
        sqlx::raw_sql(session::begin(self.address))
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

    /// Whether the batch changes only stocks and has at most [`ROWS_MAX`] entries.
    fn is_one_statement(&self) -> bool {
        let SqlBatch {
            entries,
            described,
            removed,
            ..
        } = &self.batch;
        let is_small = !entries.is_empty() && entries.len() <= ROWS_MAX;
        matches!(self.purpose, Purpose::Append) && is_small && described.is_empty() && removed.is_empty()
    }

    /// Appends in one round trip to the server.
    async fn append_at_once(&mut self, connection: &mut PgConnection, warnings: &Warnings) -> Result<bool, TxError> {
        self.stage = Stage::Autocommit;
        let rows: Vec<EntryRow<'_>> = self.batch.entries.iter().map(EntryRow::from).collect();
        let append = match self.origin_id {
            Some(_) => statements::APPEND_AND_NOTIFY.as_str(),
            None => statements::APPEND.as_str(),
        };
        let append = self.bind_entries(append, &rows, sql::seq_column(self.batch.head));
        let mut append = bind_deltas(append, &self.batch.deltas);
        if let Some(origin_id) = self.origin_id {
            append = append.bind(origin_id.to_string());
        }
        let mut stage = Stage::Autocommit;
        let appending = async {
            let mut rows = append.fetch(connection);
            let row = rows.try_next().await?.ok_or(sqlx::Error::RowNotFound)?;
            // The commit follows the row, so read to the end of the answer.
            stage = Stage::Committing;
            while rows.try_next().await?.is_some() {}
            row.try_get::<i64, _>(0)
        };
        let (inserted, warned) = warnings.observe(appending).await;
        match inserted.map_err(|error| TxError::new(&error, stage, self.address))? {
            0 => Err(TxError::HeadMoved),
            _ => Ok(warned),
        }
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
                self.execute(&mut *connection, self.query(sql::statements::DELETE_BLOBS))
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
        // Without an inserted entry nothing can conflict, so the head is checked here.
        let head = head_of(&mut *connection).await.map_err(|error| self.error(&error))?;
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

    fn query<'q>(&self, statement: &'static str) -> PgQuery<'q> {
        sqlx::query(statement).persistent(!self.address.is_pooled())
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
        let mut head = sql::seq_column(self.batch.head);
        for entries in self.batch.entries.chunks(ROWS_MAX) {
            let rows: Vec<EntryRow<'_>> = entries.iter().map(EntryRow::from).collect();
            let insert = self.bind_entries(statements::INSERT_ENTRIES.as_str(), &rows, head);
            if self.execute(&mut *connection, insert).await? != rows.len() as u64 {
                return Err(TxError::HeadMoved);
            }
            head = rows.last().map_or(head, |row| row.seq);
        }
        Ok(())
    }

    /// Binds the parameters of [`statements::INSERT_ENTRIES`]; the rows follow the entry `head`.
    fn bind_entries<'q>(&self, statement: &'static str, rows: &[EntryRow<'q>], head: i64) -> PgQuery<'q> {
        let before = self.history.entry_at(self.batch.head);
        EntryRow::bind_to(rows, self.query(statement))
            .bind(sql::seq_column(self.batch.head.next()))
            .bind(head)
            .bind(self.history.store.to_string())
            .bind(before.map(|entry| entry.seq))
            .bind(before.map(|entry| entry.at_micros))
            .bind(before.and_then(|entry| entry.order))
            .bind(self.holds_append_lock)
    }

    /// Applies the stock deltas. Fails if a stored stock plus its delta is not the new stock.
    async fn update_books(&self, connection: &mut PgConnection) -> Result<(), TxError> {
        for deltas in self.batch.deltas.chunks(ROWS_MAX) {
            let update = bind_deltas(self.query(statements::UPDATE_BOOKS.as_str()), deltas);
            if self.execute(&mut *connection, update).await? != deltas.len() as u64 {
                return Err(TxError::stock_mismatch(self.address));
            }
        }
        Ok(())
    }

    async fn upsert_books(&self, connection: &mut PgConnection, books: &[Book]) -> Result<(), TxError> {
        for books in books.chunks(ROWS_MAX) {
            let rows: Vec<BookRow<'_>> = books.iter().map(BookRow::from).collect();
            let query = BookRow::bind_to(&rows, self.query(statements::UPSERT_BOOKS.as_str()));
            self.execute(&mut *connection, query).await?;
        }
        Ok(())
    }

    async fn delete_books(&self, connection: &mut PgConnection, items: &[i64]) -> Result<(), TxError> {
        if !items.is_empty() {
            let query = self.query(statements::DELETE_BOOKS).bind(items);
            self.execute(connection, query).await?;
        }
        Ok(())
    }
}

/// Binds the parameters of [`statements::UPDATE_BOOKS`].
fn bind_deltas<'q>(query: PgQuery<'q>, deltas: &[StockDelta]) -> PgQuery<'q> {
    let column = |value: fn(&StockDelta) -> i64| deltas.iter().map(value).collect::<Vec<_>>();
    query
        .bind(column(|delta| delta.item))
        .bind(column(|delta| delta.change))
        .bind(column(|delta| delta.stock))
        .bind(column(|delta| delta.seq))
}
