//! The statements that only the PostgreSQL store uses. A PostgreSQL-wire engine has to understand these and the ones in
//! `sql/statements.rs`; docs/decisions/0002-postgres-wire.md says where each engine documents them.

use std::sync::LazyLock;

use uuid::Uuid;

use crate::sql::statements::{names, upsert_books};
use crate::sql::{BOOK_COLUMNS, ENTRY_COLUMNS};

/// Applies to the whole session.
pub(super) const SYNCHRONOUS_COMMIT: &str = "SET synchronous_commit = 'on'";
/// A stopped process must not hold locks that others wait for.
pub(super) const IDLE_TIMEOUT: &str = "SET idle_in_transaction_session_timeout = '10s'";
/// Returns no row in an engine without this setting.
pub(super) const FSYNC: &str = "SELECT setting FROM pg_settings WHERE name = 'fsync'";

/// The existing tables among the store's.
pub(super) const TABLES: &str = "SELECT table_name::TEXT FROM information_schema.tables \
     WHERE table_schema = current_schema() AND table_name IN ('meta', 'ledger', 'books')";
pub(super) const PUT_IF_ABSENT: &str = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";

pub(super) const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED";
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

/// Takes an array for each column, then the batch and the head; inserts nothing if the last entry is not that head.
pub(super) static INSERT_ENTRIES: LazyLock<String> = LazyLock::new(|| {
    let columns = names(ENTRY_COLUMNS);
    let (arrays, batch, head) = (arrays(ENTRY_COLUMNS), ENTRY_COLUMNS.len() + 1, ENTRY_COLUMNS.len() + 2);
    format!(
        "INSERT INTO ledger ({columns}, batch) SELECT {columns}, ${batch}::BIGINT FROM unnest({arrays}) AS e ({columns}) \
         WHERE (SELECT coalesce(max(seq), 0) FROM ledger) = ${head}::BIGINT"
    )
});
/// Skips a book whose stock and change do not lead to the new stock.
pub(super) const UPDATE_BOOKS: &str = "UPDATE books SET stock = s.stock, seq = s.seq \
     FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[]) AS s (item, change, stock, seq) \
     WHERE books.item = s.item AND books.stock + s.change = s.stock";
/// Takes an array for each column.
pub(super) static UPSERT_BOOKS: LazyLock<String> = LazyLock::new(|| {
    let (columns, arrays, upsert) = (names(BOOK_COLUMNS), arrays(BOOK_COLUMNS), upsert_books());
    format!("INSERT INTO books ({columns}) SELECT {columns} FROM unnest({arrays}) AS b ({columns}) {upsert}")
});
pub(super) const DELETE_BOOKS: &str = "DELETE FROM books WHERE item = ANY ($1::BIGINT[])";

/// Delivered when the transaction commits to every session that listens, with the sender's id.
pub(super) const NOTIFY: &str = "SELECT pg_notify('bookstore', $1)";
/// One channel for the whole database, so stores in different schemas wake each other for nothing.
pub(super) const CHANNEL: &str = "bookstore";

/// Notifies and commits in one message, which saves a round trip for each batch.
pub(super) fn notify_and_commit(origin_id: Uuid) -> String {
    format!("SELECT pg_notify('bookstore', '{origin_id}'); COMMIT")
}

/// `$1::BIGINT[], $2::TEXT[], …`, one parameter for each column.
fn arrays(columns: &[(&str, &str)]) -> String {
    let parameters = columns.iter().zip(1..).map(|((_, kind), n)| format!("${n}::{kind}[]"));
    parameters.collect::<Vec<_>>().join(", ")
}
