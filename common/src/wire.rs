//! The bodies that travel between the programs, as the contract writes them.
//!
//! Requests refuse unknown fields; answers leave absent fields out.

mod batches;
mod fast_json;
mod lines;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use batches::{
    BatchProblem, BatchReceipt, Decision, Decisions, Order, OrderBatch, OrderResult, OrderResults, Outcome, Sale,
    SaleBatch,
};
pub use fast_json::{FastJson, JsonReader};
pub use lines::OrderResultLines;

use crate::{Cost, Entry, ItemNumber, OrderId, Quantity, Reason, Seq, Stock, StoreId, Timestamp};
use crate::{Kind, money::Total};

/// A book as it stands on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Book {
    /// Its number.
    pub item: ItemNumber,
    /// The file's column `name`.
    pub title: String,
    /// Who wrote it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The shelf it stands on.
    pub topic: String,
    /// What one copy costs.
    pub cost: Cost,
    /// Copies left.
    pub stock: Stock,
    /// The entry that changed it last.
    pub seq: Seq,
}

/// A topic and how many books it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicCount {
    /// In the spelling that came first.
    pub topic: String,
    /// Different books, not copies.
    pub books: u64,
}

/// All topics, in alphabetical order without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Topics {
    /// The topics.
    pub topics: Vec<TopicCount>,
}

/// One page of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookPage {
    /// The books found.
    pub books: Vec<Book>,
    /// Hand it back as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What a `GET /search` may carry as its body, the original design's form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchBody {
    /// All books of this topic.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub topic: Option<String>,
    /// The book of this number.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub item: Option<ItemNumber>,
    /// The books whose words begin like these.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub q: Option<String>,
}

/// What a buyer sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BuyBody {
    /// The book. It may stand in the query as `buyNum` instead.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub item: Option<ItemNumber>,
    /// How many copies; one unless given.
    #[serde(default)]
    pub quantity: Quantity,
}

/// What may stand in the body of a buy whose book is named by the path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantityBody {
    /// How many copies; one unless given.
    #[serde(default)]
    pub quantity: Quantity,
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// The copies are the buyer's.
    Sold,
    /// Nothing was sold, and nothing will be under this order's id.
    Refused,
}

/// The proof of a decided order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The order's id, which is its idempotency key.
    pub order: OrderId,
    /// How it ended.
    pub status: OrderStatus,
    /// The book.
    pub item: ItemNumber,
    /// The book's title today; absent once it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Copies asked for.
    pub quantity: u32,
    /// What one copy cost; absent where the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// What is to be paid: `"0.00"` for a refused order.
    pub total: Total,
    /// The stock right after the decision; absent where the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Stock>,
    /// The ledger entry that is this order.
    pub seq: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl Receipt {
    /// The receipt that an entry is, or nothing where it is not of an order.
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

/// A page of receipts, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptPage {
    /// The receipts.
    pub orders: Vec<Receipt>,
    /// Hand it back as `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The shopkeeper's change of a stock: exactly one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StockBody", into = "StockBody")]
pub enum StockChange {
    /// The new stock.
    To(Stock),
    /// Copies to add, or to take away.
    By(i64),
}

/// [`StockChange`] as it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockBody {
    /// The new stock.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub stock: Option<Stock>,
    /// Copies to add, or to take away where negative.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub change: Option<i64>,
}

impl TryFrom<StockBody> for StockChange {
    type Error = &'static str;

    fn try_from(body: StockBody) -> Result<Self, &'static str> {
        let most = i64::from(crate::limits::STOCK_MAX);
        match (body.stock, body.change) {
            (Some(stock), None) => Ok(Self::To(stock)),
            (None, Some(change)) if (-most..=most).contains(&change) => Ok(Self::By(change)),
            (None, Some(_)) => Err("expected a change from -1000000000 to 1000000000"),
            _ => Err("expected either `stock` (the new value) or `change` (what to add)"),
        }
    }
}

impl From<StockChange> for StockBody {
    fn from(change: StockChange) -> Self {
        match change {
            StockChange::To(stock) => Self {
                stock: Some(stock),
                change: None,
            },
            StockChange::By(change) => Self {
                stock: None,
                change: Some(change),
            },
        }
    }
}

/// A page of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerPage {
    /// The entries after the one asked for, in order.
    pub entries: Vec<Entry>,
    /// The ledger's last entry.
    pub head: Seq,
}

/// The first event on a stream: where the ledger stands, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// The ledger's last entry.
    pub seq: Seq,
    /// The store.
    pub store: StoreId,
}

/// A stock that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockEvent {
    /// The entry that moved it, the last one where several were merged.
    pub seq: Seq,
    /// The book.
    pub item: ItemNumber,
    /// The stock now.
    pub stock: Stock,
    /// What was added, summed where several were merged; 0 where something else about the book changed.
    pub change: i64,
    /// When.
    pub at: Timestamp,
}

/// A reader must fetch afresh what it shows, then go on from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resync {
    /// The ledger's last entry.
    pub seq: Seq,
}

/// Whether the catalog can be reached by the front-end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpstreamStatus {
    /// True while changes arrive as they happen.
    pub live: bool,
}

/// What a service says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, or what is wrong in a word.
    pub status: String,
    /// `catalog`, `order` or `frontend`.
    pub service: String,
    /// The program's version.
    pub version: String,
    /// How long it has been up.
    pub uptime_s: u64,
    /// What it waits for; empty when ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Requests that it answered since it is up, those for its health not counted.
    #[serde(default)]
    pub requests: u64,
    /// Half of them were answered within this, in microseconds; rounded up to a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    /// 99 of 100 were answered within this, in microseconds; rounded up to a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<u64>,
    /// The newest entry of the ledger that it has or knows; absent where it keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Seq>,
    /// The services it relies on, as they told it just now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub services: Vec<Health>,
}

/// For an optional field in which `null` is an error rather than another word for absent.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Problem;

    #[test]
    fn a_book_is_written_as_the_contract_writes_it() {
        let book = Book {
            item: ItemNumber::try_from(2).unwrap(),
            title: "RPCs for Dummies".into(),
            author: None,
            topic: "distributed systems".into(),
            cost: "40".parse().unwrap(),
            stock: Stock::try_from(500).unwrap(),
            seq: Seq(4),
        };
        assert_eq!(
            serde_json::to_string(&book).unwrap(),
            r#"{"item":2,"title":"RPCs for Dummies","topic":"distributed systems","cost":"40.00","stock":500,"seq":4}"#
        );
    }

    #[test]
    fn a_stock_change_is_one_of_two_and_never_both() {
        assert_eq!(
            serde_json::from_str::<StockChange>(r#"{"change":-3}"#).ok(),
            Some(StockChange::By(-3))
        );
        assert_eq!(
            serde_json::from_str::<StockChange>(r#"{"stock":0}"#).ok(),
            Some(StockChange::To(Stock::ZERO))
        );
        for json in [
            "{}",
            r#"{"stock":1,"change":1}"#,
            r#"{"change":1.5}"#,
            r#"{"stock":null}"#,
            r#"{"stock":-1}"#,
            r#"{"change":2000000000}"#,
            r#"{"stock":1,"x":1}"#,
        ] {
            assert!(serde_json::from_str::<StockChange>(json).is_err(), "{json} was taken");
        }
    }

    #[test]
    fn a_result_in_a_batch_is_a_receipt_or_a_problem_by_its_fields() {
        let problem = Problem::new(crate::Code::SoldOut, "none left");
        let result = OrderResult::Problem(BatchProblem {
            problem,
            replayed: true,
        });
        let json = serde_json::to_string(&result).unwrap();
        assert_eq!(serde_json::from_str::<OrderResult>(&json).unwrap(), result);
    }

    #[test]
    fn null_is_not_another_word_for_absent() {
        assert!(serde_json::from_str::<BuyBody>(r#"{"item":null}"#).is_err());
        assert!(serde_json::from_str::<BuyBody>(r#"{"item":1,"quantity":null}"#).is_err());
        assert!(serde_json::from_str::<BuyBody>(r#"{"item":1,"item":2}"#).is_err());
    }
}
