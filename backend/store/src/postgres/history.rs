//! The history that the database is to continue: its id, and the entry that the next append follows.

use common::{Entry, Seq, StoreId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::tx_error::error;
use super::{Address, damaged, statements};
use crate::Error;
use crate::sql;

/// What tells an entry from the one of another history with the same number.
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
    /// Its last entry; `None` if it has none.
    pub(super) last: Option<EntryKey>,
}

impl History {
    /// The number of its last entry.
    pub(super) fn head(&self) -> i64 {
        self.last.map_or(0, |last| last.seq)
    }

    /// Whether it is the known history, or a continuation of it as far as the last entries show.
    pub(super) fn continues(&self, known: &Self) -> bool {
        let is_same_length = self.head() == known.head();
        self.store == known.store && self.head() >= known.head() && (!is_same_length || self.last == known.last)
    }

    /// The last entry, if it has that number.
    pub(super) fn entry_at(&self, head: Seq) -> Option<EntryKey> {
        self.last.filter(|last| last.seq == sql::seq_column(head))
    }
}

/// The store's id; number, time and order of the last entry.
type Row = (String, Option<i64>, Option<i64>, Option<Uuid>);

/// The history in the database.
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
