//! Opens, creates and upgrades a SQLite store.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Entry, Seq, StoreId};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::failure::{Failure, shown};
use super::readers::Readers;
use super::{books_of, head_of, write};
use crate::lock::Lock;
use crate::sql::{self, Engine, Found, Migration, SqlBatch, Upgrade, statements};
use crate::url::beside;
use crate::{Error, format_1, lost, private_file};

const TABLE_COUNT: &str = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
const META_COUNT: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'";
/// Checks the structure of the pages that every start reads anyway. Rows of the ledger are checked when they are read, because
/// their numbers must be consecutive.
const QUICK_CHECK: &str = "PRAGMA quick_check('books')";

/// How long a write waits for the lock of another program.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The size in bytes to which a checkpoint truncates the write-ahead log.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// The page cache for writing in KiB, which SQLite takes as a negative number. For reading, the system's cache suffices.
const CACHE_KIB: i64 = -16384;
/// The number of connections for reading.
const READERS: usize = 4;
/// The prepared statements that a connection caches.
const STATEMENTS_MAX: usize = 32;

#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: StoreId,
    pub(super) head: Seq,
    pub(super) upgrade: Upgrade,
    pub(super) writer: Connection,
    pub(super) readers: Readers,
}

/// The suffixes of SQLite's other files while a store is open, and after its process was killed.
const LOG_FILES: [&str; 2] = ["-wal", "-shm"];

/// Takes the lock, creates folder and file, and makes the write-ahead log durable before SQLite reads it.
pub(super) fn prepare(file: &Path) -> Result<Lock, Error> {
    let folder = folder_of(file);
    private_file::make_folder(folder)?;
    let lock = Lock::acquire(&lock_path(file), file)?;
    if !has_content(file)? {
        lost::refuse(file, leftovers(file), lock.path())?;
        // SQLite creates its other files with the same permissions.
        private_file::options().open(file).map_err(Error::io("make", file))?;
        private_file::sync_folder(folder)?;
    }
    rewrite_log(file, folder)?;
    Ok(lock)
}

/// If the database is missing, moves the store's other files into the folder `FILE.lost-TIME`.
pub(super) fn init(file: &Path) -> Result<(), Error> {
    if !folder_of(file).is_dir() {
        return Ok(());
    }
    let mut lock = Lock::acquire(&lock_path(file), file)?;
    if has_content(file)? || lost::refuse(file, leftovers(file), lock.path()).is_ok() {
        return Ok(());
    }
    let files = ["", "-wal", "-shm", "-journal"].map(|suffix| beside(file, suffix));
    let there: Vec<PathBuf> = files.into_iter().filter(|path| path.exists()).collect();
    lost::move_aside(&there, &beside(file, ".lost"), &mut lock)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("/"))
}

pub(super) fn lock_path(file: &Path) -> PathBuf {
    beside(file, ".lock")
}

/// Whether the database file has content. It is empty after a crash before SQLite has written the first page; SQLite would
/// remove the log beside an empty file.
fn has_content(file: &Path) -> Result<bool, Error> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(metadata.len() > 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("open", file)(error)),
    }
}

/// The existing files that prove that a database existed.
pub(super) fn leftovers(file: &Path) -> Vec<String> {
    let paths = LOG_FILES.map(|suffix| beside(file, suffix));
    let there = paths.into_iter().filter(|path| path.exists());
    there.map(|path| path.display().to_string()).collect()
}

/// Copies the write-ahead log into a new, synced file. After a failed sync its pages may be only in the system's cache; the
/// system does not write them again, and SQLite considers them durable. Without room for a copy they are rewritten in place.
fn rewrite_log(file: &Path, folder: &Path) -> Result<(), Error> {
    let (log, new) = (beside(file, "-wal"), beside(file, "-wal.new"));
    match fs::metadata(&log) {
        Ok(metadata) if metadata.len() > 0 => {}
        _ => return Ok(()),
    }
    let copy = || {
        let mut from = File::open(&log)?;
        let mut to = private_file::options().truncate(true).open(&new)?;
        io::copy(&mut from, &mut to)?;
        to.sync_all()?;
        fs::rename(&new, &log)
    };
    match copy().map_err(|source| Error::of_write(&new, source)) {
        Ok(()) => private_file::sync_folder(folder),
        Err(Error::Full { .. }) => {
            fs::remove_file(&new).map_err(Error::io("remove", &new))?;
            rewrite_in_place(&log)
        }
        Err(error) => Err(error),
    }
}

/// Rewrites a file with its own content, which needs no room, and syncs it.
fn rewrite_in_place(path: &Path) -> Result<(), Error> {
    const CHUNK_BYTES: usize = 1024 * 1024;
    let rewrite = || -> io::Result<()> {
        let file = File::options().read(true).write(true).open(path)?;
        let (mut chunk, mut offset) = (vec![0; CHUNK_BYTES], 0);
        loop {
            let length = file.read_at(&mut chunk, offset)?;
            let read = chunk.get(..length).unwrap_or_default();
            if read.is_empty() {
                return file.sync_all();
            }
            file.write_all_at(read, offset)?;
            offset += length as u64;
        }
    };
    rewrite().map_err(|source| Error::of_write(path, source))?;
    let path = path.display();
    tracing::warn!(%path, "the disk is full: the log was written again in place, and nothing can be sold until disk \
                           space is free");
    Ok(())
}

/// Opens the connections and migrates the tables.
pub(super) fn connect(file: &Path) -> Result<Opened, Error> {
    open(file).map_err(|failure| match failure.is_full_index() {
        true => Error::full(file),
        false => failure.into_error("open", file),
    })
}

fn open(file: &Path) -> Result<Opened, Failure> {
    let writer = open_write_connection(file)?;
    migrate(&writer, file)?;
    let found: String = writer.query_row(QUICK_CHECK, [], |row| row.get(0))?;
    if found != "ok" {
        return Err(Failure::Damaged(found));
    }
    Opened::of(writer, || {
        let reader = connection(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // A query opens the log too.
        head_of(&reader).map(|_| reader)
    })
}

impl Opened {
    /// `reader` opens one connection for reading.
    pub(super) fn of(writer: Connection, reader: impl Fn() -> Result<Connection, Failure>) -> Result<Self, Failure> {
        let id = get(&writer, "store")?.and_then(|id| id.parse().ok());
        let upgrade = get(&writer, sql::UPGRADE)?;
        Ok(Self {
            id: id.ok_or_else(|| Failure::Damaged("the store's id is missing".to_owned()))?,
            head: head_of(&writer)?,
            upgrade: Upgrade::parse(upgrade.as_deref()).map_err(Failure::Damaged)?,
            readers: Readers::new((0..READERS).map(|_| reader()).collect::<Result<_, _>>()?),
            writer,
        })
    }
}

fn connection(file: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // One thread at a time uses a connection, so SQLite need not lock it.
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    configure(&connection)?;
    Ok(connection)
}

pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A temporary file could fail within a batch for lack of a file descriptor.
    connection.pragma_update(None, "temp_store", "MEMORY")
}

fn open_write_connection(file: &Path) -> Result<Connection, Failure> {
    let connection = connection(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let why = format!("its file system does not support a write-ahead log (journal mode {mode}); use a local disk");
        return Err(Failure::Store(Error::Database {
            operation: "open",
            store: shown(file),
            why,
        }));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    // On some systems a plain sync does not reach the medium.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    Ok(connection)
}

fn find_tables(connection: &Connection) -> Result<Found, Failure> {
    let exists =
        |count: &str| Ok::<_, rusqlite::Error>(connection.query_row(count, [], |row| row.get::<_, i64>(0))? > 0);
    let has_meta = exists(META_COUNT)?;
    Ok(Found {
        has_tables: exists(TABLE_COUNT)?,
        has_meta,
        version: match has_meta {
            true => get(connection, "schema")?,
            false => None,
        },
    })
}

/// Checks that the tables exist and are up to date.
pub(super) fn check_format(connection: &Connection, file: &Path) -> Result<(), Failure> {
    sql::pending(Engine::Sqlite, &find_tables(connection)?, false, &shown(file))?;
    Ok(())
}

fn migrate(writer: &Connection, file: &Path) -> Result<(), Failure> {
    let found = find_tables(writer)?;
    for migration in sql::pending(Engine::Sqlite, &found, true, &shown(file))? {
        let applied = write::transact(writer, |writer| apply(writer, &migration));
        applied.map_err(|failure| match failure.into_error("create the tables of", file) {
            Error::Full { .. } if migration.describes_books && found.version.is_some() => Error::UpgradeNeedsRoom {
                store: shown(file),
                bytes: None,
            },
            error => error,
        })?;
    }
    Ok(())
}

fn apply(writer: &Connection, migration: &Migration) -> Result<(), Failure> {
    for statement in &migration.statements {
        writer.execute(statement, [])?;
    }
    if get(writer, "store")?.is_none() {
        put(writer, "store", &StoreId::generate().to_string())?;
    }
    if migration.describes_books {
        upgrade(writer)?;
    }
    put(writer, "schema", &migration.version.to_string())?;
    Ok(())
}

/// Appends entries that describe the books.
fn upgrade(writer: &Connection) -> Result<(), Failure> {
    let head = head_of(writer)?;
    if head == Seq::ZERO {
        return Ok(());
    }
    let books = books_of(writer)?;
    let entries: Vec<Entry> = format_1::upgrade_entries(head, &books).collect();
    let batch = SqlBatch::new(head, &entries)?;
    write::insert_entries(writer, &batch)?;
    write::update_books(writer, &batch)?;
    write::execute(writer, statements::DELETE_BLOBS, [])?;
    put(writer, sql::UPGRADE, &Upgrade::value(head, batch.last()))?;
    tracing::info!(books = books.len(), after = %head, "the store is upgraded to ledger format 2");
    Ok(())
}

pub(super) fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let mut get = connection.prepare_cached(statements::GET)?;
    get.query_row([key], |row| row.get(0)).optional()
}

pub(super) fn put(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    write::execute(connection, statements::PUT, [key, value]).map(drop)
}
