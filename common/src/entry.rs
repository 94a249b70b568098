//! The ledger's entries. An entry is a decision: a purchase has happened exactly when its entry is durable.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::parse::words;
use crate::{Cost, ItemNumber, OrderId, Seq, Stock, Timestamp};

words! {
    /// The kind of an entry.
    pub enum Kind("sold, refused, restocked, set or withdrawn") {
        /// An order was sold; the stock fell.
        Sold = "sold",
        /// An order or a stock change was refused, and the refusal is final.
        Refused = "refused",
        /// The shopkeeper changed the stock by a number of copies.
        Restocked = "restocked",
        /// The shopkeeper set the stock, or a book was added or changed in a column; `change` may be 0.
        Set = "set",
        /// A book was removed from the catalog with its stock.
        Withdrawn = "withdrawn",
    }
}

impl Kind {
    /// Whether such an entry changes the book, in its stock or anything else.
    pub fn changes_book(self) -> bool {
        self != Self::Refused
    }
}

words! {
    /// The reason of a refusal.
    pub enum Reason("sold-out or unknown-item") {
        /// The stock was lower than the quantity.
        SoldOut = "sold-out",
        /// No book has that number.
        UnknownItem = "unknown-item",
    }
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Entry)]
pub struct Entry {
    /// Its position.
    pub seq: Seq,
    /// The time of the decision, by the catalog's clock.
    pub at: Timestamp,
    /// Its kind.
    pub kind: Kind,
    /// The book.
    pub item: ItemNumber,
    /// The ordered copies, 1…100; `None` unless it is an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// The copies added to the stock; negative for a sale.
    pub change: i64,
    /// The stock after the entry; `None` if the book is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock_after: Option<Stock>,
    /// The id of the order or change; `None` if a catalog file was imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The cost of one copy at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_cost: Option<Cost>,
    /// The reason of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}
