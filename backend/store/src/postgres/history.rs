//! The history that an append must continue: the ledger's id and its last entry.

use common::{Entry, Seq, StoreId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::tx_error::error;
use super::{Address, damaged, statements};
use crate::Error;
use crate::sql;

/// Distinguishes an entry from an entry of another history with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryKey {
    pub(super) seq: i64,
    pub(super) at_micros: i64,
    pub(super) order: Option<Uuid>,
}

impl From<&Entry> for EntryKey {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: sql::seq_column(entry.seq),
            at_micros: entry.at.as_micros(),
            order: entry.order.map(sql::order_column),
        }
    }
}

/// A history up to one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct History {
    pub(super) store: StoreId,
    /// The last entry; `None` if the ledger is empty.
    pub(super) last: Option<EntryKey>,
}

impl History {
    /// The number of the last entry.
    pub(super) fn head(&self) -> i64 {
        self.last.map_or(0, |last| last.seq)
    }

    /// Whether this is the known history or, judging by the last entries, a continuation of it.
    pub(super) fn continues(&self, known: &Self) -> bool {
        let is_same_length = self.head() == known.head();
        self.store == known.store && self.head() >= known.head() && (!is_same_length || self.last == known.last)
    }

    /// The last entry, if its number is `head`.
    pub(super) fn entry_at(&self, head: Seq) -> Option<EntryKey> {
        self.last.filter(|last| last.seq == sql::seq_column(head))
    }
}

/// The result of [`statements::END`]: the store's id; number, time and order of the last entry.
type Row = (String, Option<i64>, Option<i64>, Option<Uuid>);

/// Reads the history in the database.
pub(super) async fn read_history(connection: &mut PgConnection, address: &Address) -> Result<History, Error> {
    let row: Option<Row> = sqlx::query_as(statements::END)
        .persistent(!address.is_pooled())
        .fetch_optional(connection)
        .await
        .map_err(error("read", address))?;
    let (store, seq, at_micros, order) = row.unwrap_or_default();
    let store = store.parse();
    let last = seq
        .zip(at_micros)
        .map(|(seq, at_micros)| EntryKey { seq, at_micros, order });
    Ok(History {
        store: store.map_err(|_| damaged(address, "the store's id is missing".to_owned()))?,
        last,
    })
}
