//! The errors of stores.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::catalog_file;

/// A difference between the catalog file and the ledger, for one book or column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The book and column, as in `book 2, stock`.
    pub location: String,
    /// The value in the file.
    pub file: String,
    /// The value in the ledger.
    pub ledger: String,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger's last entry is not the one that the caller named, because another process appended.
    #[error("another process appended to the ledger first")]
    Conflict,
    /// The disk is full; nothing was changed. Reads continue, and writes are tried again at most once a second.
    #[error("no disk space left for {}: {why}", path.display())]
    Full {
        /// The file that could not grow, or the database.
        path: PathBuf,
        /// The system's message, if there is one.
        why: String,
    },
    /// At this entry the batch ends within a group or lacks a line of it; nothing was appended.
    #[error("the batch lacks lines of the order of entry {0}; nothing was appended")]
    PartialGroup(common::Seq),
    /// The store is of ledger format 1. Opening it for writing upgrades it; inspecting it fails.
    #[error("{0} has an older format; start `bookstored` with this store once to upgrade it")]
    OldFormat(String),
    /// The file is of a ledger format that this version does not know.
    #[error("{} has columns that this version does not know; a newer version of this program wrote it, use that one", _0.display())]
    NewerFormat(PathBuf),
    /// No store exists at this URL.
    #[error("there is no store at {0}")]
    Missing(String),
    /// Files of a store exist, but not its ledger. A new ledger would lose every order.
    #[error(
        "{} is missing, but a store was here (found: {found}); restore it from a backup, or begin a new store with `bookstored all --init` or `catalog --init`, which moves what is left aside", ledger.display()
    )]
    LedgerMissing {
        /// The file that is missing.
        ledger: PathBuf,
        /// The names of the remaining files.
        found: String,
    },
    /// The path of the ledger leads to another file or to none. Data written to a file without a name is lost when its process
    /// ends.
    #[error(
        "{} was removed, renamed or replaced while it was in use, so the store closes; put the file back or restore a backup", _0.display()
    )]
    NameLost(PathBuf),
    /// The lock file is a symbolic link, or no file. Writing to it could change a file of another program.
    #[error("{} is not a regular file; remove it, or use another --store", _0.display())]
    NotRegularFile(PathBuf),
    /// The disk is too full for the upgrade to this version's format; nothing was changed.
    #[error(
        "the upgrade of {store} to ledger format 2 waits for free disk space{}", bytes.map(|bytes| format!(": it needs {bytes} bytes")).unwrap_or_default()
    )]
    UpgradeNeedsRoom {
        /// The store's URL.
        store: String,
        /// The number of bytes needed, if known.
        bytes: Option<u64>,
    },
    /// A [`restore`](crate::Store::restore) was interrupted.
    #[error(
        "{store} holds only a part of another store, up to entry {head}, because a copy was interrupted; run the same `bookstored export --to` again, or remove what is there"
    )]
    RestoreIncomplete {
        /// The store's URL.
        store: String,
        /// The last entry that was copied.
        head: common::Seq,
    },
    /// Another process holds the store's lock.
    #[error("the store {} is in use by another program{}; stop that one, or use another --store", path.display(), holder.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The store.
        path: PathBuf,
        /// The process that holds the lock, if the lock file names it.
        holder: Option<u32>,
    },
    /// A line of a file is not what a store writes.
    #[error("{}:{line}: {why}; {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// The content of a database is not what a store writes.
    #[error("{store} is damaged: {why}")]
    DatabaseDamaged {
        /// The store's URL without its password.
        store: String,
        /// What is wrong.
        why: String,
    },
    /// The catalog file was edited by hand.
    #[error("{} was edited by hand:{}\nTo take the edit, run `bookstored import`; to drop it (a copy is kept), start with --discard-edit", path.display(), list(differences))]
    Edited {
        /// The file.
        path: PathBuf,
        /// Where it differs from the ledger.
        differences: Vec<Difference>,
    },
    /// The catalog file is not valid.
    #[error(transparent)]
    CatalogFile(#[from] catalog_file::Error),
    /// A file operation failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// A verb, as in `sync`.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A database operation failed. The text contains no secret.
    #[error("cannot {operation} {store}: {why}")]
    Database {
        /// A verb, as in `append to`.
        operation: &'static str,
        /// The store's URL without its password.
        store: String,
        /// The database's message.
        why: String,
    },
    /// The database is unreachable or busy; nothing was changed, and a later call may succeed.
    #[error("{store} is not available: {why}; nothing was changed")]
    Unavailable {
        /// The store's URL without its password.
        store: String,
        /// The system's or the database's message.
        why: String,
    },
    /// The database accepts no writes: a standby, or a server that its administrator set read-only. Nothing was changed, and
    /// a later call may succeed.
    #[error("{store} accepts no writes: {why}; nothing was changed")]
    ReadOnly {
        /// The store's URL without its password.
        store: String,
        /// The database's message.
        why: String,
    },
    /// An earlier error closed the store.
    #[error("the store is closed after an error")]
    Closed,
}

impl Error {
    /// For `map_err` of one file operation; `operation` is a verb, as in `sync`.
    pub fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// Converts the error of a failed write; [`Full`](Self::Full) if the disk is full.
    pub(crate) fn of_write(path: &Path, source: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full {
                path: path.to_owned(),
                why: source.to_string(),
            },
            _ => Self::io("write", path)(source),
        }
    }

    /// Whether nothing was changed and the store stays open.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict
            | Self::PartialGroup(_)
            | Self::Full { .. }
            | Self::CatalogFile(_)
            | Self::Unavailable { .. }
            | Self::ReadOnly { .. } => true,
            // No free file descriptor: fails only in `open`, before anything is changed.
            Self::Io { source, .. } => {
                matches!(Errno::from_io_error(source), Some(Errno::MFILE | Errno::NFILE))
            }
            _ => false,
        }
    }

    /// Whether the content of the store is damaged; false if only access to it failed.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. } | Self::DatabaseDamaged { .. } | Self::CatalogFile(_)
        )
    }
}

fn list(differences: &[Difference]) -> String {
    use std::fmt::Write as _;
    const SHOWN_MAX: usize = 20;
    let mut lines = String::new();
    for Difference { location, file, ledger } in differences.iter().take(SHOWN_MAX) {
        let _ = write!(lines, "\n  {location}: the file says {file}, the ledger {ledger}");
    }
    if differences.len() > SHOWN_MAX {
        let _ = write!(lines, "\n  and {} more", differences.len() - SHOWN_MAX);
    }
    lines
}
