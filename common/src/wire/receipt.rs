//! The receipts of orders.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::Total;
use crate::parse::{schema_of, words};
use crate::{ArcStr, Cost, Entry, InlineVec, ItemNumber, Kind, OrderId, Quantity, Reason, Seq, Stock, Timestamp};

words! {
    /// The decision on an order.
    pub enum OrderStatus("sold or refused") {
        /// Sold.
        Sold = "sold",
        /// Refused finally: nothing will ever be sold under this id.
        Refused = "refused",
    }
}

/// The decision on an order and its details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ReceiptJson", into = "ReceiptJson")]
pub struct Receipt {
    /// The order's id, which is its idempotency key.
    pub order: OrderId,
    /// The decision.
    pub status: OrderStatus,
    /// The lines by item number, at least one.
    pub lines: InlineVec<ReceiptLine>,
    /// The amount to pay: `"0.00"` for a refused order.
    pub total: Total,
    /// The ledger entry of the last line.
    pub seq: Seq,
    /// The time of the decision.
    pub at: Timestamp,
}

/// One line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptLine {
    /// The book.
    pub item: ItemNumber,
    /// The title at the time of the decision; absent if the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub title: Option<ArcStr>,
    /// The ordered copies.
    pub quantity: Quantity,
    /// The cost of one copy; absent if the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The amount to pay for the line: `"0.00"` for a refused order.
    pub total: Total,
    /// The stock after the decision; absent if the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Stock>,
    /// The ledger entry of the line.
    pub seq: Seq,
    /// The reason of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl Receipt {
    /// The receipt of the entries that decided an order; `None` if they decided a shopkeeper's change.
    pub fn from_entries(entries: &[Entry]) -> Option<Self> {
        let last = entries.last()?;
        let status = match last.kind {
            Kind::Sold => OrderStatus::Sold,
            Kind::Refused => OrderStatus::Refused,
            Kind::Restocked | Kind::Set | Kind::Withdrawn => return None,
        };
        let lines = entries.iter().map(|entry| ReceiptLine::of(entry, status));
        let lines: InlineVec<ReceiptLine> = lines.collect::<Option<_>>()?;
        Some(Self {
            order: last.order?,
            status,
            total: lines.iter().map(|line| line.total).sum(),
            lines,
            seq: last.seq,
            at: last.at,
        })
    }
}

impl ReceiptLine {
    fn of(entry: &Entry, status: OrderStatus) -> Option<Self> {
        let quantity = entry.quantity?;
        Some(Self {
            item: entry.item,
            title: entry.title.clone(),
            quantity,
            cost: entry.unit_cost,
            total: match status {
                OrderStatus::Sold => entry.unit_cost?.times(quantity),
                OrderStatus::Refused => Total::ZERO,
            },
            stock: entry.stock_after,
            seq: entry.seq,
            reason: entry.reason,
        })
    }
}

/// The decision on an order: either with the fields of its single line, or with `lines`.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Receipt)]
pub(super) struct ReceiptJson {
    /// The order's id, which is its idempotency key.
    pub(super) order: OrderId,
    /// The decision.
    pub(super) status: OrderStatus,
    /// The book of an order of one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<ItemNumber>,
    /// The title at the time of the decision; absent if the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) title: Option<ArcStr>,
    /// The ordered copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) quantity: Option<Quantity>,
    /// The cost of one copy; absent if the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cost: Option<Cost>,
    /// The lines of an order of several lines, by item number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lines: Option<Vec<ReceiptLine>>,
    /// The amount to pay: `"0.00"` for a refused order.
    pub(super) total: Total,
    /// The stock after the decision; absent if the book is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stock: Option<Stock>,
    /// The ledger entry of the order's last line.
    pub(super) seq: Seq,
    /// The time of the decision.
    pub(super) at: Timestamp,
    /// The reason of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Reason>,
}

schema_of!(Receipt: ReceiptJson);

impl From<Receipt> for ReceiptJson {
    fn from(receipt: Receipt) -> Self {
        let Receipt {
            order,
            status,
            mut lines,
            total,
            seq,
            at,
        } = receipt;
        let json = Self {
            order,
            status,
            item: None,
            title: None,
            quantity: None,
            cost: None,
            lines: None,
            total,
            stock: None,
            seq,
            at,
            reason: None,
        };
        if lines.len() > 1 {
            let lines = Some(lines.into_vec());
            return Self { lines, ..json };
        }
        let Some(line) = lines.pop() else { return json };
        Self {
            item: Some(line.item),
            title: line.title,
            quantity: Some(line.quantity),
            cost: line.cost,
            stock: line.stock,
            reason: line.reason,
            ..json
        }
    }
}

impl TryFrom<ReceiptJson> for Receipt {
    type Error = &'static str;

    fn try_from(json: ReceiptJson) -> Result<Self, &'static str> {
        let lines = match (json.lines, json.item, json.quantity) {
            // A single line has the short form, in which total and seq of line and order are the same.
            (Some(lines), None, None) if lines.len() > 1 => lines.into(),
            (None, Some(item), Some(quantity)) => InlineVec::from_buf([ReceiptLine {
                item,
                title: json.title,
                quantity,
                cost: json.cost,
                total: json.total,
                stock: json.stock,
                seq: json.seq,
                reason: json.reason,
            }]),
            _ => return Err("expected either `item` and `quantity`, or two or more `lines`"),
        };
        Ok(Self {
            order: json.order,
            status: json.status,
            lines,
            total: json.total,
            seq: json.seq,
            at: json.at,
        })
    }
}

/// A page of receipts, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptPage {
    /// The receipts.
    pub orders: Vec<Receipt>,
    /// The cursor of the next page (its `after`); absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
