//! A store in one SQLite file: a batch is one transaction, the books stand beside the ledger and change with it.
//!
//! It must never go on after a failed sync, and never answer for what is not synced: the write-ahead log is synced by
//! every commit (`synchronous=FULL`), and readers see a commit only after that.

mod open;
mod write;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use common::wire::Book;
use common::{Entry, OrderId, Seq, StoreId};
use futures::TryStreamExt as _;
use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use self::write::Failure;
use super::lock::Lock;
use super::sql::{self, Batch, Blocking, BookRow, EntryRow, Gate, Room};
use super::{Error, Inspection, StoreState};

/// The whole file, and that each index leads to each row; the first faults are told, or `ok`.
const CHECK_ALL: &str = "PRAGMA integrity_check(20)";
const COPY_LOG: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const HEAD: &str = "SELECT coalesce(max(seq), 0) FROM ledger";
const BOOKS: &str = "SELECT item, title, author, topic, cost_cents, stock, seq FROM books ORDER BY item";
const READ: &str = "SELECT seq, at_micros, kind, item, quantity, change, stock_after, ord, unit_cost_cents, reason \
                    FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?";
const FIND: &str = "SELECT seq, at_micros, kind, item, quantity, change, stock_after, ord, unit_cost_cents, reason \
                    FROM ledger WHERE ord = ?";

const KEEP: &str = "INSERT INTO notes (name, content) VALUES (?, ?) \
                    ON CONFLICT (name) DO UPDATE SET content = excluded.content";
const KEPT: &str = "SELECT content FROM notes WHERE name = ?";

/// A store in a SQLite file.
#[derive(Debug)]
pub struct Store {
    file: PathBuf,
    id: StoreId,
    gate: Gate<Writer>,
    readers: SqlitePool,
    blocking: Blocking,
    _lock: Lock,
}

/// What the one who appends needs.
#[derive(Debug)]
struct Writer {
    connection: Option<SqliteConnection>,
    head: Seq,
    room: Room,
}

impl Store {
    /// Opens and locks the store in a file; makes file and store where there are none.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Full`], [`Error::Io`], [`Error::Database`].
    pub fn open(file: &Path) -> Result<Self, Error> {
        Self::open_where(file, true)
    }

    /// Opens and locks the store in a file that is there.
    ///
    /// # Errors
    /// [`Error::Missing`], and those of [`open`](Self::open).
    pub fn open_existing(file: &Path) -> Result<Self, Error> {
        Self::open_where(file, false)
    }

    /// Opens and locks the store in a file to look at it, if SQLite finds nothing wrong with any page of that. A damaged
    /// index could hide an order, and no other check would notice.
    ///
    /// # Errors
    /// Those of [`open_existing`](Self::open_existing).
    pub fn inspect(file: &Path) -> Result<Inspection, Error> {
        let store = Self::open_existing(file)?;
        let faults: Vec<String> = store
            .blocking
            .run(sqlx::query_scalar(CHECK_ALL).fetch_all(&store.readers))
            .map_err(store.error("check"))?;
        match faults.as_slice() {
            [sound] if sound == "ok" => Inspection::of(Box::new(store)),
            faults => Err(store.damaged(faults.join("; "))),
        }
    }

    fn open_where(file: &Path, makes_one: bool) -> Result<Self, Error> {
        if !makes_one && !file.exists() {
            return Err(Error::Missing(shown(file)));
        }
        let blocking = Blocking::new().map_err(Error::io("start a thread for", file))?;
        let file = std::path::absolute(file).map_err(Error::io("open", file))?;
        let lock = open::prepare(&file)?;
        let opened = blocking.run(open::connect(&file, makes_one))?;
        Ok(Self {
            id: opened.id,
            gate: Gate::new(Writer {
                connection: Some(opened.writer),
                head: opened.head,
                room: Room::default(),
            }),
            readers: opened.readers,
            file,
            blocking,
            _lock: lock,
        })
    }

    fn error(&self, operation: &'static str) -> impl Fn(sqlx::Error) -> Error {
        error(operation, &self.file)
    }

    fn damaged(&self, why: String) -> Error {
        damaged(&self.file, why)
    }

    /// Runs a change in one transaction; `last` is the head after it.
    fn transact(
        &self,
        writer: &mut Writer,
        last: Seq,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(), Failure>,
    ) -> Result<(), Error> {
        writer.room.check(&self.file)?;
        let Writer { connection, head, room } = writer;
        let connection = connection.as_mut().ok_or(Error::Closed)?;
        let before = *head;
        let done = self.blocking.run(async {
            match write::transact(connection, work).await {
                Err(failure) if failure.is_full() => {
                    // Rolled back; whoever answers that nothing was changed had better be sure.
                    let there = head_of(&mut *connection).await.map_err(self.error("append to"))?;
                    match there == sql::position(before) {
                        true => Err(failure.error("append to", &self.file)),
                        false => {
                            Err(self.damaged(format!("after a full disk the last entry is {there}, not {before}")))
                        }
                    }
                }
                done => done.map_err(|failure| failure.error("append to", &self.file)),
            }
        });
        room.note(&done);
        done?;
        *head = last;
        Ok(())
    }
}

/// The last entry's number.
async fn head_of(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(HEAD).fetch_one(connection).await
}

/// For `map_err` around one operation.
fn error(operation: &'static str, file: &Path) -> impl Fn(sqlx::Error) -> Error {
    let store = shown(file);
    move |error| {
        let (store, why) = (store.clone(), sql::why(&error));
        match is_damage(&error) {
            true => Error::DatabaseDamaged { store, why },
            false => Error::Database { operation, store, why },
        }
    }
}

/// Whether SQLite says that a page makes no sense, or the whole file none
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
    let mut rows = sqlx::query_as::<_, BookRow>(BOOKS).fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(error("read", file))? {
        books.push(sql::book(row).map_err(|why| damaged(file, why))?);
    }
    Ok(books)
}

impl super::Store for Store {
    fn load(&self) -> Result<StoreState, Error> {
        self.blocking.run(async {
            let mut snapshot = self.readers.begin().await.map_err(self.error("read"))?;
            let head = head_of(&mut snapshot).await.map_err(self.error("read"))?;
            let head = sql::seq(head).map_err(|why| self.damaged(why))?;
            let restoring = open::get(&mut snapshot, sql::RESTORING).await;
            if restoring.map_err(self.error("read"))?.as_deref() == Some(sql::YES) {
                return Err(Error::RestoreIncomplete {
                    store: shown(&self.file),
                    head,
                });
            }
            let books = books_of(&mut snapshot, &self.file).await?;
            sql::loaded(self.id, head, books).map_err(|why| self.damaged(why))
        })
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        let rows: Vec<EntryRow> = self
            .blocking
            .run(
                sqlx::query_as(READ)
                    .bind(sql::position(after))
                    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                    .fetch_all(&self.readers),
            )
            .map_err(self.error("read"))?;
        sql::entries(after, rows).map_err(|why| self.damaged(why))
    }

    fn find(&self, order: OrderId, _among: RangeInclusive<Seq>) -> Result<Option<Entry>, Error> {
        let row: Option<EntryRow> = self
            .blocking
            .run(
                sqlx::query_as(FIND)
                    .bind(sql::id_of(order))
                    .fetch_optional(&self.readers),
            )
            .map_err(self.error("read"))?;
        row.map(|row| sql::entry_of(order, row).map_err(|why| self.damaged(why)))
            .transpose()
    }

    fn append(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        let batch = Batch::following(head, entries)?;
        self.gate.change(|writer| {
            if head != writer.head {
                return Err(Error::Conflict);
            }
            if entries.is_empty() {
                return Ok(());
            }
            self.transact(writer, batch.last(), async |connection| {
                write::insert_entries(connection, &batch).await?;
                write::update_books(connection, &batch).await
            })
        })
    }

    fn import(&self, head: Seq, entries: &[Entry], books: &[Book]) -> Result<(), Error> {
        sql::check(books, &shown(&self.file))?;
        let batch = Batch::following(head, entries)?;
        self.gate.change(|writer| {
            if head != writer.head {
                return Err(Error::Conflict);
            }
            self.transact(writer, batch.last(), async |connection| {
                write::insert_entries(connection, &batch).await?;
                let there = books_of(connection, &self.file).await.map_err(Failure::Store)?;
                write::replace_books(connection, &sql::Replacement::of(there, books)).await?;
                if open::get(connection, sql::RESTORING).await?.is_some() {
                    open::put(connection, sql::RESTORING, sql::NO).await?;
                }
                Ok(())
            })
        })
    }

    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        let batch = Batch::following(head, entries)?;
        self.gate.change(|writer| {
            if head != writer.head {
                return Err(Error::Conflict);
            }
            self.transact(writer, batch.last(), async |connection| {
                let restoring = open::get(connection, sql::RESTORING).await?;
                if restoring.as_deref() != Some(sql::YES) && head > Seq::ZERO {
                    return Err(Failure::Store(Error::Conflict));
                }
                write::insert_entries(connection, &batch).await?;
                Ok(open::put(connection, sql::RESTORING, sql::YES).await?)
            })
        })
    }

    fn checkpoint(&self, _books: &[Book], _at: Seq) -> Result<(), Error> {
        // The books are kept with every batch; what is left to do is to copy the log into the file. Nobody is waited for: a
        // reader who still needs the log only puts off a part of that.
        self.gate.change(|writer| {
            let connection = writer.connection.as_mut().ok_or(Error::Closed)?;
            let copied = self.blocking.run(sqlx::query(COPY_LOG).execute(connection));
            copied
                .map(drop)
                .map_err(|error| Failure::from(error).error("checkpoint", &self.file))
        })
    }

    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.gate.change(|writer| {
            let head = writer.head;
            self.transact(writer, head, async |connection| {
                sqlx::query(KEEP).bind(name).bind(content).execute(connection).await?;
                Ok(())
            })
        })
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.blocking
            .run(sqlx::query_scalar(KEPT).bind(name).fetch_optional(&self.readers))
            .map_err(self.error("read"))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The lock is given back after this: whoever opens the file next finds nobody in it.
        self.blocking.run(async {
            self.readers.close().await;
            if let Some(connection) = self.gate.writer_mut().and_then(|writer| writer.connection.take())
                && let Err(error) = connection.close().await
            {
                tracing::warn!(
                    error = sql::why(&error),
                    "the database was not closed cleanly; it is sound"
                );
            }
        });
    }
}
