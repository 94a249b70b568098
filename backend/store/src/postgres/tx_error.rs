//! Why a transaction was not acknowledged, classified by what the caller can do.

use std::borrow::Cow;

use super::{Address, damaged};
use crate::Error;

/// How far a transaction got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing can be durable yet.
    BeforeCommit,
    /// `COMMIT` was sent; the transaction may be durable.
    Committing,
    /// A statement that commits by itself was sent; the row that precedes its commit was not received.
    Autocommit,
}

/// Why a transaction was not acknowledged.
#[derive(Debug)]
pub(super) enum TxError {
    /// The batch no longer follows the last entry: another process or an earlier attempt appended.
    HeadMoved,
    /// An entry with the same number, or the same line of an order, exists.
    Duplicate,
    /// Rolled back because of concurrent transactions (40001 and the like); it may run again.
    SerializationFailure(String),
    /// The connection was lost, or the server accepts no writes: [`Error::Unavailable`] or [`Error::ReadOnly`].
    ConnectionLost { error: Error, stage: Stage },
    /// Rolled back because another transaction held a lock longer than the lock timeout.
    Blocked(Error),
    /// Rolled back because the disk is full.
    DiskFull,
    /// Any other error.
    Failed(Error),
}

/// Errors after which a new connection may succeed: the server is shutting down, starting, or out of connections
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn is_connection_code(code: &str) -> bool {
    matches!(code, "25P03" | "53200" | "53300") || ["08", "57"].iter().any(|class| code.starts_with(class))
}

/// The server is a standby, or set read-only.
const READ_ONLY: &str = "25006";
/// The error of [`APPEND`](super::statements::APPEND) if a stock does not follow from the entries.
const DIVISION_BY_ZERO: &str = "22012";
/// `lock_timeout` has passed.
pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Whether an error that arrives before the row of a self-committing statement means that nothing was committed. Classes 08, 58
/// and XX may come from a proxy that lost the server; 40003 means that the outcome is unknown.
fn is_before_commit(code: &str) -> bool {
    !["08", "58", "XX", "40003"].iter().any(|start| code.starts_with(start))
}

/// Whether an error is about the connection and not about the statement.
pub(super) fn is_connection_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_connection_code(&code)),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// For `map_err` of an operation that changes nothing if it fails.
pub(super) fn error(operation: &'static str, address: &Address) -> impl Fn(sqlx::Error) -> Error {
    let address = address.clone();
    move |error| classify(operation, &address, &error)
}

fn classify(operation: &'static str, address: &Address, error: &sqlx::Error) -> Error {
    let (store, why) = (address.to_string(), message(error));
    match code(error).as_deref() {
        Some(READ_ONLY) => Error::ReadOnly { store, why },
        Some(LOCK_NOT_AVAILABLE) => Error::Unavailable {
            store,
            why: "another transaction holds a lock; its commit may wait for a synchronous standby".to_owned(),
        },
        _ if is_connection_lost(error) => Error::Unavailable { store, why },
        _ => Error::Database { operation, store, why },
    }
}

fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code)
}

impl TxError {
    /// Classifies an error of a transaction.
    pub(super) fn new(error: &sqlx::Error, stage: Stage, address: &Address) -> Self {
        let failed = || classify("append to", address, error);
        let code = code(error);
        let stage = match code.as_deref() {
            Some(code) if stage == Stage::Autocommit && is_before_commit(code) => Stage::BeforeCommit,
            _ => stage,
        };
        match (code.as_deref(), stage) {
            (Some("23505"), _) => Self::Duplicate,
            (Some("40001" | "40P01"), _) => Self::SerializationFailure(message(error)),
            (Some(LOCK_NOT_AVAILABLE), _) => Self::Blocked(failed()),
            (Some("53100"), _) => Self::DiskFull,
            // After any other error during a commit (40003 above all) the outcome is unknown.
            (_, Stage::Committing | Stage::Autocommit) | (Some("40003"), _) => Self::lost(failed(), stage),
            (Some(DIVISION_BY_ZERO), _) => Self::stock_mismatch(address),
            _ if is_connection_lost(error) => Self::lost(failed(), stage),
            (Some(READ_ONLY), _) => Self::lost(failed(), stage),
            _ => Self::Failed(failed()),
        }
    }

    /// The entries do not lead from the stored stock to the new one.
    pub(super) fn stock_mismatch(address: &Address) -> Self {
        let why = "the stock of a book does not follow from its entries";
        Self::Failed(damaged(address, why.to_owned()))
    }

    /// The error after which the connection is no longer used.
    pub(super) fn lost(error: Error, stage: Stage) -> Self {
        let error = match error {
            Error::Database { store, why, .. } => Error::Unavailable { store, why },
            error => error,
        };
        Self::ConnectionLost { error, stage }
    }

    /// The error for the caller, if the transaction is not attempted again.
    pub(super) fn into_error(self, address: &Address) -> Error {
        match self {
            Self::HeadMoved | Self::Duplicate => Error::Conflict,
            Self::SerializationFailure(why) => Error::Unavailable {
                store: address.to_string(),
                why,
            },
            Self::DiskFull => Error::full(address.to_string()),
            Self::ConnectionLost { error, .. } | Self::Blocked(error) | Self::Failed(error) => error,
        }
    }
}

/// A database's error message on one line, without its address.
pub(super) fn message(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} (code {code})", error.message()),
            None => error.message().to_owned(),
        },
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}
