//! Opening a SQLite store.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Entry, Seq, StoreId};
use futures::future::try_join_all;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqliteConnection, SqlitePool};

use super::write::{self, TxError};
use super::{books_of, damaged, error, head_of, shown};
use crate::lock::Lock;
use crate::sql::{self, Batch, Engine, Found, Migration, Upgrade, statements};
use crate::url::beside;
use crate::{Error, format_1, lost, private_file};

const TABLE_COUNT: &str = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
const META_COUNT: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'";
/// Checks the structure of pages that every start reads anyway. The ledger's rows are checked as they are read, since their
/// numbers must be consecutive.
const QUICK_CHECK: &str = "PRAGMA quick_check('books')";

/// How long a write waits for another program's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS_MAX: u32 = 4;
/// Up to this size the write-ahead log is not truncated.
const WAL_BYTES_KEPT: u64 = 64 * 1024 * 1024;
/// The page cache of a connection in KiB, which SQLite takes as a negative number.
const CACHE_KIB: &str = "-16384";

#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: StoreId,
    pub(super) head: Seq,
    pub(super) upgrade: Upgrade,
    pub(super) writer: SqliteConnection,
    pub(super) readers: SqlitePool,
}

/// What SQLite has beside the file while a store is open, and leaves there when its process is killed.
const LOG_FILES: [&str; 2] = ["-wal", "-shm"];

/// Takes the lock, creates folder and file, and makes durable what SQLite will read. Without `create` nothing is created.
pub(super) fn prepare(file: &Path, create: bool) -> Result<Lock, Error> {
    let folder = folder_of(file);
    if create {
        private_file::make_folder(folder)?;
    } else if !folder.is_dir() {
        return Err(Error::Missing(shown(file)));
    }
    let lock = Lock::acquire(&lock_path(file), file)?;
    if !has_content(file)? {
        lost::refuse(file, leftovers(file), Some(&lock))?;
        if !create {
            return Err(Error::Missing(shown(file)));
        }
        // SQLite creates its other files with the same permissions.
        private_file::options().open(file).map_err(Error::io("make", file))?;
        private_file::sync_folder(folder)?;
    }
    rewrite_log(file, folder)?;
    Ok(lock)
}

/// Moves what is left of a store without a database into a folder `FILE.lost-TIME`.
pub(super) fn init(file: &Path) -> Result<(), Error> {
    if !folder_of(file).is_dir() {
        return Ok(());
    }
    let mut lock = Lock::acquire(&lock_path(file), file)?;
    if has_content(file)? || lost::refuse(file, leftovers(file), Some(&lock)).is_ok() {
        return Ok(());
    }
    let files = ["", "-wal", "-shm", "-journal"].map(|suffix| beside(file, suffix));
    let there: Vec<PathBuf> = files.into_iter().filter(|path| path.exists()).collect();
    lost::move_aside(&there, &beside(file, ".lost"), &mut lock)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("/"))
}

fn lock_path(file: &Path) -> PathBuf {
    beside(file, ".lock")
}

/// Whether the database file has content. An empty one is what a crash leaves before SQLite has written the first page; SQLite
/// would remove the log beside it.
fn has_content(file: &Path) -> Result<bool, Error> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(metadata.len() > 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("open", file)(error)),
    }
}

/// The files that are only there after a database was.
fn leftovers(file: &Path) -> Vec<String> {
    let paths = LOG_FILES.map(|suffix| beside(file, suffix));
    let there = paths.into_iter().filter(|path| path.exists());
    there.map(|path| path.display().to_string()).collect()
}

/// Copies the write-ahead log into a fresh, synced file. Its pages may be in the system's cache only: after a failed sync
/// the system does not write them again, while SQLite takes them for durable. Without room for a copy they are written again
/// in place.
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

/// Writes a file over itself, which needs no room, and syncs it.
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
    tracing::warn!(%path, "the disk is full: the log was written again in place, and nothing can be sold until there is room");
    Ok(())
}

/// Connects and migrates the tables; without `create` the tables must exist and be up to date.
pub(super) async fn connect(file: &Path, create: bool) -> Result<Opened, Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", CACHE_KIB)
        // A temporary file would be opened in the middle of a batch, when no descriptor may be left.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging();
    let write_options = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // For systems where a plain sync does not reach the medium.
        .pragma("fullfsync", "1")
        .pragma("checkpoint_fullfsync", "1")
        .pragma("journal_size_limit", WAL_BYTES_KEPT.to_string());
    let failed = |failed: sqlx::Error| match write::is_full_index(&failed) {
        true => Error::full(file),
        false => error("open", file)(failed),
    };
    let mut writer = write_options.connect().await.map_err(&failed)?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut writer)
        .await
        .map_err(&failed)?;
    if mode != "wal" {
        let why = format!("its file system does not support a write-ahead log (journal mode {mode}); use a local disk");
        return Err(Error::Database {
            operation: "open",
            store: shown(file),
            why,
        });
    }
    migrate(&mut writer, file, create).await?;
    let found: String = sqlx::query_scalar(QUICK_CHECK)
        .fetch_one(&mut writer)
        .await
        .map_err(&failed)?;
    if found != "ok" {
        return Err(damaged(file, found));
    }
    let id = get(&mut writer, "store").await.map_err(&failed)?;
    let id = id.and_then(|id| id.parse().ok());
    let upgrade = get(&mut writer, sql::UPGRADE).await.map_err(&failed)?;
    let head = head_of(&mut writer).await.map_err(&failed)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.read_only(true));
    // All are opened now, and kept: later no descriptor may be left.
    let connections = try_join_all((0..READERS_MAX).map(|_| readers.acquire())).await;
    drop(connections.map_err(&failed)?);
    Ok(Opened {
        id: id.ok_or_else(|| damaged(file, "the store's id is missing".to_owned()))?,
        head: sql::seq_of(head).map_err(|why| damaged(file, why))?,
        upgrade: Upgrade::parse(upgrade.as_deref()).map_err(|why| damaged(file, why))?,
        writer,
        readers,
    })
}

async fn migrate(writer: &mut SqliteConnection, file: &Path, create: bool) -> Result<(), Error> {
    let operation = "create the tables of";
    let failed = error(operation, file);
    let mut count = async |sql| sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *writer).await;
    let has_meta = count(META_COUNT).await.map_err(&failed)? > 0;
    let found = Found {
        has_tables: count(TABLE_COUNT).await.map_err(&failed)? > 0,
        has_meta,
        version: match has_meta {
            true => get(writer, "schema").await.map_err(&failed)?,
            false => None,
        },
    };
    for migration in sql::pending(Engine::Sqlite, &found, create, &shown(file))? {
        let applied = write::transact(writer, async |writer| apply(writer, &migration, file).await).await;
        applied.map_err(|error| match error.into_error(operation, file) {
            Error::Full { .. } if migration.describes_books && found.version.is_some() => Error::UpgradeNeedsRoom {
                store: shown(file),
                bytes: None,
            },
            error => error,
        })?;
    }
    Ok(())
}

async fn apply(writer: &mut SqliteConnection, migration: &Migration, file: &Path) -> Result<(), TxError> {
    for statement in &migration.statements {
        sqlx::query(AssertSqlSafe(statement.clone()))
            .persistent(false)
            .execute(&mut *writer)
            .await?;
    }
    if get(writer, "store").await?.is_none() {
        put(writer, "store", &StoreId::generate().to_string()).await?;
    }
    if migration.describes_books {
        upgrade(writer, file).await?;
    }
    put(writer, "schema", &migration.version.to_string()).await?;
    Ok(())
}

/// Appends entries that describe the books.
async fn upgrade(writer: &mut SqliteConnection, file: &Path) -> Result<(), TxError> {
    let head = sql::seq_of(head_of(&mut *writer).await?).map_err(|why| damaged(file, why))?;
    if head == Seq::ZERO {
        return Ok(());
    }
    let books = books_of(&mut *writer, file).await?;
    let entries: Vec<Entry> = format_1::upgrade_entries(head, &books).collect();
    let batch = Batch::new(head, &entries)?;
    write::insert_entries(&mut *writer, &batch).await?;
    write::update_books(&mut *writer, &batch).await?;
    sqlx::query(statements::DELETE_BLOBS).execute(&mut *writer).await?;
    put(writer, sql::UPGRADE, &Upgrade::value(head, batch.last())).await?;
    tracing::info!(books = books.len(), after = %head, "the store is upgraded to ledger format 2");
    Ok(())
}

pub(super) async fn get(connection: &mut SqliteConnection, key: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(statements::GET)
        .bind(key)
        .fetch_optional(connection)
        .await
}

pub(super) async fn put(connection: &mut SqliteConnection, key: &str, value: &str) -> Result<(), sqlx::Error> {
    let put = sqlx::query(statements::PUT).bind(key).bind(value);
    put.execute(connection).await?;
    Ok(())
}
