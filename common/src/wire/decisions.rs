//! The catalog's decisions on sales.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::parse::{schema_of, words};
use crate::{Entry, Epoch, InlineVec, ItemNumber, OrderId, Position, Reason, Seq, Stock, StoreId};

words! {
    /// The catalog's decision on a sale.
    pub enum Outcome("sold, refused, key-reused, expired, unavailable or storage-full") {
        /// Sold, and durable.
        Sold = "sold",
        /// Refused; final if there are entries, otherwise not recorded.
        Refused = "refused",
        /// The id was used for another order.
        KeyReused = "key-reused",
        /// The deadline had passed: neither applied nor recorded.
        Expired = "expired",
        /// To be refused, but too many refusals were recorded within the last second: neither applied nor recorded.
        TooManyRefusals = "unavailable",
        /// To be recorded, but the store has no room left: neither applied nor recorded.
        StorageFull = "storage-full",
    }
}

/// A line of an order that is the reason of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedLine {
    /// The book.
    pub item: ItemNumber,
    /// The reason.
    pub reason: Reason,
    /// The copies left; absent if the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Stock>,
}

/// The catalog's decision on one sale of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DecisionJson", into = "DecisionJson")]
pub struct Decision {
    /// The order's id.
    pub order: OrderId,
    /// The decision.
    pub outcome: Outcome,
    /// Whether this repeats an earlier decision.
    pub replayed: bool,
    /// The ledger entries, one for each line; none if the decision is not recorded.
    pub entries: InlineVec<Entry>,
    /// The lines that are the reason of a refusal that is not recorded.
    pub refused: InlineVec<RefusedLine>,
}

/// The catalog's decision on one sale of a batch.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Decision)]
struct DecisionJson {
    /// The order's id.
    order: OrderId,
    /// The decision.
    outcome: Outcome,
    /// Whether this repeats an earlier decision.
    replayed: bool,
    /// The ledger entry of an order of one line, if the decision is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<Entry>,
    /// The ledger entries of an order of several lines, if the decision is recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    entries: Vec<Entry>,
    /// The lines that are the reason of a refusal that is not recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<RefusedLine>,
}

schema_of!(Decision: DecisionJson);

impl From<Decision> for DecisionJson {
    fn from(decision: Decision) -> Self {
        let (entry, entries) = one_or_several(decision.entries);
        Self {
            order: decision.order,
            outcome: decision.outcome,
            replayed: decision.replayed,
            entry,
            entries,
            refused: decision.refused.into_vec(),
        }
    }
}

impl From<DecisionJson> for Decision {
    fn from(json: DecisionJson) -> Self {
        Self {
            order: json.order,
            outcome: json.outcome,
            replayed: json.replayed,
            entries: json.entry.into_iter().chain(json.entries).collect(),
            refused: json.refused.into(),
        }
    }
}

fn one_or_several(mut entries: InlineVec<Entry>) -> (Option<Entry>, Vec<Entry>) {
    match entries.len() {
        0 | 1 => (entries.pop(), Vec::new()),
        _ => (None, entries.into_vec()),
    }
}

/// The decisions on a batch, in the order of its sales.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decisions {
    /// One for each sale.
    pub decisions: Vec<Decision>,
    /// The ledger's head after the batch.
    pub head: Seq,
    /// How often the store's history was replaced; left out if never.
    #[serde(default, skip_serializing_if = "Epoch::is_first")]
    pub epoch: Epoch,
    /// The store whose ledger it is.
    pub store: StoreId,
}

impl Decisions {
    /// The ledger's head after the batch, and its history.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.epoch,
            seq: self.head,
        }
    }
}

/// The entries that decided an order or a shopkeeper's change, one for each line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DecidedOrderJson", into = "DecidedOrderJson")]
pub struct DecidedOrder(pub InlineVec<Entry>);

/// The entries that decided an order or a change.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = DecidedOrder)]
enum DecidedOrderJson {
    /// Several lines.
    Several {
        /// One entry for each.
        entries: Vec<Entry>,
    },
    /// One line.
    One(Entry),
}

schema_of!(DecidedOrder: DecidedOrderJson);

impl From<DecidedOrder> for DecidedOrderJson {
    fn from(DecidedOrder(entries): DecidedOrder) -> Self {
        match one_or_several(entries) {
            (Some(entry), _) => Self::One(entry),
            (None, entries) => Self::Several { entries },
        }
    }
}

impl From<DecidedOrderJson> for DecidedOrder {
    fn from(json: DecidedOrderJson) -> Self {
        Self(match json {
            DecidedOrderJson::One(entry) => InlineVec::from_buf([entry]),
            DecidedOrderJson::Several { entries } => entries.into(),
        })
    }
}
