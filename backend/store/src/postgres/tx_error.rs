//! Why a transaction was not acknowledged, classified by what the caller can do.

use super::Address;
use crate::Error;
use crate::sql;

/// How far a transaction got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing can be durable yet.
    BeforeCommit,
    /// `COMMIT` was sent; the transaction may be durable.
    Committing,
}

/// Why a transaction was not acknowledged.
#[derive(Debug)]
pub(super) enum TxError {
    /// The batch does not follow the last entry any more: another process appended, or an earlier attempt of this one.
    HeadMoved,
    /// Rolled back because of concurrent transactions (40001 and the like); it may run again.
    SerializationFailure(String),
    /// The connection or the server was lost, or the server cannot serve now.
    ConnectionLost { why: String, stage: Stage },
    /// Rolled back because the disk is full.
    DiskFull,
    /// Any other error.
    Failed(Error),
}

/// Errors after which a new connection may succeed: the server is shutting down, starting, read-only, or out of connections
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn is_connection_code(code: &str) -> bool {
    matches!(code, "25006" | "25P03" | "53200" | "53300") || ["08", "57"].iter().any(|class| code.starts_with(class))
}

/// Whether an error is about the connection and not about the statement.
pub(super) fn is_connection_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_connection_code(&code)),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// For `map_err` around an operation that changes nothing if it fails.
pub(super) fn error(operation: &'static str, address: &Address) -> impl Fn(sqlx::Error) -> Error {
    let store = address.to_string();
    move |error| {
        let (store, why) = (store.clone(), sql::message(&error));
        match is_connection_lost(&error) {
            true => Error::Unavailable { store, why },
            false => Error::Database { operation, store, why },
        }
    }
}

impl TxError {
    /// Classifies an error of a transaction.
    pub(super) fn new(error: &sqlx::Error, stage: Stage, address: &Address) -> Self {
        let why = sql::message(error);
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (code.as_deref(), stage) {
            (Some("23505"), _) => Self::HeadMoved,
            (Some("40001" | "40P01" | "55P03"), _) => Self::SerializationFailure(why),
            (Some("53100"), _) => Self::DiskFull,
            // After any other error during a commit (40003 above all) the outcome is unknown.
            (_, Stage::Committing) | (Some("40003"), _) => Self::ConnectionLost { why, stage },
            _ if is_connection_lost(error) => Self::ConnectionLost { why, stage },
            _ => Self::Failed(Error::Database {
                operation: "append to",
                store: address.to_string(),
                why,
            }),
        }
    }

    /// The error of a transaction that is not attempted again.
    pub(super) fn into_error(self, address: &Address) -> Error {
        match self {
            Self::HeadMoved => Error::Conflict,
            Self::SerializationFailure(why) | Self::ConnectionLost { why, .. } => Error::Unavailable {
                store: address.to_string(),
                why,
            },
            Self::DiskFull => Error::full(address.to_string()),
            Self::Failed(error) => error,
        }
    }

    /// The server did not answer in time.
    pub(super) fn timed_out(stage: Stage) -> Self {
        let why = "no answer in time".to_owned();
        Self::ConnectionLost { why, stage }
    }
}
