//! `bookstore orders`: this user's orders, from the journal, without a request to a shop.

use common::money::Total;
use common::wire::{OrderStatus, ReceiptLine};
use common::{Cost, ItemNumber, OrderId, Quantity, Seq, StoreId, Timestamp};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::exit::{Error, Exit};
use super::output::Output;
use super::table::table;
use crate::cli::OrdersArgs;
use crate::columns::{NOT_DROPPED, Shrinking};
use crate::format;
use crate::journal::{self, JournalContents, NotSoldReason, Outcome, RecordedOrder, SentLine};
use crate::receipt;

/// The orders, newest first.
#[derive(Serialize)]
struct List {
    orders: Vec<ListedOrder>,
}

#[derive(Serialize)]
struct ListedOrder {
    order: OrderId,
    /// Time of sending.
    at: Timestamp,
    /// `sold`, `refused`, `not-placed`, or `unknown` without an answer on record.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The address of the shop, or the URL of the local store.
    store: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    store_id: Option<StoreId>,
    lines: Vec<ListedLine>,
    /// The amount to pay; absent if it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Total>,
    /// The ledger entry of its last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<Seq>,
}

#[derive(Serialize)]
struct ListedLine {
    item: ItemNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    quantity: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Total>,
}

/// Reads the journal of this user.
pub(crate) fn read() -> Result<JournalContents, Error> {
    let folder = journal::data_folder()
        .ok_or_else(|| Error::Usage("no home folder is known; set HOME to find your orders".to_owned()))?;
    Ok(journal::read(&folder)?)
}

pub(crate) async fn run(contents: JournalContents, args: &OrdersArgs, out: &Output) -> Result<Exit, Error> {
    if contents.skipped > 0 {
        let lines = format::plural(u64::try_from(contents.skipped).unwrap_or(u64::MAX), "line");
        out.print_notice(&format!(
            "skipped {lines} in the file of your orders, because they cannot be parsed"
        ))
        .await;
    }
    let mut orders = journal::recorded_orders(contents.records);
    if let Some(order) = args.order {
        orders.retain(|recorded| recorded.sent.order == order);
        let Some(recorded) = orders.first() else {
            let sentence = format!("order {order} was not placed here; `bookstore order {order}` asks the shop");
            out.print_error(&sentence).await;
            return Ok(Exit::Refused);
        };
        if !out.is_json() {
            out.print(&receipt::of_order(recorded)).await?;
            return Ok(Exit::Done);
        }
    }
    let orders: Vec<_> = orders.iter().rev().map(ListedOrder::from).collect();
    let unknown = orders.iter().filter(|order| order.status == "unknown").count();
    match (out.is_json(), args.csv) {
        (true, _) => out.json(&List { orders }).await?,
        (false, true) => out.write_all(csv(&orders)?).await?,
        (false, false) if orders.is_empty() => out.print_notice("No orders yet.").await,
        (false, false) => out.print(&as_table(&orders, out.width())).await?,
    }
    if unknown > 0 {
        out.print_notice("the outcome of an `unknown` order is not on record; `bookstore order ID` asks the shop")
            .await;
    }
    Ok(Exit::Done)
}

impl From<&RecordedOrder> for ListedOrder {
    fn from(recorded: &RecordedOrder) -> Self {
        let sent = &recorded.sent;
        let (status, reason, total, seq) = match &recorded.outcome {
            Outcome::Undecided => ("unknown", None, None, None),
            Outcome::Sold(receipt) => ("sold", None, Some(receipt.total), Some(receipt.seq)),
            Outcome::NotSold(not_sold) => {
                let reason = (!not_sold.detail.is_empty()).then(|| not_sold.detail.clone());
                match not_sold.reason {
                    NotSoldReason::SoldOut => ("refused", Some("sold-out".to_owned()), Some(Total::ZERO), None),
                    NotSoldReason::Refused => ("refused", reason, Some(Total::ZERO), None),
                    NotSoldReason::NotPlaced => ("not-placed", reason, Some(Total::ZERO), None),
                }
            }
        };
        let lines = match &recorded.outcome {
            Outcome::Sold(receipt) if receipt.status == OrderStatus::Sold => {
                receipt.lines.iter().map(ListedLine::from).collect()
            }
            _ => sent.lines.iter().map(ListedLine::from).collect(),
        };
        Self {
            order: sent.order,
            at: sent.at,
            status,
            reason,
            store: sent.shop.clone(),
            store_id: sent.store,
            lines,
            total,
            seq,
        }
    }
}

impl From<&ReceiptLine> for ListedLine {
    fn from(line: &ReceiptLine) -> Self {
        Self {
            item: line.item,
            title: line.title.as_ref().map(ToString::to_string),
            quantity: line.quantity,
            cost: line.cost,
            total: Some(line.total),
        }
    }
}

impl From<&SentLine> for ListedLine {
    fn from(line: &SentLine) -> Self {
        Self {
            item: line.item,
            title: line.title.clone(),
            quantity: line.quantity,
            cost: line.cost,
            total: None,
        }
    }
}

fn as_table(orders: &[ListedOrder], width: Option<usize>) -> String {
    let columns = [
        ("UTC", Shrinking::Drop { rank: 1 }),
        (
            "STATUS",
            Shrinking::Truncate {
                min: 10,
                rank: NOT_DROPPED,
            },
        ),
        ("COPIES", Shrinking::Never),
        ("TOTAL", Shrinking::Never),
        (
            "TITLE",
            Shrinking::Truncate {
                min: 12,
                rank: NOT_DROPPED,
            },
        ),
        ("STORE", Shrinking::Truncate { min: 8, rank: 2 }),
        ("ORDER", Shrinking::DropLast),
    ];
    let rows = orders.iter().map(|order| {
        let copies: u32 = order.lines.iter().map(|line| line.quantity.get()).sum();
        let title = |line: &ListedLine| line.title.clone().unwrap_or_else(|| format!("item {}", line.item));
        let titles: Vec<_> = order.lines.iter().map(title).collect();
        [
            format::date_time(order.at, &TimeZone::UTC),
            order.status.to_owned(),
            copies.to_string(),
            order.total.map_or("-".to_owned(), |total| total.to_string()),
            titles.join(" + "),
            order.store.clone(),
            order.order.to_string(),
        ]
    });
    table(columns, rows, width)
}

/// One line for each book of each order.
fn csv(orders: &[ListedOrder]) -> Result<Vec<u8>, Error> {
    let mut file = csv::Writer::from_writer(Vec::new());
    let header = [
        "order", "at", "status", "reason", "store", "item", "title", "quantity", "cost", "total",
    ];
    let mut written = file.write_record(header);
    for order in orders {
        for line in &order.lines {
            let absent = String::new;
            written = written.and(file.write_record([
                order.order.to_string(),
                order.at.to_string(),
                order.status.to_owned(),
                order.reason.clone().unwrap_or_default(),
                order.store.clone(),
                line.item.to_string(),
                line.title.clone().unwrap_or_default(),
                line.quantity.to_string(),
                line.cost.map_or_else(absent, |cost| cost.to_string()),
                line.total.map_or_else(absent, |total| total.to_string()),
            ]));
        }
    }
    written.map_err(std::io::Error::from)?;
    let text = file
        .into_inner()
        .map_err(|error| std::io::Error::from(error.into_error().kind()))?;
    Ok(text)
}
