//! The statements that only the PostgreSQL store uses. An engine with PostgreSQL's wire protocol must support these and the
//! statements in `sql/statements.rs`; docs/decisions/0002-postgres-wire.md says where each engine documents them.

use std::sync::LazyLock;
use std::time::Duration;

use uuid::Uuid;

use crate::sql::statements::{names, upsert_books};
use crate::sql::{BOOK_COLUMNS, ENTRY_COLUMNS};

/// A start or a batch must not wait silently for a lock: the transaction that holds it may wait for a standby.
macro_rules! lock_timeout {
    () => {
        "lock_timeout = '2s'"
    };
}
/// A stopped process must not hold locks that other processes wait for.
macro_rules! idle_timeout {
    () => {
        "idle_in_transaction_session_timeout = '10s'"
    };
}

/// The settings of a session.
pub(super) const SETTINGS: [&str; 5] = [
    "SET synchronous_commit = 'on'",
    // For statements that commit by themselves.
    "SET default_transaction_isolation = 'read committed'",
    concat!("SET ", idle_timeout!()),
    concat!("SET ", lock_timeout!()),
    // The default of a role or a database may suppress warnings.
    "SET client_min_messages = 'warning'",
];
/// Makes the server warn that there is no transaction.
pub(super) const WARN: &str = "COMMIT";
/// Makes the server warn that there is one.
pub(super) const WARN_POOLED: &str = "BEGIN";
/// `on` in a session without a pooler; see [`Address::is_pooled`](super::Address::is_pooled).
pub(super) const DIRECT: &str = "SELECT current_setting('bookstore.direct', TRUE)";
/// Must be `on`; null in an engine without this setting.
pub(super) const SYNCHRONOUS_COMMIT: &str = "SELECT current_setting('synchronous_commit', TRUE)";
/// Ranks servers that accept writes: whether commits wait for a standby, then the timeline, which a promotion increments.
pub(super) const RANK: &str = "SELECT setting <> '' AS waits, left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline \
     FROM pg_settings WHERE name = 'synchronous_standby_names'";
/// `on` for a standby and for a server that its administrator set read-only.
pub(super) const READ_ONLY: &str = "SHOW transaction_read_only";
/// Returns no row in an engine without this setting.
pub(super) const FSYNC: &str = "SELECT setting FROM pg_settings WHERE name = 'fsync'";

/// The size of the ledger with its indexes in bytes. Fails in an engine without this function; then the size is unknown.
pub(super) const LEDGER_BYTES: &str = "SELECT pg_total_relation_size('ledger')";

/// Whether replicas are connected and none is configured as synchronous. `pg_basebackup` does not count as a replica.
pub(super) const ARE_ASYNCHRONOUS: &str = "SELECT EXISTS (SELECT 1 FROM pg_stat_replication \
     WHERE application_name IS DISTINCT FROM 'pg_basebackup') \
     AND EXISTS (SELECT 1 FROM pg_settings WHERE name = 'synchronous_standby_names' AND setting = '')";

/// The store's tables that exist.
pub(super) const TABLES: &str = "SELECT table_name::TEXT FROM information_schema.tables \
     WHERE table_schema = current_schema() AND table_name IN ('meta', 'ledger', 'books')";
pub(super) const PUT_IF_ABSENT: &str = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";

/// Every transaction sets `synchronous_commit`, on which its durability depends.
pub(super) const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = 'on'";
/// Through a pooler every transaction sets all settings of a session.
pub(super) const BEGIN_POOLED: &str = concat!(
    "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = 'on'; SET LOCAL ",
    idle_timeout!(),
    "; SET LOCAL ",
    lock_timeout!(),
    "; SET LOCAL client_min_messages = 'warning'"
);
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

/// Parameters: an array for each column; the batch; the head; the store's id; number, time and order of the entry before the
/// batch (time null if unknown); whether the process holds the append lock. Inserts nothing if the last entry is not the head,
/// or the history is another one. Without the append lock it waits until no other process holds it.
pub(super) static INSERT_ENTRIES: LazyLock<String> = LazyLock::new(|| {
    let (columns, arrays, next) = (names(ENTRY_COLUMNS), arrays(ENTRY_COLUMNS), ENTRY_COLUMNS.len() + 1);
    let [batch, head, store, seq, at, order, holds_lock] = std::array::from_fn(|index| next + index);
    let is_same_store = format!("SELECT 1 FROM meta WHERE key = 'store' AND value = ${store}::TEXT");
    format!(
        "INSERT INTO ledger ({columns}, batch) SELECT {columns}, ${batch}::BIGINT FROM unnest({arrays}) AS e ({columns}) \
         WHERE (SELECT coalesce(max(seq), 0) FROM ledger) = ${head}::BIGINT \
         AND CASE WHEN ${holds_lock}::BOOLEAN THEN EXISTS ({is_same_store}) ELSE EXISTS ({is_same_store} FOR SHARE) END AND {}",
        has_entry(seq, at, order)
    )
});
const INSERT_PARAMETERS: usize = ENTRY_COLUMNS.len() + 7;
/// [`INSERT_ENTRIES`] and [`UPDATE_BOOKS`], with the parameters of both, in one statement that commits by itself. Returns the
/// number of new entries. Fails with a division by zero if an entry does not lead from the stored stock to the new one. Sets
/// `synchronous_commit`, on which its durability depends.
pub(super) static APPEND: LazyLock<String> = LazyLock::new(|| append(""));
/// [`APPEND`] with a notification; the last parameter is its payload.
pub(super) static APPEND_AND_NOTIFY: LazyLock<String> = LazyLock::new(|| {
    let payload = INSERT_PARAMETERS + 5;
    append(&format!(", pg_notify('{CHANNEL}', ${payload}::TEXT)::TEXT"))
});

fn append(more: &str) -> String {
    let first = INSERT_PARAMETERS + 1;
    format!(
        "WITH inserted AS ({} RETURNING seq), written AS (SELECT count(*) AS entries FROM inserted), \
         updated AS ({} AND (SELECT entries FROM written) > 0 RETURNING books.item) \
         SELECT entries, 1 / (CASE WHEN entries = 0 OR (SELECT count(*) FROM updated) = cardinality(${first}::BIGINT[]) \
         THEN 1 ELSE 0 END), set_config('synchronous_commit', 'on', TRUE){more} FROM written",
        *INSERT_ENTRIES,
        update_books(first)
    )
}

/// A small write that waits for the standby. Parameters: a new value; number, time and order of an entry. Writes nothing if the
/// ledger does not have the entry.
pub(super) static CONFIRM: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO meta (key, value) SELECT 'confirmed', $1::TEXT WHERE {} \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value \
         RETURNING set_config('synchronous_commit', 'on', TRUE)",
        has_entry(2, 3, 4)
    )
});
/// The store's id, and the last entry's number, time and order.
pub(super) const END: &str = "SELECT meta.value, last.seq, last.at_micros, last.ord FROM meta \
     LEFT JOIN (SELECT seq, at_micros, ord FROM ledger ORDER BY seq DESC LIMIT 1) AS last ON TRUE WHERE meta.key = 'store'";
/// Takes the append lock: the row of the store's id, which [`INSERT_ENTRIES`] locks shared.
pub(super) fn lock_appends(timeout: Duration) -> String {
    let timeout_ms = timeout.as_millis().max(1);
    format!(
        "SET LOCAL {}; SET LOCAL lock_timeout = {timeout_ms}; SELECT 1 FROM meta WHERE key = 'store' FOR UPDATE",
        idle_timeout!()
    )
}

/// Claims the store until the end of the transaction, which the process keeps open. The lock timeout gives the server time to
/// detect that the previous process was killed.
pub(super) const CLAIM: &str = concat!(
    "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL ",
    lock_timeout!(),
    "; SELECT pg_advisory_xact_lock(hashtextextended('bookstore ' || current_schema(), 0))"
);

/// Parameters: the new id, the old id.
pub(super) const REPLACE_ID: &str = "UPDATE meta SET value = $1 WHERE key = 'store' AND value = $2";
/// Increments the epoch.
pub(super) const COUNT_EPOCH: &str = "INSERT INTO meta (key, value) VALUES ('epoch', '1') \
     ON CONFLICT (key) DO UPDATE SET value = (meta.value::BIGINT + 1)::TEXT";
/// Parameters: arrays of item numbers, changes, new stocks and entries' numbers. Skips a book if its stock plus the change is
/// not the new stock.
pub(super) static UPDATE_BOOKS: LazyLock<String> = LazyLock::new(|| update_books(1));

fn update_books(first: usize) -> String {
    let [item, change, stock, seq] = std::array::from_fn(|index| first + index);
    format!(
        "UPDATE books SET stock = s.stock, seq = s.seq \
         FROM unnest(${item}::BIGINT[], ${change}::BIGINT[], ${stock}::BIGINT[], ${seq}::BIGINT[]) \
         AS s (item, change, stock, seq) WHERE books.item = s.item AND books.stock + s.change = s.stock"
    )
}

/// Parameters: an array for each column.
pub(super) static UPSERT_BOOKS: LazyLock<String> = LazyLock::new(|| {
    let (columns, arrays, upsert) = (names(BOOK_COLUMNS), arrays(BOOK_COLUMNS), upsert_books());
    format!("INSERT INTO books ({columns}) SELECT {columns} FROM unnest({arrays}) AS b ({columns}) {upsert}")
});
pub(super) const DELETE_BOOKS: &str = "DELETE FROM books WHERE item = ANY ($1::BIGINT[])";

/// Fails in an engine without notifications. The rollback discards the notification.
pub(super) const TRY_NOTIFY: &str = "BEGIN; SELECT pg_notify('bookstore', ''); ROLLBACK";
/// The channel for the whole database. Stores in different schemas wake each other unnecessarily.
pub(super) const CHANNEL: &str = "bookstore";

/// Notifies without waiting for the standby.
pub(super) fn notify(origin_id: &str) -> String {
    format!("BEGIN; SET LOCAL synchronous_commit = 'local'; SELECT pg_notify('bookstore', '{origin_id}'); COMMIT")
}

/// Notifies and commits in one message, to save a round trip.
pub(super) fn notify_and_commit(origin_id: Uuid) -> String {
    format!("SELECT pg_notify('bookstore', '{origin_id}'); COMMIT")
}

/// A condition: the ledger has the entry with this number, time and order, given as parameters; true if the time is null.
fn has_entry(seq: usize, at: usize, order: usize) -> String {
    format!(
        "(${at}::BIGINT IS NULL OR EXISTS (SELECT 1 FROM ledger \
         WHERE seq = ${seq}::BIGINT AND at_micros = ${at}::BIGINT AND ord IS NOT DISTINCT FROM ${order}::UUID))"
    )
}

/// `$1::BIGINT[], $2::TEXT[], …`, one parameter for each column.
fn arrays(columns: &[(&str, &str)]) -> String {
    let parameters = columns.iter().zip(1..).map(|((_, kind), n)| format!("${n}::{kind}[]"));
    parameters.collect::<Vec<_>>().join(", ")
}
