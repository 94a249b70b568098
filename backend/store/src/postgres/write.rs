//! One transaction.

use common::Seq;
use common::wire::Book;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::trouble::{Stage, Trouble};
use super::{Address, books_of, session, statements};
use crate::Error;
use crate::sql::{self, Batch, Columns, Replacement};

/// Rows of one statement.
const ROWS_MAX: usize = 10_000;

/// What becomes of the books with a batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Books<'a> {
    /// What the entries say.
    Follow,
    /// These are the whole catalog from then on.
    Become(&'a [Book]),
    /// Nothing yet: the entries are another store's.
    Wait,
}

/// What to write, and where.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    pub(super) address: &'a Address,
    pub(super) batch: &'a Batch<'a>,
    /// What becomes of the books.
    pub(super) books: Books<'a>,
    /// What others are told along with it, where they can be told anything.
    pub(super) voice: Option<Uuid>,
    /// How far it has come; whoever loses patience asks.
    pub(super) stage: Stage,
}

impl Transaction<'_> {
    /// Runs it; after most troubles the connection is as good as new.
    pub(super) async fn run(&mut self, connection: &mut PgConnection) -> Result<(), Trouble> {
        self.stage = Stage::Before;
        let address = self.address;
        let trouble = |stage| move |error: sqlx::Error| Trouble::of(&error, stage, address);
        sqlx::raw_sql(statements::BEGIN)
            .execute(&mut *connection)
            .await
            .map_err(trouble(Stage::Before))?;
        if let Err(trouble) = self.work(&mut *connection).await {
            // Where even this fails the connection is given up, which rolls back as well.
            return match sqlx::raw_sql(statements::ROLLBACK).execute(connection).await {
                Ok(_) => Err(trouble),
                Err(error) => Err(match trouble {
                    trouble @ (Trouble::Lost { .. } | Trouble::Failed(_)) => trouble,
                    _ => Trouble::of(&error, Stage::Before, address),
                }),
            };
        }
        self.stage = Stage::Committing;
        let commit = self
            .voice
            .map_or_else(|| statements::COMMIT.to_owned(), statements::commit_and_tell);
        sqlx::raw_sql(AssertSqlSafe(commit))
            .execute(connection)
            .await
            .map_err(trouble(Stage::Committing))?;
        Ok(())
    }

    async fn work(&self, connection: &mut PgConnection) -> Result<(), Trouble> {
        if matches!(self.books, Books::Wait) {
            self.begin_to_wait(&mut *connection).await?;
        }
        self.insert_entries(&mut *connection).await?;
        match self.books {
            Books::Wait => {}
            Books::Follow => {
                self.delete_books(&mut *connection, &self.batch.gone).await?;
                self.update_books(&mut *connection).await?;
            }
            Books::Become(books) => self.change_catalog(&mut *connection, books).await?,
        }
        Ok(())
    }

    /// Notes that entries are taken over, where that has begun before or there are no others.
    async fn begin_to_wait(&self, connection: &mut PgConnection) -> Result<(), Trouble> {
        if self.batch.head > Seq::ZERO && self.restoring(&mut *connection).await?.as_deref() != Some(sql::YES) {
            return Err(Trouble::Failed(Error::Conflict));
        }
        self.note_restoring(connection, sql::YES).await
    }

    async fn change_catalog(&self, connection: &mut PgConnection, books: &[Book]) -> Result<(), Trouble> {
        let there = books_of(&mut *connection, self.address).await;
        let there = there.map_err(|error| match error {
            Error::Unavailable { why, .. } => Trouble::Lost {
                why,
                stage: Stage::Before,
            },
            error => Trouble::Failed(error),
        })?;
        self.replace_books(&mut *connection, &Replacement::of(there, books))
            .await?;
        if self.restoring(&mut *connection).await?.is_some() {
            self.note_restoring(&mut *connection, sql::NO).await?;
        }
        // No entry's place guards an import without entries: it counts only if nobody appended meanwhile.
        let head: i64 = sqlx::query_scalar(statements::HEAD)
            .fetch_one(connection)
            .await
            .map_err(|error| self.trouble(&error))?;
        if head == sql::position(self.batch.last()) {
            Ok(())
        } else {
            Err(Trouble::Taken)
        }
    }

    async fn restoring(&self, connection: &mut PgConnection) -> Result<Option<String>, Trouble> {
        let restoring = session::get(connection, sql::RESTORING).await;
        restoring.map_err(|error| self.trouble(&error))
    }

    async fn note_restoring(&self, connection: &mut PgConnection, restoring: &str) -> Result<(), Trouble> {
        let noted = session::put(connection, statements::PUT, sql::RESTORING, restoring).await;
        noted.map_err(|error| self.trouble(&error))
    }

    fn trouble(&self, error: &sqlx::Error) -> Trouble {
        Trouble::of(error, Stage::Before, self.address)
    }

    async fn execute(
        &self,
        connection: &mut PgConnection,
        query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
    ) -> Result<u64, Trouble> {
        let done = query.execute(connection).await;
        done.map(|done| done.rows_affected())
            .map_err(|error| self.trouble(&error))
    }

    async fn insert_entries(&self, connection: &mut PgConnection) -> Result<(), Trouble> {
        let batch = sql::position(self.batch.head.next());
        let mut head = sql::position(self.batch.head);
        for entries in self.batch.entries.chunks(ROWS_MAX) {
            let rows: Vec<Columns> = entries.iter().map(Columns::from).collect();
            let query = sqlx::query(statements::INSERT_ENTRIES)
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
                return Err(Trouble::Taken);
            }
            head = rows.last().map_or(head, |row| row.seq);
        }
        Ok(())
    }

    /// Brings the books to where the entries lead, if they lead there from where the books are.
    async fn update_books(&self, connection: &mut PgConnection) -> Result<(), Trouble> {
        for shelves in self.batch.shelves.chunks(ROWS_MAX) {
            let query = sqlx::query(statements::UPDATE_BOOKS)
                .bind(column(shelves, |shelf| shelf.item))
                .bind(column(shelves, |shelf| shelf.change))
                .bind(column(shelves, |shelf| shelf.stock))
                .bind(column(shelves, |shelf| shelf.seq));
            if self.execute(&mut *connection, query).await? != shelves.len() as u64 {
                return Err(Trouble::Failed(super::damaged(
                    self.address,
                    "the stock of a book does not follow from its entries".to_owned(),
                )));
            }
        }
        Ok(())
    }

    async fn replace_books(&self, connection: &mut PgConnection, replacement: &Replacement<'_>) -> Result<(), Trouble> {
        self.delete_books(&mut *connection, &replacement.gone).await?;
        for books in replacement.put.chunks(ROWS_MAX) {
            let query = sqlx::query(statements::PUT_BOOKS)
                .bind(column(books, |book| i64::from(book.item.get())))
                .bind(column(books, |book| book.title.as_str()))
                .bind(column(books, |book| book.author.as_deref()))
                .bind(column(books, |book| book.topic.as_str()))
                .bind(column(books, |book| i64::from(book.cost.cents())))
                .bind(column(books, |book| i64::from(book.stock.get())))
                .bind(column(books, |book| sql::position(book.seq)));
            self.execute(&mut *connection, query).await?;
        }
        Ok(())
    }

    async fn delete_books(&self, connection: &mut PgConnection, items: &[i64]) -> Result<(), Trouble> {
        if !items.is_empty() {
            let query = sqlx::query(statements::DELETE_BOOKS).bind(items);
            self.execute(connection, query).await?;
        }
        Ok(())
    }
}

fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
