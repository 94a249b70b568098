//! Every statement that a PostgreSQL-wire engine has to understand. docs/decisions/0002-postgres-wire.md says where each
//! engine documents it; a new one belongs there, too.

use uuid::Uuid;

/// A row counts for the whole session that it is set for.
pub(super) const SYNCHRONOUS: &str = "SET synchronous_commit = 'on'";
/// A stopped process must not hold what others wait for.
pub(super) const IDLE: &str = "SET idle_in_transaction_session_timeout = '10s'";
/// No row where an engine knows no such setting.
pub(super) const FSYNC: &str = "SELECT setting FROM pg_settings WHERE name = 'fsync'";

/// Which of the tables are there.
pub(super) const TABLES: &str = "SELECT table_name::TEXT FROM information_schema.tables \
     WHERE table_schema = current_schema() AND table_name IN ('meta', 'ledger', 'books')";
pub(super) const GET: &str = "SELECT value FROM meta WHERE key = $1";
pub(super) const ADD: &str = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
pub(super) const PUT: &str =
    "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

pub(super) const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED";
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

pub(super) const HEAD: &str = "SELECT coalesce(max(seq), 0) FROM ledger";
pub(super) const BOOKS: &str = "SELECT item, title, author, topic, cost_cents, stock, seq FROM books ORDER BY item";
pub(super) const READ: &str = "SELECT seq, at_micros, kind, item, quantity, change, stock_after, ord, unit_cost_cents, \
     reason FROM ledger WHERE seq > $1 ORDER BY seq LIMIT $2";
pub(super) const FIND: &str = "SELECT seq, at_micros, kind, item, quantity, change, stock_after, ord, unit_cost_cents, \
     reason FROM ledger WHERE ord = $1";

/// Writes nothing if the last entry is not `$12`.
pub(super) const INSERT_ENTRIES: &str = "INSERT INTO ledger (seq, at_micros, kind, item, quantity, change, stock_after, \
     ord, unit_cost_cents, reason, batch) \
     SELECT e.seq, e.at_micros, e.kind, e.item, e.quantity, e.change, e.stock_after, e.ord, e.unit_cost_cents, e.reason, \
     $11::BIGINT \
     FROM unnest($1::BIGINT[], $2::BIGINT[], $3::TEXT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[], $7::BIGINT[], \
     $8::UUID[], $9::BIGINT[], $10::TEXT[]) \
     AS e (seq, at_micros, kind, item, quantity, change, stock_after, ord, unit_cost_cents, reason) \
     WHERE (SELECT coalesce(max(seq), 0) FROM ledger) = $12::BIGINT";
/// Leaves a book alone whose stock does not lead to the new one.
pub(super) const UPDATE_BOOKS: &str = "UPDATE books SET stock = s.stock, seq = s.seq \
     FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[]) AS s (item, change, stock, seq) \
     WHERE books.item = s.item AND books.stock + s.change = s.stock";
pub(super) const PUT_BOOKS: &str = "INSERT INTO books (item, title, author, topic, cost_cents, stock, seq) \
     SELECT b.item, b.title, b.author, b.topic, b.cost_cents, b.stock, b.seq \
     FROM unnest($1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], $6::BIGINT[], $7::BIGINT[]) \
     AS b (item, title, author, topic, cost_cents, stock, seq) \
     ON CONFLICT (item) DO UPDATE SET title = excluded.title, author = excluded.author, topic = excluded.topic, \
     cost_cents = excluded.cost_cents, stock = excluded.stock, seq = excluded.seq";
pub(super) const DELETE_BOOKS: &str = "DELETE FROM books WHERE item = ANY ($1::BIGINT[])";

pub(super) const KEEP: &str = "INSERT INTO notes (name, content) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET content = excluded.content";
pub(super) const KEPT: &str = "SELECT content FROM notes WHERE name = $1";

/// Heard when the transaction commits, by whoever listens (`LISTEN "bookstore"`), with the word of who said it.
pub(super) const NOTIFY: &str = "SELECT pg_notify('bookstore', $1)";
/// The channel; it is one for a whole database, so shops in schemas of one database wake each other for nothing.
pub(super) const CHANNEL: &str = "bookstore";

/// Both in one message, which spares a round trip for every batch.
pub(super) fn commit_and_tell(voice: Uuid) -> String {
    format!("SELECT pg_notify('bookstore', '{voice}'); COMMIT")
}
