//! The outcomes of sales: the catalog's decisions, and the reasons why there is none.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::parse::{schema_of, words};
use crate::{Entry, Epoch, InlineVec, ItemNumber, OrderId, Position, Reason, Seq, Stock, StoreId};

words! {
    /// The outcome of a sale at the catalog. `sold`, `refused` and `key-reused` are decisions. `expired`, `unavailable` and
    /// `storage-full` are none: the sale was neither applied nor recorded, and its id stays free.
    pub enum Outcome("sold, refused, key-reused, expired, unavailable or storage-full") {
        /// Sold; the entries are durable.
        Sold = "sold",
        /// Refused: finally if there are entries, otherwise not recorded.
        Refused = "refused",
        /// The id belongs to another order or change.
        KeyReused = "key-reused",
        /// No decision: the deadline had passed.
        Expired = "expired",
        /// No decision: the sale would be refused, but too many refusals were recorded within the last second.
        TooManyRefusals = "unavailable",
        /// No decision: the store has no room for an entry.
        StorageFull = "storage-full",
    }
}

/// A line that is the reason of an order's refusal.
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

/// The outcome of one sale of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DecisionJson", into = "DecisionJson")]
pub struct Decision {
    /// The order's id.
    pub order: OrderId,
    /// The decision, or the reason why there is none.
    pub outcome: Outcome,
    /// Whether the outcome repeats an earlier decision.
    pub replayed: bool,
    /// The ledger entries, one for each line; empty if no decision is recorded.
    pub entries: InlineVec<Entry>,
    /// The lines that are the reason of an unrecorded refusal.
    pub refused: InlineVec<RefusedLine>,
}

/// The outcome of one sale of a batch.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Decision)]
struct DecisionJson {
    /// The order's id.
    order: OrderId,
    /// The decision, or the reason why there is none.
    outcome: Outcome,
    /// Whether the outcome repeats an earlier decision.
    replayed: bool,
    /// The ledger entry of an order of one line, if the decision is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<Entry>,
    /// The ledger entries of an order of several lines, if the decision is recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    entries: Vec<Entry>,
    /// The lines that are the reason of an unrecorded refusal.
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

/// The outcomes of a batch, in the order of its sales.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decisions {
    /// One outcome for each sale.
    pub decisions: Vec<Decision>,
    /// The ledger's head after the batch.
    pub head: Seq,
    /// The number of times that the store's history was replaced; absent if 0.
    #[serde(default, skip_serializing_if = "Epoch::is_first")]
    pub epoch: Epoch,
    /// The ledger's store.
    pub store: StoreId,
}

impl Decisions {
    /// The ledger's head after the batch as a position.
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
    /// The entries of several lines.
    Several {
        /// One entry for each line.
        entries: Vec<Entry>,
    },
    /// The entry of one line.
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
