//! The data of server-sent events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Entry, Epoch, ItemNumber, Position, Seq, Stock, StoreId, Timestamp};

/// The first event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// The ledger's head.
    pub seq: Seq,
    /// The ledger's store.
    pub store: StoreId,
    /// The number of times that the store's history was replaced; absent if 0.
    #[serde(default, skip_serializing_if = "Epoch::is_first")]
    pub epoch: Epoch,
}

impl Hello {
    /// The ledger's head as a position.
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
    /// The stock after the entry.
    pub stock: Stock,
    /// The copies added, summed if several entries were merged; 0 if only something else about the book changed.
    pub change: i64,
    /// The time of the entry.
    pub at: Timestamp,
}

/// The data of a front-end's events `hello`, `stock`, `resync` and `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum StockEvents {
    /// The data of `hello`.
    Hello(Hello),
    /// The data of `stock`.
    Stock(StockEvent),
    /// The data of `resync`.
    Resync(Resync),
    /// The data of `source`.
    Source(UpstreamStatus),
}

/// The data of a catalog's events `hello` and `entry`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum LedgerEvents {
    /// The data of `hello`.
    Hello(Hello),
    /// The data of `entry`.
    Entry(Entry),
}

/// Events were skipped: the reader must reload what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resync {
    /// The ledger's head.
    pub seq: Seq,
}

/// The state of the connection between front-end and catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpstreamStatus {
    /// Whether the front-end is connected and receives changes.
    pub live: bool,
}
