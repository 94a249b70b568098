//! Statements that both engines understand. `$1` is a positional parameter in both.

use std::sync::LazyLock;

use super::row::{BOOK_COLUMNS, ENTRY_COLUMNS};
use super::table::Column;

pub(crate) const HEAD: &str = "SELECT coalesce(max(seq), 0) FROM ledger";
pub(crate) static READ: LazyLock<String> = LazyLock::new(|| {
    let columns = names(ENTRY_COLUMNS);
    format!("SELECT {columns} FROM ledger WHERE seq > $1 ORDER BY seq LIMIT $2")
});
pub(crate) static FIND: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM ledger WHERE ord = $1 ORDER BY line",
        names(ENTRY_COLUMNS)
    )
});
pub(crate) const ORDERS: &str = "SELECT seq, ord FROM ledger WHERE seq BETWEEN $1 AND $2 AND ord IS NOT NULL AND line = 1 \
                                 ORDER BY seq LIMIT $3";
pub(crate) static BOOKS: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM books ORDER BY item", names(BOOK_COLUMNS)));

pub(crate) const GET: &str = "SELECT value FROM meta WHERE key = $1";
pub(crate) const PUT: &str =
    "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
/// Blobs are in the table `notes`.
pub(crate) const GET_BLOB: &str = "SELECT content FROM notes WHERE name = $1";
pub(crate) const PUT_BLOB: &str =
    "INSERT INTO notes (name, content) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET content = excluded.content";
pub(crate) const DELETE_BLOBS: &str = "DELETE FROM notes";

/// The names of the columns, separated by commas.
pub(crate) fn names(columns: &[Column]) -> String {
    join(columns, |(name, _)| (*name).to_owned())
}

/// The end of an `INSERT INTO books` that overwrites a book with the same number.
pub(crate) fn upsert_books() -> String {
    let assignments = join(&BOOK_COLUMNS[1..], |(name, _)| format!("{name} = excluded.{name}"));
    format!("ON CONFLICT (item) DO UPDATE SET {assignments}")
}

fn join(columns: &[Column], text: impl Fn(&Column) -> String) -> String {
    columns.iter().map(text).collect::<Vec<_>>().join(", ")
}
