//! Opening a SQLite store.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use common::{Seq, StoreId};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqliteConnection, SqlitePool};

use super::{damaged, error, head_of, shown};
use crate::Error;
use crate::lock::Lock;
use crate::sql::{self, Migration};
use crate::url::beside;

const MIGRATIONS: [Migration; 2] = [
    Migration {
        version: 1,
        sql: include_str!("0001_ledger.sql"),
    },
    Migration {
        version: 2,
        sql: include_str!("0002_notes.sql"),
    },
];

const TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
const META: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'";
/// Structure only; every start reads these pages anyway. The ledger's are checked when they are read: no entry may be missing.
const CHECK: &str = "PRAGMA quick_check('books')";
const GET: &str = "SELECT value FROM meta WHERE key = ?";
const PUT: &str = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// How long somebody with a database tool in hand is waited for.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// How many readers there are at once.
const READERS_MAX: u32 = 4;
/// Up to this size the write-ahead log is kept between commits, in bytes.
const LOG_BYTES_KEPT: u64 = 64 * 1024 * 1024;
/// Pages kept in memory by each connection, in KiB (SQLite writes that as a negative number).
const CACHE_KIB: &str = "-16384";

/// An open database.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: StoreId,
    pub(super) head: Seq,
    pub(super) writer: SqliteConnection,
    pub(super) readers: SqlitePool,
}

/// Takes the lock and sees to it that file and folder are there and that what SQLite will read is on the disk.
pub(super) fn prepare(file: &Path) -> Result<Lock, Error> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(Error::io("make", folder))?;
        let above = folder.parent().unwrap_or(Path::new("/"));
        sync(above)?;
    }
    let lock = Lock::take(&beside(file, ".lock"), file)?;
    if !file.exists() {
        refuse_leftovers(file)?;
        // SQLite gives its other files the permissions of this one.
        File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(file)
            .map_err(Error::io("make", file))?;
        sync(folder)?;
    }
    write_log_again(file, folder)?;
    Ok(lock)
}

/// Refuses to begin a store beside the write-ahead log of an earlier one.
fn refuse_leftovers(file: &Path) -> Result<(), Error> {
    let log = beside(file, "-wal");
    let is_left = fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    if !is_left {
        return Ok(());
    }
    Err(Error::LedgerMissing {
        ledger: file.to_owned(),
        found: log.display().to_string(),
    })
}

/// Copies the write-ahead log into a fresh, synced file. What the last process wrote may be in the system's memory only,
/// and after a failed sync the system does not write it again by itself, while SQLite would take it for durable.
fn write_log_again(file: &Path, folder: &Path) -> Result<(), Error> {
    let (log, new) = (beside(file, "-wal"), beside(file, "-wal.new"));
    match fs::metadata(&log) {
        Ok(metadata) if metadata.len() > 0 => {}
        _ => return Ok(()),
    }
    let copy = || {
        // It takes the permissions along.
        fs::copy(&log, &new)?;
        File::open(&new)?.sync_all()?;
        fs::rename(&new, &log)
    };
    match copy() {
        Ok(()) => sync(folder),
        Err(source) if source.kind() == io::ErrorKind::StorageFull => {
            let _ = fs::remove_file(&new);
            Err(Error::Full { path: new, source })
        }
        Err(source) => Err(Error::io("copy", &log)(source)),
    }
}

fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|open| open.sync_all())
        .map_err(Error::io("sync", folder))
}

/// Connects, and brings the tables up to today's, unless there are none and none are to be made.
pub(super) async fn connect(file: &Path, makes_one: bool) -> Result<Opened, Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY_MAX)
        .pragma("cache_size", CACHE_KIB)
        .disable_statement_logging();
    let write_options = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // For systems where a plain sync does not reach the disk.
        .pragma("fullfsync", "1")
        .pragma("checkpoint_fullfsync", "1")
        .pragma("journal_size_limit", LOG_BYTES_KEPT.to_string());
    let failed = error("open", file);
    let mut writer = write_options.connect().await.map_err(&failed)?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut writer)
        .await
        .map_err(&failed)?;
    if mode != "wal" {
        let why = format!("its file system keeps no write-ahead log (journal mode {mode}); use a local disk");
        return Err(Error::Database {
            operation: "open",
            store: shown(file),
            why,
        });
    }
    migrate(&mut writer, file, makes_one).await?;
    let found: String = sqlx::query_scalar(CHECK)
        .fetch_one(&mut writer)
        .await
        .map_err(&failed)?;
    if found != "ok" {
        return Err(damaged(file, found));
    }
    let id = get(&mut writer, "store").await.map_err(&failed)?;
    let id = id.and_then(|id| id.parse().ok());
    let head = head_of(&mut writer).await.map_err(&failed)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.read_only(true));
    Ok(Opened {
        id: id.ok_or_else(|| damaged(file, "the store's id is missing".to_owned()))?,
        head: sql::seq(head).map_err(|why| damaged(file, why))?,
        writer,
        readers,
    })
}

async fn migrate(writer: &mut SqliteConnection, file: &Path, makes_one: bool) -> Result<(), Error> {
    let failed = error("make the tables of", file);
    let is_ours: i64 = sqlx::query_scalar(META)
        .fetch_one(&mut *writer)
        .await
        .map_err(&failed)?;
    let tables: i64 = sqlx::query_scalar(TABLES)
        .fetch_one(&mut *writer)
        .await
        .map_err(&failed)?;
    if is_ours == 0 && tables > 0 {
        return Err(damaged(file, "it is another program's database".to_owned()));
    }
    if is_ours == 0 && !makes_one {
        return Err(Error::Missing(shown(file)));
    }
    let version = match is_ours {
        0 => None,
        _ => get(writer, "schema").await.map_err(&failed)?,
    };
    let version = match version {
        None => 0,
        Some(version) => version
            .parse()
            .map_err(|_| damaged(file, format!("its tables are of the unknown version {version:?}")))?,
    };
    for step in Migration::missing(&MIGRATIONS, version, &shown(file))? {
        take_step(writer, step).await.map_err(&failed)?;
    }
    Ok(())
}

/// A crash during a step leaves nothing of it.
async fn take_step(writer: &mut SqliteConnection, step: Migration) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *writer).await?;
    for statement in step.statements() {
        sqlx::query(AssertSqlSafe(statement))
            .persistent(false)
            .execute(&mut *writer)
            .await?;
    }
    if get(writer, "store").await?.is_none() {
        put(writer, "store", &StoreId::generate().to_string()).await?;
    }
    put(writer, "schema", &step.version.to_string()).await?;
    sqlx::query("COMMIT").execute(writer).await?;
    Ok(())
}

pub(super) async fn get(connection: &mut SqliteConnection, key: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(GET).bind(key).fetch_optional(connection).await
}

pub(super) async fn put(connection: &mut SqliteConnection, key: &str, value: &str) -> Result<(), sqlx::Error> {
    sqlx::query(PUT).bind(key).bind(value).execute(connection).await?;
    Ok(())
}
