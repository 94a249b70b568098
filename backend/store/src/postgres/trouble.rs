//! What can go wrong with a transaction, sorted by what it means.

use std::io;

use crate::Error;
use crate::sql;

use super::Address;

/// How far a transaction had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The server cannot have made anything durable yet.
    Before,
    /// It was told to commit, and may have.
    Committing,
}

/// Why a transaction did not answer that it is durable.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The last entry is another one, or another transaction wrote the same entries first.
    Taken,
    /// The engine could not order this transaction and others; nothing of it is left, and it may be run again (40001).
    Again(String),
    /// The connection or the server went away, or cannot be used now.
    Lost {
        /// What the system said.
        why: String,
        /// Whether the transaction may be durable all the same.
        stage: Stage,
    },
    /// There is no room; nothing of it is left.
    Full,
    /// Anything else. Nobody should go on.
    Failed(Error),
}

/// Errors after which another connection may do better: the server is shutting down, starting, not the one that writes,
/// or has no connection left (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn is_transient(code: &str) -> bool {
    matches!(code, "25006" | "25P03" | "53200" | "53300") || ["08", "57"].iter().any(|class| code.starts_with(class))
}

/// Whether an error is about the way to the database and not about what was asked.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_transient(&code)),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// The error of something that changed nothing.
pub(super) fn error(operation: &'static str, address: &Address) -> impl Fn(sqlx::Error) -> Error {
    let store = address.to_string();
    move |error| {
        let (store, why) = (store.clone(), sql::why(&error));
        match is_lost(&error) {
            true => Error::Unavailable { store, why },
            false => Error::Database { operation, store, why },
        }
    }
}

impl Trouble {
    /// Sorts an error of a transaction.
    pub(super) fn of(error: &sqlx::Error, stage: Stage, address: &Address) -> Self {
        let why = sql::why(error);
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (code.as_deref(), stage) {
            (Some("23505"), _) => Self::Taken,
            (Some("40001" | "40P01" | "55P03"), _) => Self::Again(why),
            (Some("53100"), _) => Self::Full,
            // Whatever else a server says while it commits (40003 above all): nobody knows.
            (_, Stage::Committing) => Self::Lost { why, stage },
            (Some("40003"), Stage::Before) => Self::Lost { why, stage },
            _ if is_lost(error) => Self::Lost { why, stage },
            _ => Self::Failed(Error::Database {
                operation: "append to",
                store: address.to_string(),
                why,
            }),
        }
    }

    /// The transaction took too long.
    pub(super) fn late(stage: Stage) -> Self {
        let why = "no answer in time".to_owned();
        Self::Lost { why, stage }
    }
}

/// There is no room.
pub(super) fn full(address: &Address) -> Error {
    Error::Full {
        path: address.to_string().into(),
        source: io::ErrorKind::StorageFull.into(),
    }
}
