//! The order service, as the front-end sees it.

use std::sync::Arc;

use bytes::Bytes;

use super::{AsOf, Call, Freshness, ServiceClient};
use crate::wire::{Order, OrderResult, Receipt};
use crate::{Entry, OrderId, Position, StoreId};

/// The order service. Errors mean the same as the [`Catalog`](super::Catalog)'s.
pub trait Orders: ServiceClient {
    /// Places an order, once. Soon after its deadline the call ends, and the order may be decided all the same.
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
    pub head: Position,
    /// What the ledger gained by the order, and by others that were decided with it; `None` where the caller's
    /// [`Follower`](super::Follower) has it already.
    pub written: Option<Arc<Written>>,
}

/// The decision on an order.
#[derive(Debug, Clone, PartialEq)]
pub enum PlacedOrder {
    /// Sold: the receipt's JSON, which is passed on to the client without being parsed.
    Json(Bytes),
    /// Sold, or not.
    Result(OrderResult),
}

/// Entries that a batch of orders added to a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The store whose ledger it is.
    pub store: StoreId,
    /// In order. Between them may be others, which came from elsewhere.
    pub entries: Vec<Entry>,
}
