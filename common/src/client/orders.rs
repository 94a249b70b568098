//! The client's interface of the order service.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{AsOf, Call, Freshness, ServiceClient};
use crate::wire::{FastJson, Order, OrderResult, Receipt};
use crate::{Entry, OrderId, Position, StoreId};

/// The order service. Its errors have the meaning of the [`Catalog`](super::Catalog)'s.
pub trait Orders: ServiceClient {
    /// Places an order, at most once for each id. Soon after the deadline the call ends, but the order may still be decided.
    fn place(&self, order: Order) -> Call<'_, Placed>;

    /// The receipt of an order, sold or refused; `None` if it is not decided.
    fn find_order(&self, order: OrderId, fresh: Freshness) -> Call<'_, AsOf<Option<Receipt>>>;
}

/// The answer to an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The decision.
    pub result: PlacedOrder,
    /// The ledger's head after the order.
    pub position: Position,
    /// The entries of the order and of others that were decided with it; `None` if the caller's
    /// [`Follower`](super::Follower) already has them.
    pub written: Option<Arc<AppendedEntries>>,
}

/// The decision on an order.
#[derive(Debug, Clone, PartialEq)]
pub enum PlacedOrder {
    /// Sold: the JSON of the receipt, which is forwarded to the client without being parsed.
    Json(Bytes),
    /// A receipt or a problem, parsed.
    Result(OrderResult),
}

/// Entries that a batch of orders added to a ledger. They are parsed when they are needed: mostly the feed is faster.
#[derive(Debug, Clone, PartialEq)]
pub struct AppendedEntries {
    /// The store whose ledger it is.
    pub store: StoreId,
    json: Bytes,
    parsed: OnceLock<Vec<Entry>>,
}

impl AppendedEntries {
    /// `json` is a list of entries; empty text stands for none.
    pub fn new(store: StoreId, json: Bytes) -> Self {
        let parsed = OnceLock::new();
        Self { store, json, parsed }
    }

    /// The entries in ledger order, possibly with gaps: entries of other batches. None if the JSON is invalid; the feed delivers
    /// them too.
    pub fn entries(&self) -> &[Entry] {
        self.parsed.get_or_init(|| match self.json.is_empty() {
            true => Vec::new(),
            false => Vec::from_json(&self.json).unwrap_or_else(|error| {
                tracing::debug!(%error, "the entries in the answer to a batch of orders are invalid");
                Vec::new()
            }),
        })
    }
}
