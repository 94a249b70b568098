//! Ten seeded bugs, each one wrong line, for testing audits.
//!
//! Only in a build with the feature `fault-injection`, which nothing enables by default. The variable `BOOKSTORE_FAULT` then
//! selects one; without it the shop is correct.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use common::wire::{Decision, Outcome, RefusedLine};
use common::{Cost, Entry, InlineVec, Kind, Reason, Stock};

/// A seeded bug; its name is that of the variant, as in `lost-update`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// Sales of one batch do not see each other.
    LostUpdate,
    /// Sales are acknowledged and never written.
    AcknowledgedBeforeDurable,
    /// A repeated order is done again.
    DoubleApply,
    /// The front-end's cache does not follow the ledger.
    StaleCache,
    /// Some sales are reported as refused.
    RefusedThenSold,
    /// The shopkeeper's changes are acknowledged and lost.
    RestockLost,
    /// More is sold than there is.
    NegativeQuantity,
    /// The price charged is not the price of the book.
    WrongPrice,
    /// Some sales are acknowledged and lost.
    MissingOrder,
    /// The front-end receives the ledger out of order.
    ReorderedFeed,
}

/// Whether this bug is selected.
pub(crate) fn is_active(fault: Fault) -> bool {
    static SELECTED: LazyLock<Option<Fault>> = LazyLock::new(|| {
        let name = std::env::var("BOOKSTORE_FAULT").ok()?;
        Fault::from_str(&name, false).ok()
    });
    *SELECTED == Some(fault)
}

fn every_eighth_time() -> bool {
    static TIMES: AtomicU64 = AtomicU64::new(1);
    TIMES.fetch_add(1, Ordering::Relaxed).is_multiple_of(8)
}

/// The stock on which a decision is based; `durable` is the stock before the batch.
pub(crate) fn stock_before(stock: Stock, durable: Stock) -> Stock {
    if is_active(Fault::LostUpdate) { durable } else { stock }
}

/// The stock after a sale of more than there was.
pub(crate) fn oversell() -> Option<Stock> {
    is_active(Fault::NegativeQuantity).then_some(Stock::ZERO)
}

/// Charges a cent too much.
pub(crate) fn overcharge(entry: &mut Entry) {
    if is_active(Fault::WrongPrice) && entry.kind == Kind::Sold {
        let dearer = |cost: Cost| Cost::try_from(u64::from(cost.cents()) + 1).ok();
        entry.unit_cost = entry.unit_cost.and_then(dearer).or(entry.unit_cost);
    }
}

/// Loses the last order or change of a batch; losing another would leave a gap.
pub(crate) fn drop_last_group(mut entries: Vec<Entry>) -> Vec<Entry> {
    let is_lost = |entry: &Entry| match entry.kind {
        Kind::Restocked => is_active(Fault::RestockLost),
        Kind::Sold => is_active(Fault::MissingOrder) && every_eighth_time(),
        _ => false,
    };
    if entries.last().is_some_and(is_lost) {
        let lines = entries.last().map_or(0, |last| usize::from(last.line.count()));
        entries.truncate(entries.len().saturating_sub(lines));
    }
    entries
}

/// Reports a sale as refused.
pub(crate) fn misreport(decision: Decision) -> Decision {
    if !is_active(Fault::RefusedThenSold) || decision.outcome != Outcome::Sold || !every_eighth_time() {
        return decision;
    }
    let refused = |entry: &Entry| RefusedLine {
        item: entry.item,
        reason: Reason::SoldOut,
        stock: Some(Stock::ZERO),
    };
    Decision {
        outcome: Outcome::Refused,
        refused: decision.entries.iter().map(refused).collect(),
        entries: InlineVec::new(),
        ..decision
    }
}

/// The entries as a front-end receives them.
pub(crate) fn reorder_feed(entries: &[Entry]) -> Vec<Entry> {
    let mut received = entries.to_vec();
    if is_active(Fault::ReorderedFeed) {
        received.reverse();
    }
    received
}
