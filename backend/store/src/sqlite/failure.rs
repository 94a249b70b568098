//! Errors of database operations, and their classification.

use std::path::Path;

use rusqlite::ffi;

use crate::{Error, Url};

/// Why an operation failed. Its transaction was rolled back.
#[derive(Debug)]
pub(super) enum Failure {
    /// A transaction could not begin.
    Begin(rusqlite::Error),
    Sql(rusqlite::Error),
    /// The content is not what a store writes.
    Damaged(String),
    Store(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// The result code (<https://sqlite.org/rescode.html>).
    fn extended_code(&self) -> Option<i32> {
        match self {
            Self::Begin(error) | Self::Sql(error) => extended_code(error),
            Self::Damaged(_) | Self::Store(_) => None,
        }
    }

    fn code(&self) -> Option<i32> {
        Some(self.extended_code()? & 0xff)
    }

    /// Whether the disk is too full for the index of the write-ahead log (`-shm`), which opening the database creates.
    pub(super) fn is_full_index(&self) -> bool {
        self.extended_code() == Some(ffi::SQLITE_IOERR_SHMSIZE)
    }

    /// Whether the transaction was rolled back and a later one may succeed: the disk was full or no file descriptor was free.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self.code(), Some(ffi::SQLITE_FULL | ffi::SQLITE_CANTOPEN))
    }

    /// `operation` is a verb, as in `append to`.
    pub(super) fn into_error(self, operation: &'static str, file: &Path) -> Error {
        let (store, code) = (shown(file), self.code());
        let why = match &self {
            Self::Begin(error) | Self::Sql(error) => message(error),
            Self::Damaged(why) => why.clone(),
            Self::Store(_) => String::new(),
        };
        match (self, code) {
            (Self::Store(error), _) => error,
            (Self::Damaged(_) | Self::Sql(rusqlite::Error::FromSqlConversionFailure(..)), _)
            | (_, Some(ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)) => Error::DatabaseDamaged { store, why },
            (Self::Begin(_), Some(ffi::SQLITE_BUSY)) | (_, Some(ffi::SQLITE_CANTOPEN)) => {
                Error::Unavailable { store, why }
            }
            (_, Some(ffi::SQLITE_FULL)) => Error::full(file),
            _ => Error::Database { operation, store, why },
        }
    }
}

/// The store's URL.
pub(super) fn shown(file: &Path) -> String {
    Url::Sqlite(file.to_owned()).to_string()
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    Some(error.sqlite_error()?.extended_code)
}

fn message(error: &rusqlite::Error) -> String {
    match extended_code(error) {
        Some(code) => format!("{error} (code {code})"),
        None => error.to_string(),
    }
}
