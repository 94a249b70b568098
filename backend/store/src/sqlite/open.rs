//! Opening a SQLite store.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use common::{Entry, Seq, StoreId};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqliteConnection, SqlitePool};

use super::write::{self, TxError};
use super::{books_of, damaged, error, head_of, shown};
use crate::lock::Lock;
use crate::sql::{self, Batch, Engine, Found, Migration, Upgrade, statements};
use crate::url::beside;
use crate::{Error, format_1};

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

/// Takes the lock, creates folder and file, and makes durable what SQLite will read.
pub(super) fn prepare(file: &Path) -> Result<Lock, Error> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(Error::io("make", folder))?;
        sync(folder.parent().unwrap_or(Path::new("/")))?;
    }
    let lock = Lock::acquire(&beside(file, ".lock"), file)?;
    if !file.exists() {
        refuse_leftovers(file)?;
        // SQLite creates its other files with the same permissions.
        File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(file)
            .map_err(Error::io("make", file))?;
        sync(folder)?;
    }
    rewrite_wal(file, folder)?;
    Ok(lock)
}

/// Refuses to create a store beside the write-ahead log of an earlier one.
fn refuse_leftovers(file: &Path) -> Result<(), Error> {
    let wal = beside(file, "-wal");
    match fs::metadata(&wal) {
        Ok(metadata) if metadata.len() > 0 => Err(Error::LedgerMissing {
            ledger: file.to_owned(),
            found: wal.display().to_string(),
        }),
        _ => Ok(()),
    }
}

/// Copies the write-ahead log into a fresh, synced file. Its pages may be in the system's cache only: after a failed sync
/// the system does not write them again, while SQLite takes them for durable.
fn rewrite_wal(file: &Path, folder: &Path) -> Result<(), Error> {
    let (wal, new) = (beside(file, "-wal"), beside(file, "-wal.new"));
    match fs::metadata(&wal) {
        Ok(metadata) if metadata.len() > 0 => {}
        _ => return Ok(()),
    }
    let copy = || {
        // A copy has the same permissions.
        fs::copy(&wal, &new)?;
        File::open(&new)?.sync_all()?;
        fs::rename(&new, &wal)
    };
    match copy() {
        Ok(()) => sync(folder),
        Err(source) if source.kind() == io::ErrorKind::StorageFull => {
            let _ = fs::remove_file(&new);
            Err(Error::Full { path: new, source })
        }
        Err(source) => Err(Error::io("copy", &wal)(source)),
    }
}

fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|open| open.sync_all())
        .map_err(Error::io("sync", folder))
}

/// Connects and migrates the tables; without `create` the tables must exist and be up to date.
pub(super) async fn connect(file: &Path, create: bool) -> Result<Opened, Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", CACHE_KIB)
        .disable_statement_logging();
    let write_options = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // For systems where a plain sync does not reach the medium.
        .pragma("fullfsync", "1")
        .pragma("checkpoint_fullfsync", "1")
        .pragma("journal_size_limit", WAL_BYTES_KEPT.to_string());
    let failed = error("open", file);
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
        applied.map_err(|error| error.into_error(operation, file))?;
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
