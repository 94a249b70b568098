//! What the SQLite and PostgreSQL stores share: rows, statements and migrations.

mod batch;
#[cfg(test)]
pub(super) mod checks;
mod migration;
mod row;
pub(super) mod statements;
mod upgrade;

pub(super) use self::batch::{SqlBatch, StockDelta};
pub(super) use self::migration::{Engine, Found, Migration, pending};
pub(super) use self::row::{
    BOOK_COLUMNS, BookRow, Column, ENTRY_COLUMNS, EntryRow, PgQuery, book, check_order, entry, limit_column,
    next_entry, order, order_column, seq_column, seq_of, store_state,
};
pub(super) use self::upgrade::{KEY as UPGRADE, Upgrade};

/// The key in `meta` that is [`YES`] while a restore is incomplete.
pub(super) const RESTORING: &str = "restoring";
pub(super) const YES: &str = "yes";
pub(super) const NO: &str = "no";
