//! A store in one SQLite file. A batch is one transaction, which changes the ledger and the books together.
//!
//! It must never continue after a failed sync, and never acknowledge or show what is not synced: every commit syncs the
//! write-ahead log (`synchronous=FULL`), and readers see a commit only afterwards.

mod open;
mod write;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Instant;

use common::wire::Book;
use common::{Entry, OrderId, Seq, StoreId};
use futures::TryStreamExt as _;
use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use self::write::TxError;
use super::lock::Lock;
use super::private_file::NamedFile;
use super::sql::{self, Batch, Blocking, BookRow, EntryRow, Upgrade, statements};
use super::url::beside;
use super::{Error, FullDiskBackoff, Inspection, Store, StoreState, WriterGuard};

/// Checks every page and that every index entry leads to its row; returns the first faults, or `ok`.
const INTEGRITY_CHECK: &str = "PRAGMA integrity_check(20)";
const WAL_CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// A store in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    file: PathBuf,
    id: StoreId,
    writer: WriterGuard<Writer>,
    readers: SqlitePool,
    upgrade: Upgrade,
    blocking: Blocking,
    /// The database and its write-ahead log.
    named: [NamedFile; 2],
    _lock: Lock,
}

#[derive(Debug)]
struct Writer {
    /// Taken when the store is dropped.
    connection: Option<SqliteConnection>,
    head: Seq,
}

impl SqliteStore {
    /// Opens and locks the store in a file, or creates it. Upgrades a store of format 1.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Full`], [`Error::Io`], [`Error::Database`].
    pub fn open(file: &Path) -> Result<Self, Error> {
        Self::open_with(file, true)
    }

    /// Opens and locks an existing store for inspection, and has SQLite check every page: no other check notices a damaged
    /// index that hides an order.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::OldFormat`], [`Error::DatabaseDamaged`], and those of [`open`](Self::open).
    pub fn inspect(file: &Path) -> Result<Inspection, Error> {
        let store = Self::open_with(file, false)?;
        let faults: Vec<String> = store
            .blocking
            .run(sqlx::query_scalar(INTEGRITY_CHECK).fetch_all(&store.readers))
            .map_err(store.error("check"))?;
        match faults.as_slice() {
            [only] if only == "ok" => Inspection::of(Box::new(store)),
            faults => Err(store.damaged(faults.join("; "))),
        }
    }

    /// Moves what is left of a store without its database aside.
    pub(crate) fn init(file: &Path) -> Result<(), Error> {
        open::init(&std::path::absolute(file).map_err(Error::io("open", file))?)
    }

    fn open_with(file: &Path, create: bool) -> Result<Self, Error> {
        let blocking = Blocking::new().map_err(Error::io("start a thread for", file))?;
        let file = std::path::absolute(file).map_err(Error::io("open", file))?;
        let mut lock = open::prepare(&file, create)?;
        let opened = blocking.run(open::connect(&file, create))?;
        lock.note_store(opened.id);
        Ok(Self {
            named: [NamedFile::find(file.clone())?, NamedFile::find(beside(&file, "-wal"))?],
            id: opened.id,
            writer: WriterGuard::new(Writer {
                connection: Some(opened.writer),
                head: opened.head,
            }),
            readers: opened.readers,
            upgrade: opened.upgrade,
            file,
            blocking,
            _lock: lock,
        })
    }

    fn error(&self, operation: &'static str) -> impl Fn(sqlx::Error) -> Error {
        move |failed| match write::is_unavailable(&failed) {
            true => write::unavailable(&failed, &self.file),
            false => error(operation, &self.file)(failed),
        }
    }

    /// Checks that the files still have their names.
    fn check_names(&self) -> Result<(), Error> {
        self.named.iter().try_for_each(NamedFile::check)
    }

    fn damaged(&self, why: String) -> Error {
        damaged(&self.file, why)
    }

    /// Runs work in one transaction; `last` is the head after it.
    fn transact(
        &self,
        writer: &mut Writer,
        full_disk: &mut FullDiskBackoff,
        last: Seq,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(), TxError>,
    ) -> Result<(), Error> {
        let Writer { connection, head } = writer;
        let connection = connection.as_mut().ok_or(Error::Closed)?;
        let run = async {
            let result = write::transact(connection, work).await;
            if result.as_ref().is_err_and(TxError::is_transient) {
                // The answer is that nothing was changed, so the rollback is verified.
                let stored = head_of(&mut *connection)
                    .await
                    .map_err(error("append to", &self.file))?;
                if stored != sql::seq_column(*head) {
                    return Err(self.damaged(format!("after a rollback the last entry is {stored}, not {head}")));
                }
            }
            result.map_err(|error| error.into_error("append to", &self.file))
        };
        full_disk.attempt(Instant::now(), &self.file, || self.blocking.run(run))?;
        self.check_names()?;
        *head = last;
        Ok(())
    }

    fn read_entries(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        let rows: Vec<EntryRow> = self
            .blocking
            .run(
                sqlx::query_as(statements::READ.as_str())
                    .bind(sql::seq_column(after))
                    .bind(sql::limit_column(limit))
                    .fetch_all(&self.readers),
            )
            .map_err(self.error("read"))?;
        sql::entries(after, rows).map_err(|why| self.damaged(why))
    }

    /// Runs work in one transaction that appends `entries` after `head`.
    fn append_with(
        &self,
        head: Seq,
        entries: &[Entry],
        work: impl AsyncFnOnce(&mut SqliteConnection, &Batch<'_>) -> Result<(), TxError>,
    ) -> Result<(), Error> {
        let batch = Batch::new(head, entries)?;
        self.writer.write(|writer, full_disk| {
            if head != writer.head {
                return Err(Error::Conflict);
            }
            self.transact(writer, full_disk, batch.last(), async |connection| {
                write::insert_entries(connection, &batch).await?;
                work(connection, &batch).await
            })
        })
    }
}

async fn head_of(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(statements::HEAD).fetch_one(connection).await
}

/// For `map_err` around one operation.
fn error(operation: &'static str, file: &Path) -> impl Fn(sqlx::Error) -> Error {
    let store = shown(file);
    move |error| {
        let (store, why) = (store.clone(), sql::message(&error));
        match is_damage(&error) {
            true => Error::DatabaseDamaged { store, why },
            false => Error::Database { operation, store, why },
        }
    }
}

/// SQLITE_CORRUPT and SQLITE_NOTADB
/// (<https://sqlite.org/rescode.html#corrupt>, <https://sqlite.org/rescode.html#notadb>).
fn is_damage(error: &sqlx::Error) -> bool {
    matches!(write::code(error), Some(11 | 26))
}

fn damaged(file: &Path, why: String) -> Error {
    Error::DatabaseDamaged {
        store: shown(file),
        why,
    }
}

fn shown(file: &Path) -> String {
    super::Url::Sqlite(file.to_owned()).to_string()
}

/// Every book, by item number.
async fn books_of(connection: &mut SqliteConnection, file: &Path) -> Result<Vec<Book>, Error> {
    let mut books = Vec::new();
    let mut rows = sqlx::query_as::<_, BookRow>(statements::BOOKS.as_str()).fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(error("read", file))? {
        books.push(sql::book(row).map_err(|why| damaged(file, why))?);
    }
    Ok(books)
}

impl Store for SqliteStore {
    fn load(&self) -> Result<StoreState, Error> {
        self.blocking.run(async {
            let mut transaction = self.readers.begin().await.map_err(self.error("read"))?;
            let head = head_of(&mut transaction).await.map_err(self.error("read"))?;
            let head = sql::seq_of(head).map_err(|why| self.damaged(why))?;
            let restoring = open::get(&mut transaction, sql::RESTORING).await;
            if restoring.map_err(self.error("read"))?.as_deref() == Some(sql::YES) {
                return Err(Error::RestoreIncomplete {
                    store: shown(&self.file),
                    head,
                });
            }
            let books = books_of(&mut transaction, &self.file).await?;
            sql::store_state(self.id, head, books).map_err(|why| self.damaged(why))
        })
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        let read = |after, limit| self.read_entries(after, limit);
        self.upgrade.read_page(after, limit, read)
    }

    fn find(&self, order: OrderId, _among: RangeInclusive<Seq>) -> Result<Vec<Entry>, Error> {
        let rows: Vec<EntryRow> = self
            .blocking
            .run(
                sqlx::query_as(statements::FIND.as_str())
                    .bind(sql::order_column(order))
                    .fetch_all(&self.readers),
            )
            .map_err(self.error("read"))?;
        let entries = sql::entries_of(order, rows).map_err(|why| self.damaged(why))?;
        self.upgrade
            .add_titles(entries, |after, limit| self.read_entries(after, limit))
    }

    fn append(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        if entries.is_empty() {
            return self.writer.write(|writer, _| match head == writer.head {
                true => self.check_names(),
                false => Err(Error::Conflict),
            });
        }
        self.append_with(head, entries, write::update_books)
    }

    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.append_with(head, entries, async |connection, _| {
            let restoring = open::get(connection, sql::RESTORING).await?;
            if restoring.as_deref() != Some(sql::YES) && head > Seq::ZERO {
                return Err(TxError::Store(Error::Conflict));
            }
            Ok(open::put(connection, sql::RESTORING, sql::YES).await?)
        })
    }

    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        self.writer.write(|writer, full_disk| {
            self.check_names()?;
            let connection = writer.connection.as_mut().ok_or(Error::Closed)?;
            let restoring = self.blocking.run(open::get(connection, sql::RESTORING));
            if restoring.map_err(self.error("read"))?.as_deref() == Some(sql::YES) && writer.head == at {
                self.transact(writer, full_disk, at, async |connection| {
                    write::upsert_books(connection, books).await?;
                    Ok(open::put(connection, sql::RESTORING, sql::NO).await?)
                })?;
            }
            // The books change with every batch. Only the write-ahead log is copied into the file, as far as no reader
            // needs it.
            let connection = writer.connection.as_mut().ok_or(Error::Closed)?;
            let copied = self.blocking.run(sqlx::query(WAL_CHECKPOINT).execute(connection));
            copied
                .map(drop)
                .map_err(|error| TxError::from(error).into_error("checkpoint", &self.file))
        })
    }

    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.writer.write(|writer, full_disk| {
            let head = writer.head;
            self.transact(writer, full_disk, head, async |connection| {
                let put = sqlx::query(statements::PUT_BLOB).bind(name).bind(content);
                put.execute(connection).await?;
                Ok(())
            })
        })
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let get = sqlx::query_scalar(statements::GET_BLOB).bind(name);
        self.blocking
            .run(get.fetch_optional(&self.readers))
            .map_err(self.error("read"))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // The lock is released after this, so the next process finds the file closed.
        self.blocking.run(async {
            self.readers.close().await;
            if let Some(connection) = self.writer.get_mut().and_then(|writer| writer.connection.take())
                && let Err(error) = connection.close().await
            {
                tracing::warn!(
                    error = sql::message(&error),
                    "the database was not closed cleanly; nothing is lost"
                );
            }
        });
    }
}
