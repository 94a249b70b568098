//! The JSON bodies of requests and responses.
//!
//! Requests refuse unknown fields; responses leave absent fields out.

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

use crate::money::Total;
use crate::parse::words;
use crate::{Cost, Entry, ItemNumber, Kind, OrderId, Quantity, Reason, Seq, Stock, StoreId, Timestamp};

/// A book with its stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Book {
    /// Its item number.
    pub item: ItemNumber,
    /// Its title; the column `name` of a catalog file.
    pub title: String,
    /// Its author, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Its topic.
    pub topic: String,
    /// The cost of one copy.
    pub cost: Cost,
    /// The copies in stock.
    pub stock: Stock,
    /// The entry of its last change.
    pub seq: Seq,
}

/// A topic and the number of its books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicCount {
    /// In the spelling of its first book.
    pub topic: String,
    /// The number of titles, not of copies.
    pub books: u64,
}

/// All topics, in alphabetical order, case-folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Topics {
    /// The topics.
    pub topics: Vec<TopicCount>,
}

/// One page of a search's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookPage {
    /// The books.
    pub books: Vec<Book>,
    /// The cursor of the next page (`after`); absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The optional body of `GET /search` (the original design's form).
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

/// The body of `POST /buy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BuyBody {
    /// The book; may be given as the query parameter `buyNum` instead.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub item: Option<ItemNumber>,
    /// The number of copies; 1 unless given.
    #[serde(default)]
    pub quantity: Quantity,
}

/// The optional body of a purchase whose path names the book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantityBody {
    /// The number of copies; 1 unless given.
    #[serde(default)]
    pub quantity: Quantity,
}

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

/// A shopkeeper's change of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StockBody", into = "StockBody")]
pub enum StockChange {
    /// The new stock.
    To(Stock),
    /// The copies to add, or to remove if negative.
    By(i64),
}

/// The JSON of a [`StockChange`]: exactly one of the two fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockBody {
    /// The new stock.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub stock: Option<Stock>,
    /// The copies to add, or to remove if negative.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub change: Option<i64>,
}

impl TryFrom<StockBody> for StockChange {
    type Error = &'static str;

    fn try_from(body: StockBody) -> Result<Self, &'static str> {
        let max = i64::from(crate::limits::STOCK_MAX);
        match (body.stock, body.change) {
            (Some(stock), None) => Ok(Self::To(stock)),
            (None, Some(change)) if (-max..=max).contains(&change) => Ok(Self::By(change)),
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
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The ledger's last entry.
    pub head: Seq,
}

/// The first event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// The ledger's last entry.
    pub seq: Seq,
    /// The store.
    pub store: StoreId,
}

/// A change of a book's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockEvent {
    /// The entry that changed it; the last one if several were merged.
    pub seq: Seq,
    /// The book.
    pub item: ItemNumber,
    /// The stock after it.
    pub stock: Stock,
    /// The copies added, summed if several entries were merged; 0 if something else about the book changed.
    pub change: i64,
    /// The time of the entry.
    pub at: Timestamp,
}

/// Events were left out: the reader must fetch again what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resync {
    /// The ledger's last entry.
    pub seq: Seq,
}

/// Whether the front-end can reach its catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpstreamStatus {
    /// Whether changes are received as they happen.
    pub live: bool,
}

/// The health of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, or one word for what is wrong.
    pub status: String,
    /// `catalog`, `order` or `frontend`.
    pub service: String,
    /// The program's version.
    pub version: String,
    /// Seconds since its start.
    pub uptime_s: u64,
    /// What it waits for; empty if it is ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Requests answered since its start, without those for its health.
    #[serde(default)]
    pub requests: u64,
    /// The median latency in microseconds, rounded up to a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    /// The 99th percentile of the latency in microseconds, rounded up to a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<u64>,
    /// The newest ledger entry that it knows; absent if it follows no ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Seq>,
    /// The health of the services it depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub services: Vec<Health>,
}

/// Deserializes an optional field in which `null` is an error.
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
    fn a_book_is_written_with_its_fields_in_order_and_without_absent_ones() {
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
    fn a_stock_change_has_exactly_one_of_two_fields() {
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
            assert!(
                serde_json::from_str::<StockChange>(json).is_err(),
                "{json} was accepted"
            );
        }
    }

    #[test]
    fn a_problem_in_a_batch_is_recognized_by_its_fields() {
        let problem = Problem::new(crate::Code::SoldOut, "none left");
        let result = OrderResult::Problem(BatchProblem {
            problem,
            replayed: true,
        });
        let json = serde_json::to_string(&result).unwrap();
        assert_eq!(serde_json::from_str::<OrderResult>(&json).unwrap(), result);
    }

    #[test]
    fn null_and_repeated_fields_are_refused() {
        assert!(serde_json::from_str::<BuyBody>(r#"{"item":null}"#).is_err());
        assert!(serde_json::from_str::<BuyBody>(r#"{"item":1,"quantity":null}"#).is_err());
        assert!(serde_json::from_str::<BuyBody>(r#"{"item":1,"item":2}"#).is_err());
    }
}
