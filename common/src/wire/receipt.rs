//! The receipts of orders.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::Total;
use crate::parse::words;
use crate::{Cost, Entry, ItemNumber, Kind, OrderId, Quantity, Reason, Seq, Stock, Timestamp};

words! {
    /// The decision on an order.
    pub enum OrderStatus("sold or refused") {
        /// Sold.
        Sold = "sold",
        /// Nothing was sold, and nothing ever will be under this id.
        Refused = "refused",
    }
}

/// The decision on an order and its details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The order's id, which is its idempotency key.
    pub order: OrderId,
    /// The decision.
    pub status: OrderStatus,
    /// The book.
    pub item: ItemNumber,
    /// The book's current title; absent after it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The ordered copies.
    pub quantity: u32,
    /// The cost of one copy; absent if the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The amount to pay: `"0.00"` for a refused order.
    pub total: Total,
    /// The stock after the decision; absent if the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Stock>,
    /// The ledger entry that is this order.
    pub seq: Seq,
    /// The time of the decision.
    pub at: Timestamp,
    /// The reason of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl Receipt {
    /// The receipt of an entry; `None` if the entry is not an order's.
    pub fn from_entry(entry: &Entry, title: Option<String>) -> Option<Self> {
        let status = match entry.kind {
            Kind::Sold => OrderStatus::Sold,
            Kind::Refused => OrderStatus::Refused,
            Kind::Restocked | Kind::Set | Kind::Withdrawn => return None,
        };
        let quantity = entry.quantity?;
        let total = match status {
            OrderStatus::Sold => entry.unit_cost?.times(Quantity::try_from(u64::from(quantity)).ok()?),
            OrderStatus::Refused => Total::ZERO,
        };
        Some(Self {
            order: entry.order?,
            status,
            item: entry.item,
            title,
            quantity,
            cost: entry.unit_cost,
            total,
            stock: entry.stock_after,
            seq: entry.seq,
            at: entry.at,
            reason: entry.reason,
        })
    }
}

/// A page of receipts, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptPage {
    /// The receipts.
    pub orders: Vec<Receipt>,
    /// The cursor of the next page (`after`); absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
