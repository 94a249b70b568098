//! What the SQLite and PostgreSQL stores share: blocking on futures, rows, statements and migrations.

mod batch;
mod blocking;
#[cfg(test)]
pub(super) mod checks;
mod migration;
mod row;
pub(super) mod statements;
mod upgrade;

pub(super) use self::batch::Batch;
pub(super) use self::blocking::Blocking;
pub(super) use self::migration::{Engine, Found, Migration, pending};
pub(super) use self::row::{
    BOOK_COLUMNS, BookColumns, BookRow, ENTRY_COLUMNS, EntryColumns, EntryRow, book, entries, entries_of, limit_column,
    order_column, seq_column, seq_of, store_state,
};
pub(super) use self::upgrade::{KEY as UPGRADE, Upgrade};

/// The key in `meta` that is [`YES`] while a restore is incomplete.
pub(super) const RESTORING: &str = "restoring";
pub(super) const YES: &str = "yes";
pub(super) const NO: &str = "no";

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
