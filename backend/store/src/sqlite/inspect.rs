//! Opens a store for inspection without taking a lock and without creating, repairing or changing a file, even where SQLite
//! itself would.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::failure::{Failure, shown};
use super::open::{self, Opened};
use super::{NamedFile, SqliteStore, WriteConnection, lock_path};
use crate::private_file::FileId;
use crate::url::beside;
use crate::{Error, INSPECTIONS_MAX, Inspection, WriterGuard, lost};

/// Checks every page and every index entry; returns the first faults, or `ok`.
const INTEGRITY_CHECK: &str = "PRAGMA integrity_check(20)";
/// SQLite's file system without locks and without `-shm`.
const WITHOUT_LOCKS: &str = "unix-none";

/// How the database can be read without changing its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// `-shm` exists: the database is in use, or its process was killed. SQLite coordinates readers and the writer.
    Shared { file: FileId, log: Option<FileId> },
    /// The log exists, but not `-shm`, as in a copy. SQLite would create `-shm`, so the log is indexed in memory.
    WithLog { file: FileId, log: FileId },
    /// The database was closed cleanly. SQLite would create a log, so the file is opened as immutable.
    Closed { file: FileId, changed_at: (i64, i64) },
}

impl Access {
    /// Chooses by the existing files; [`Error::Missing`] if there is no database.
    fn of(file: &Path) -> Result<Self, Error> {
        let metadata = |suffix: &str| {
            let path = beside(file, suffix);
            match fs::metadata(&path) {
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    Ok(None)
                }
                found => found.map(Some).map_err(Error::io("open", &path)),
            }
        };
        let has_content = |metadata: &Metadata| metadata.len() > 0;
        let Some(database) = metadata("")?.filter(has_content) else {
            lost::refuse(file, open::leftovers(file), &lock_path(file))?;
            return Err(Error::Missing(shown(file)));
        };
        let id = FileId::of(&database);
        Ok(match (metadata("-shm")?, metadata("-wal")?) {
            (Some(_), log) => Self::Shared {
                file: id,
                log: log.as_ref().map(FileId::of),
            },
            (None, Some(log)) if has_content(&log) => Self::WithLog {
                file: id,
                log: FileId::of(&log),
            },
            (None, _) => Self::Closed {
                file: id,
                changed_at: (database.mtime(), database.mtime_nsec()),
            },
        })
    }

    /// A connection for reading.
    fn connect(self, file: &Path) -> Result<Connection, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match self {
            Self::Shared { .. } => Connection::open_with_flags(file, flags)?,
            Self::WithLog { .. } => Connection::open_with_flags_and_vfs(file, flags, WITHOUT_LOCKS)?,
            Self::Closed { .. } => Connection::open_with_flags(immutable(file), flags | OpenFlags::SQLITE_OPEN_URI)?,
        };
        if let Self::WithLog { .. } = self {
            // An exclusive lock before the first access makes `-shm` unnecessary. Closing must not copy the log into the file.
            connection.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
        open::configure(&connection)?;
        Ok(connection)
    }
}

/// The URI (<https://sqlite.org/uri.html>) of a file that does not change.
fn immutable(file: &Path) -> PathBuf {
    let mut uri = b"file:".to_vec();
    for &byte in file.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' => uri.extend_from_slice(format!("%{byte:02x}").as_bytes()),
            byte => uri.push(byte),
        }
    }
    uri.extend_from_slice(b"?immutable=1");
    OsString::from_vec(uri).into()
}

impl SqliteStore {
    /// Opens an existing store for inspection, as [`inspect`](crate::inspect) says, and lets SQLite check every page: only this
    /// check detects a damaged index that hides an order.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::OldFormat`], [`Error::DatabaseDamaged`], [`Error::Unavailable`].
    pub fn inspect(file: &Path) -> Result<Inspection, Error> {
        let file = std::path::absolute(file).map_err(Error::io("open", file))?;
        for _ in 0..INSPECTIONS_MAX {
            let access = Access::of(&file)?;
            let inspected = Self::read_only(&file, access).and_then(|store| {
                store.check_integrity()?;
                Inspection::of(Box::new(store))
            });
            // If the files changed, a catalog started or stopped meanwhile.
            if Access::of(&file)? == access {
                return inspected;
            }
        }
        Err(Error::Unavailable {
            store: shown(&file),
            why: "catalogs started and stopped continually; try again".to_owned(),
        })
    }

    fn read_only(file: &Path, access: Access) -> Result<Self, Error> {
        let connect = || access.connect(file);
        let opened = connect().and_then(|connection| {
            open::check_format(&connection, file)?;
            Opened::of(connection, connect)
        });
        let opened = opened.map_err(|failure| failure.into_error("open", file))?;
        Ok(Self {
            named: [
                NamedFile::find(file.to_owned())?,
                NamedFile::find(beside(file, "-wal"))?,
            ],
            id: opened.id,
            writer: WriterGuard::closed(WriteConnection {
                connection: opened.writer,
                head: opened.head,
            }),
            readers: opened.readers,
            upgrade: opened.upgrade,
            file: file.to_owned(),
            _lock: None,
        })
    }

    fn check_integrity(&self) -> Result<(), Error> {
        self.readers.read(&self.file, |reader| {
            let mut check = reader.prepare(INTEGRITY_CHECK)?;
            let faults = check.query_map([], |row| row.get(0))?;
            let faults: Vec<String> = faults.collect::<Result<_, _>>()?;
            match faults.as_slice() {
                [only] if only == "ok" => Ok(()),
                faults => Err(Failure::Damaged(faults.join("; "))),
            }
        })
    }
}
