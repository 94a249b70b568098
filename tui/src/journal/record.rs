//! The records of the journal.

use common::problem::ShortLine;
use common::wire::{OrderLine, OrderLines, Receipt};
use common::{Cost, Deadline, ItemNumber, OrderId, Quantity, Stock, StoreId, Timestamp};
use serde::{Deserialize, Serialize};

/// A record of the journal. The tags in the file keep their original names, so that older journals stay readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step")]
pub(crate) enum Record {
    /// The order is about to be sent.
    #[serde(rename = "placed")]
    Sent(SentOrder),
    /// The store that decided the order, if it was unknown when the order was sent.
    #[serde(rename = "store")]
    Store { order: OrderId, store: StoreId },
    /// The shop sold the order.
    #[serde(rename = "settled")]
    Sold { receipt: Receipt },
    /// The order was refused or never placed.
    #[serde(rename = "closed")]
    NotSold(NotSold),
}

/// An order as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SentOrderJson")]
pub(crate) struct SentOrder {
    /// The id, also the idempotency key.
    pub(crate) order: OrderId,
    /// Lines of the order, at least one.
    pub(crate) lines: Vec<SentLine>,
    pub(crate) at: Timestamp,
    /// The shop does not decide the order after this time.
    pub(crate) deadline: Deadline,
    /// The shop's address, or the URL of the local store, whose address changes.
    pub(crate) shop: String,
    /// The id of the store, if it was known when the order was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<StoreId>,
}

/// Copies of one book in an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentLine {
    pub(crate) item: ItemNumber,
    pub(crate) quantity: Quantity,
    /// The book's title when the order was confirmed; `None` for an order of a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// The cost of one copy when the order was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<Cost>,
}

impl SentOrder {
    /// The copies of all books.
    pub(crate) fn copies(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity.get()).sum()
    }

    /// The confirmed amount in cents, without books whose cost was unknown.
    pub(crate) fn cents(&self) -> u64 {
        let cents = |line: &SentLine| line.cost.map(|cost| cost.times(line.quantity).cents());
        self.lines.iter().filter_map(cents).sum()
    }

    /// The line of a book.
    pub(crate) fn line(&self, item: ItemNumber) -> Option<&SentLine> {
        self.lines.iter().find(|line| line.item == item)
    }

    /// The lines of the request; `None` if the record has none or too many.
    pub(crate) fn order_lines(&self) -> Option<OrderLines> {
        let line = |line: &SentLine| OrderLine {
            item: line.item,
            quantity: line.quantity,
        };
        OrderLines::new(self.lines.iter().map(line)).ok()
    }
}

/// The JSON of a [`SentOrder`]. Older journals have the fields of the only line instead of `lines`.
#[derive(Deserialize)]
struct SentOrderJson {
    order: OrderId,
    #[serde(flatten)]
    lines: LinesJson,
    at: Timestamp,
    deadline: Deadline,
    shop: String,
    store: Option<StoreId>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LinesJson {
    Several { lines: Vec<SentLine> },
    One(SentLine),
}

impl From<SentOrderJson> for SentOrder {
    fn from(json: SentOrderJson) -> Self {
        let SentOrderJson {
            order,
            lines,
            at,
            deadline,
            shop,
            store,
        } = json;
        let lines = match lines {
            LinesJson::Several { lines } => lines,
            LinesJson::One(line) => vec![line],
        };
        Self {
            order,
            lines,
            at,
            deadline,
            shop,
            store,
        }
    }
}

/// Why an order was not sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotSold {
    pub(crate) order: OrderId,
    pub(crate) reason: NotSoldReason,
    /// The reason in words.
    pub(crate) detail: String,
    /// The copies left, if an order of one line was sold out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stock: Option<Stock>,
    /// The lines of an order of several books for which too few copies were left, 0 for books that the shop does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) short: Vec<ShortLine>,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NotSoldReason {
    SoldOut,
    /// Refused for another reason.
    Refused,
    NotPlaced,
}
