//! The ledger's entries. An entry is the decision itself: a purchase has happened exactly when its entry is durable.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Cost, ItemNumber, OrderId, Seq, Stock, Timestamp};

/// A word that is not one of those expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct Error(&'static str);

/// What an entry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An order was sold; the stock fell.
    Sold,
    /// An order or a stock change was refused, and the refusal is final.
    Refused,
    /// The shopkeeper changed the stock by a number of copies.
    Restocked,
    /// The shopkeeper set the stock, or a book is new or differs in a column; the change may be 0.
    Set,
    /// A book left the catalog; its stock is gone with it.
    Withdrawn,
}

impl Kind {
    /// The word that stands in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sold => "sold",
            Self::Refused => "refused",
            Self::Restocked => "restocked",
            Self::Set => "set",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether a book is another one after it, in its stock or anything else.
    pub fn changes_book(self) -> bool {
        self != Self::Refused
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        [Self::Sold, Self::Refused, Self::Restocked, Self::Set, Self::Withdrawn]
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or(Error("sold, refused, restocked, set or withdrawn"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why an order was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The shelf held fewer copies than were asked for.
    SoldOut,
    /// No book has that number.
    UnknownItem,
}

impl Reason {
    /// The word that stands in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SoldOut => "sold-out",
            Self::UnknownItem => "unknown-item",
        }
    }
}

impl FromStr for Reason {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        [Self::SoldOut, Self::UnknownItem]
            .into_iter()
            .find(|reason| reason.as_str() == word)
            .ok_or(Error("sold-out or unknown-item"))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Entry)]
pub struct Entry {
    /// Its place.
    pub seq: Seq,
    /// When it was decided, by the catalog's clock.
    pub at: Timestamp,
    /// What it did.
    pub kind: Kind,
    /// The book.
    pub item: ItemNumber,
    /// Copies asked for, 1…100; only an order has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// What was added to the stock.
    pub change: i64,
    /// The stock that followed; absent where there is no such book.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock_after: Option<Stock>,
    /// The order's id; absent where a catalog file was taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// What one copy cost then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_cost: Option<Cost>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}
