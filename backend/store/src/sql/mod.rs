//! Rows, statements and migrations for both the SQLite and the PostgreSQL store.

mod batch;
#[cfg(test)]
pub(super) mod checks;
mod migration;
mod row;
pub(super) mod statements;
mod table;
mod upgrade;

pub(super) use self::batch::{SqlBatch, StockDelta};
pub(super) use self::migration::{Engine, Found, Migration, pending};
pub(super) use self::row::{
    BOOK_COLUMNS, BookRow, ENTRY_COLUMNS, EntryRow, book, check_order, entry, limit_column, next_entry, order,
    order_column, seq_column, seq_of, store_state,
};
pub(super) use self::table::{Column, PgQuery};
pub(super) use self::upgrade::{KEY as UPGRADE, Upgrade};

/// The key in `meta` that is [`YES`] while a restore is incomplete.
pub(super) const RESTORING: &str = "restoring";
pub(super) const YES: &str = "yes";
pub(super) const NO: &str = "no";
