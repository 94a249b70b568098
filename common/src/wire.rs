//! The JSON bodies of requests and responses.
//!
//! Requests with unknown fields are rejected; responses omit absent fields.

mod batches;
mod book_changes;
mod books;
mod decisions;
mod fast_json;
mod health;
mod lines;
mod order_lines;
mod receipt;
mod stock;
mod store_health;
mod stream;

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use batches::{BatchProblem, BatchReceipt, Order, OrderBatch, OrderResult, OrderResults, Sale, SaleBatch};
pub use book_changes::{BookAction, BookChange, BookChanges, BooksBody, ChangedBooks};
pub use books::{BookBody, BookFields, NumberedBook, NumberedBookBody};
pub use decisions::{DecidedOrder, Decision, Decisions, Outcome, RefusedLine};
pub use fast_json::{FastJson, JsonReader};
pub use health::{Activity, Lack, LiveStatus, Liveness, Neighbour, Readiness, ReadyStatus, ServiceKind};
pub use lines::OrderResultLines;
pub use order_lines::{BuyBody, OrderLine, OrderLines};
pub use receipt::{OrderStatus, Receipt, ReceiptLine, ReceiptPage};
pub use stock::{StockBody, StockChange};
pub use store_health::StoreHealth;
pub use stream::{Hello, LedgerEvents, Resync, StockEvent, StockEvents, UpstreamStatus};

pub use crate::book::Book;
use crate::{Entry, Epoch, ItemNumber, Position, Quantity, Seq};

/// A topic and the number of its books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TopicCount {
    /// The topic in the spelling of its book with the lowest item number.
    pub topic: String,
    /// The number of titles, not of copies.
    pub books: u64,
}

/// All topics, in alphabetical order of their case-folded text.
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
    /// The cursor of the next page (its `after`); absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The answer to `GET /search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SearchResult {
    /// The answer to a search with `item`.
    Book(Book),
    /// The answer to any other search.
    Page(BookPage),
}

/// The optional body of `GET /search` (the original design's form).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchBody {
    /// Selects the books of this topic.
    #[schema(max_length = 1024)]
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub topic: Option<String>,
    /// Selects the book with this number.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub item: Option<ItemNumber>,
    /// Selects the books in which each of these words is the prefix of a word.
    #[schema(max_length = 1024)]
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub q: Option<String>,
}

/// The optional body of a purchase whose path names the book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantityBody {
    /// The number of copies; 1 unless given.
    #[serde(default)]
    pub quantity: Quantity,
}

/// A page of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerPage {
    /// The entries, in order. The last one ends a group.
    pub entries: Vec<Entry>,
    /// The ledger's head.
    pub head: Seq,
    /// The number of times that the store's history was replaced; absent if 0.
    #[serde(default, skip_serializing_if = "Epoch::is_first")]
    pub epoch: Epoch,
}

impl LedgerPage {
    /// The ledger's head as a position.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.epoch,
            seq: self.head,
        }
    }
}

/// Deserializes a list of JSON objects. Rejects arrays, from which serde also deserializes structs.
fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects: Vec<Object<T>> = Vec::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// [`objects`] for an optional field in which `null` is an error.
fn present_objects<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    objects(deserializer).map(Some)
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
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
    fn a_list_of_objects_refuses_arrays_of_their_fields() {
        assert!(serde_json::from_str::<BuyBody>(r#"{"lines":[{"item":2}]}"#).is_ok());
        assert!(serde_json::from_str::<BuyBody>(r#"{"lines":[[2,1]]}"#).is_err());
        let order = r#"{"orders":[{"lines":[{"item":2},{"item":3}]}]}"#;
        assert!(serde_json::from_str::<OrderBatch>(order).is_ok());
        assert!(serde_json::from_str::<OrderBatch>(&order.replace(r#"{"item":3}"#, "[3,1]")).is_err());
        assert!(serde_json::from_str::<OrderBatch>(r#"{"orders":[[null,2]]}"#).is_err());
        assert!(serde_json::from_str::<SaleBatch>(r#"{"sales":[[]]}"#).is_err());
    }

    #[test]
    fn null_and_repeated_fields_are_refused() {
        assert!(serde_json::from_str::<BuyBody>(r#"{"item":null}"#).is_err());
        assert!(serde_json::from_str::<BuyBody>(r#"{"item":1,"quantity":null}"#).is_err());
        assert!(serde_json::from_str::<BuyBody>(r#"{"item":1,"item":2}"#).is_err());
    }
}
