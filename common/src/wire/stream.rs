//! The data of server-sent events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Entry, Epoch, ItemNumber, Position, Seq, Stock, StoreId, Timestamp};

/// The first event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// The ledger's last entry.
    pub seq: Seq,
    /// The store.
    pub store: StoreId,
    /// How often the store's history was replaced; left out if never.
    #[serde(default, skip_serializing_if = "Epoch::is_first")]
    pub epoch: Epoch,
}

impl Hello {
    /// The ledger's last entry, and its history.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.epoch,
            seq: self.seq,
        }
    }
}

/// A change of a book's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockEvent {
    /// The entry that changed it; the last one if several were merged.
    pub seq: Seq,
    /// The book.
    pub item: ItemNumber,
    /// The stock after it.
    pub stock: Stock,
    /// The copies added, summed if several entries were merged; 0 if something else about the book changed.
    pub change: i64,
    /// The time of the entry.
    pub at: Timestamp,
}

/// The data of the events of a front-end: of `hello`, `stock`, `resync` or `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum StockEvents {
    /// Of `hello`.
    Hello(Hello),
    /// Of `stock`.
    Stock(StockEvent),
    /// Of `resync`.
    Resync(Resync),
    /// Of `source`.
    Source(UpstreamStatus),
}

/// The data of the events of a catalog: of `hello` or `entry`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum LedgerEvents {
    /// Of `hello`.
    Hello(Hello),
    /// Of `entry`.
    Entry(Entry),
}

/// Events were left out: the reader must fetch again what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resync {
    /// The ledger's last entry.
    pub seq: Seq,
}

/// Whether the front-end can reach its catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpstreamStatus {
    /// Whether changes are received as they happen.
    pub live: bool,
}
