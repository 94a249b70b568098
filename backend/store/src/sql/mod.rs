//! What the stores in databases share: how a blocking caller waits for a database, and what entries and books are in
//! tables.

mod batch;
mod blocking;
mod catalog;
mod gate;
mod migration;
mod row;

pub(super) use self::batch::Batch;
pub(super) use self::blocking::Blocking;
pub(super) use self::catalog::{Replacement, check};
pub(super) use self::gate::{Gate, Room};
pub(super) use self::migration::Migration;
pub(super) use self::row::{BookRow, Columns, EntryRow, book, entries, entry_of, id_of, loaded, position, seq};

/// The name in `meta` of whether entries of another store are being taken over.
pub(super) const RESTORING: &str = "restoring";
pub(super) const YES: &str = "yes";
pub(super) const NO: &str = "no";

/// What a database said, in one line without its address.
pub(super) fn why(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} (code {code})", error.message()),
            None => error.message().to_owned(),
        },
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}
