//! What purchases travel in between the services: orders, what became of them, sales, decisions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Receipt, present};
use crate::{Deadline, Entry, ItemNumber, OrderId, Problem, Quantity, Reason, Seq, Stock};

/// One order on its way from a front-end to the order service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Its id; drawn by the order service where absent.
    #[serde(
        rename = "order",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub id: Option<OrderId>,
    /// The book.
    pub item: ItemNumber,
    /// How many copies.
    #[serde(default)]
    pub quantity: Quantity,
    /// Whether the client named the order itself, so that it may send it again. True where `order` is given and this is not.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub keyed: Option<bool>,
    /// When it must have happened.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub deadline: Option<Deadline>,
}

/// A batch of orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderBatch {
    /// At most 1,024 orders.
    pub orders: Vec<Order>,
}

/// What became of one order of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OrderResult {
    /// It was sold.
    Receipt(BatchReceipt),
    /// It was not, or nobody knows.
    Problem(BatchProblem),
}

/// A receipt in a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchReceipt {
    /// The receipt.
    #[serde(flatten)]
    pub receipt: Receipt,
    /// Whether this repeats an earlier decision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

/// A problem in a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchProblem {
    /// The problem.
    #[serde(flatten)]
    pub problem: Problem,
    /// Whether this repeats an earlier decision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

/// The results of a batch, in the order of its orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderResults {
    /// One for each order.
    pub results: Vec<OrderResult>,
    /// The ledger's head after the batch.
    pub head: Seq,
}

/// One sale that the order service asks the catalog for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sale {
    /// The order's id.
    #[serde(rename = "order")]
    pub id: OrderId,
    /// The book.
    pub item: ItemNumber,
    /// How many copies.
    #[serde(default)]
    pub quantity: Quantity,
    /// Whether the client named the order, so that a second copy can arrive from it.
    #[serde(default)]
    pub keyed: bool,
    /// Whether this is a second copy that the order service sends after a lost answer.
    #[serde(default)]
    pub resent: bool,
    /// When it must have happened.
    pub deadline: Deadline,
}

/// A batch of sales.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaleBatch {
    /// At most 1,024 sales.
    pub sales: Vec<Sale>,
}

/// How the catalog decided a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Sold, and durable.
    Sold,
    /// Refused; final where `entry` is given, else not recorded.
    Refused,
    /// The id belongs to another order.
    KeyReused,
    /// Decided too late; not applied, not recorded.
    Expired,
}

impl Outcome {
    pub(super) const ALL: [Self; 4] = [Self::Sold, Self::Refused, Self::KeyReused, Self::Expired];

    /// The word on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sold => "sold",
            Self::Refused => "refused",
            Self::KeyReused => "key-reused",
            Self::Expired => "expired",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// The catalog's decision on one sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// The order's id.
    pub order: OrderId,
    /// How it was decided.
    pub outcome: Outcome,
    /// Whether this repeats an earlier decision.
    pub replayed: bool,
    /// The ledger entry, where the decision is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Entry>,
    /// The book's title today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Why it was refused, where that is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What was on the shelf when it was refused, where that is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Stock>,
}

/// The decisions on a batch, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decisions {
    /// One for each sale.
    pub decisions: Vec<Decision>,
    /// The ledger's head after the batch.
    pub head: Seq,
}
