//! A store in one SQLite file. A batch is one transaction, which changes the ledger and the books together.
//!
//! It must never continue after a failed sync, and never acknowledge or return unsynced entries: every commit syncs the
//! write-ahead log (`synchronous=FULL`), and readers see a commit only afterwards.

mod failure;
mod inspect;
mod named_file;
mod open;
mod readers;
mod write;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Instant;

use common::wire::Book;
use common::{Entry, OrderId, Seq, StoreId};
use rusqlite::{Connection, OptionalExtension as _, Params};

use self::failure::{Failure, shown};
use self::named_file::NamedFile;
use self::open::lock_path;
use self::readers::Readers;
use super::lock::Lock;
use super::sql::{self, BookRow, EntryRow, SqlBatch, Upgrade, statements};
use super::texts::SharedTexts;
use super::url::beside;
use super::{Error, FullDiskBackoff, Store, StoreState, WriterGuard};

const WAL_CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// A store in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    file: PathBuf,
    id: StoreId,
    // The fields are dropped in this order: closing the write connection last empties the write-ahead log, and the lock is
    // released after the file is closed.
    readers: Readers,
    writer: WriterGuard<WriteConnection>,
    upgrade: Upgrade,
    /// The database and its write-ahead log.
    named: [NamedFile; 2],
    /// `None` for an inspection.
    _lock: Option<Lock>,
}

#[derive(Debug)]
struct WriteConnection {
    connection: Connection,
    head: Seq,
}

impl SqliteStore {
    /// Opens and locks the store in a file, or creates it. Upgrades a store of format 1.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Full`], [`Error::Io`], [`Error::Database`].
    pub fn open(file: &Path) -> Result<Self, Error> {
        let file = std::path::absolute(file).map_err(Error::io("open", file))?;
        let mut lock = open::prepare(&file)?;
        let opened = open::connect(&file)?;
        lock.record_store(opened.id);
        Ok(Self {
            named: [NamedFile::find(file.clone())?, NamedFile::find(beside(&file, "-wal"))?],
            id: opened.id,
            writer: WriterGuard::new(WriteConnection {
                connection: opened.writer,
                head: opened.head,
            }),
            readers: opened.readers,
            upgrade: opened.upgrade,
            file,
            _lock: Some(lock),
        })
    }

    /// If the database is missing, moves the store's other files aside.
    pub(crate) fn init(file: &Path) -> Result<(), Error> {
        open::init(&std::path::absolute(file).map_err(Error::io("open", file))?)
    }

    /// Checks that the files still have their names.
    fn check_names(&self) -> Result<(), Error> {
        self.named.iter().try_for_each(NamedFile::check)
    }

    /// Runs work in one transaction; `last` is the last entry afterwards.
    fn transact(
        &self,
        writer: &mut WriteConnection,
        full_disk: &mut FullDiskBackoff,
        last: Seq,
        work: impl FnOnce(&Connection) -> Result<(), Failure>,
    ) -> Result<(), Error> {
        let WriteConnection { connection, head } = writer;
        let run = || {
            let result = write::transact(connection, work);
            if result.as_ref().is_err_and(Failure::is_transient) {
                // Verify the rollback, because the client is told that nothing changed.
                let stored = head_of(connection)?;
                if stored != *head {
                    let why = format!("after a rollback the last entry is {stored}, not {head}");
                    return Err(Failure::Damaged(why));
                }
            }
            result
        };
        full_disk.attempt(Instant::now(), &self.file, || {
            run().map_err(|failure| failure.into_error("append to", &self.file))
        })?;
        self.check_names()?;
        *head = last;
        Ok(())
    }

    fn read_entries(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        let mut last = after;
        let parameters = [sql::seq_column(after), sql::limit_column(limit)];
        self.entries(&statements::READ, parameters, |row| {
            let entry = sql::next_entry(last, row)?;
            last = entry.seq;
            Ok(entry)
        })
    }

    /// The entries that a query returns.
    fn entries(
        &self,
        query: &str,
        parameters: impl Params,
        mut entry: impl FnMut(EntryRow<'_>) -> Result<Entry, String>,
    ) -> Result<Vec<Entry>, Error> {
        self.readers.read(&self.file, |reader| {
            let mut query = reader.prepare_cached(query)?;
            let mut rows = query.query(parameters)?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                entries.push(entry(EntryRow::from_sqlite(row)?).map_err(Failure::Damaged)?);
            }
            Ok(entries)
        })
    }

    /// Runs work in one transaction that appends `entries` after `expected_head`.
    fn append_with(
        &self,
        expected_head: Seq,
        entries: &[Entry],
        work: impl FnOnce(&Connection, &SqlBatch<'_>) -> Result<(), Failure>,
    ) -> Result<(), Error> {
        let batch = SqlBatch::new(expected_head, entries)?;
        self.writer.write(|writer, full_disk| {
            if expected_head != writer.head {
                return Err(Error::Conflict);
            }
            self.transact(writer, full_disk, batch.last(), |connection| {
                write::insert_entries(connection, &batch)?;
                work(connection, &batch)
            })
        })
    }
}

fn head_of(connection: &Connection) -> Result<Seq, Failure> {
    let mut head = connection.prepare_cached(statements::HEAD)?;
    let head = head.query_row([], |row| row.get(0))?;
    sql::seq_of(head).map_err(Failure::Damaged)
}

/// Every book, by item number.
fn books_of(connection: &Connection) -> Result<Vec<Book>, Failure> {
    let mut query = connection.prepare(&statements::BOOKS)?;
    let mut rows = query.query([])?;
    let (mut books, mut texts) = (Vec::new(), SharedTexts::default());
    while let Some(row) = rows.next()? {
        books.push(sql::book(BookRow::from_sqlite(row)?, &mut texts).map_err(Failure::Damaged)?);
    }
    Ok(books)
}

impl Store for SqliteStore {
    fn load(&self) -> Result<StoreState, Error> {
        self.readers.read(&self.file, |reader| {
            let transaction = reader.transaction()?;
            let head = head_of(&transaction)?;
            if open::get(&transaction, sql::RESTORING)?.as_deref() == Some(sql::YES) {
                let store = shown(&self.file);
                return Err(Error::RestoreIncomplete { store, head }.into());
            }
            let books = books_of(&transaction)?;
            sql::store_state(self.id, head, books).map_err(Failure::Damaged)
        })
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        let read = |after, limit| self.read_entries(after, limit);
        self.upgrade.read_page(after, limit, read)
    }

    fn orders(&self, range: RangeInclusive<Seq>, limit: usize) -> Result<Vec<(Seq, OrderId)>, Error> {
        let (first, last) = range.into_inner();
        let parameters = (sql::seq_column(first), sql::seq_column(last), sql::limit_column(limit));
        self.readers.read(&self.file, |reader| {
            let mut query = reader.prepare_cached(statements::ORDERS)?;
            let rows = query.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.map(|row| sql::order(row?).map_err(Failure::Damaged)).collect()
        })
    }

    fn find(&self, order: OrderId, _among: RangeInclusive<Seq>) -> Result<Vec<Entry>, Error> {
        let entries = self.entries(&statements::FIND, [sql::order_column(order)], sql::entry)?;
        sql::check_order(order, &entries).map_err(|why| Failure::Damaged(why).into_error("read", &self.file))?;
        self.upgrade
            .add_titles(entries, |after, limit| self.read_entries(after, limit))
    }

    fn append(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error> {
        if entries.is_empty() {
            return self.writer.write(|writer, _| match expected_head == writer.head {
                true => self.check_names(),
                false => Err(Error::Conflict),
            });
        }
        self.append_with(expected_head, entries, write::update_books)
    }

    fn restore(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.append_with(expected_head, entries, |connection, _| {
            let restoring = open::get(connection, sql::RESTORING)?;
            if restoring.as_deref() != Some(sql::YES) && expected_head > Seq::ZERO {
                return Err(Failure::Store(Error::Conflict));
            }
            Ok(open::put(connection, sql::RESTORING, sql::YES)?)
        })
    }

    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        let failed = |error| Failure::Sql(error).into_error("checkpoint", &self.file);
        self.writer.write(|writer, full_disk| {
            self.check_names()?;
            let restoring = open::get(&writer.connection, sql::RESTORING).map_err(failed)?;
            if restoring.as_deref() == Some(sql::YES) && writer.head == at {
                self.transact(writer, full_disk, at, |connection| {
                    write::upsert_books(connection, books)?;
                    Ok(open::put(connection, sql::RESTORING, sql::NO)?)
                })?;
            }
            // The table of books is current after every batch. A checkpoint only copies the write-ahead log into the
            // database, except pages that a reader needs.
            let copied = writer.connection.query_row(WAL_CHECKPOINT, [], |_| Ok(()));
            copied.map_err(failed)
        })
    }

    fn ledger_bytes(&self) -> Result<Option<u64>, Error> {
        // The file contains the books too; the ledger is much larger.
        let bytes = |path: &Path| std::fs::metadata(path).map(|found| found.len());
        let bytes = bytes(&self.file).and_then(|file| Ok(file + bytes(&beside(&self.file, "-wal"))?));
        bytes.map(Some).map_err(Error::io("find", &self.file))
    }

    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.writer.write(|writer, full_disk| {
            let head = writer.head;
            self.transact(writer, full_disk, head, |connection| {
                write::execute(connection, statements::PUT_BLOB, (name, content))?;
                Ok(())
            })
        })
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.readers.read(&self.file, |reader| {
            let mut get = reader.prepare_cached(statements::GET_BLOB)?;
            Ok(get.query_row([name], |row| row.get(0)).optional()?)
        })
    }
}
