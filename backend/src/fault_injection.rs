//! Seeded bugs, each one wrong line, for testing audits.
//!
//! Compiled only with the feature `fault-injection`, which is off by default. The variable `BOOKSTORE_FAULT` selects a bug;
//! without it the shop is correct.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::ValueEnum;
use common::wire::{Decision, Outcome, RefusedLine};
use common::{Cost, Entry, GroupPosition, InlineVec, Kind, Reason, Stock};

/// A seeded bug. Its value in `BOOKSTORE_FAULT` is the variant in kebab case, like `lost-update`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeededBug {
    /// A sale ignores earlier sales of its batch.
    LostUpdate,
    /// Sales are acknowledged but never written.
    AcknowledgedBeforeDurable,
    /// A repeated order is sold again.
    DoubleApply,
    /// The front-end's cache ignores the feed.
    StaleCache,
    /// Some sales are reported as refused.
    RefusedThenSold,
    /// Restocks are acknowledged but lost.
    RestockLost,
    /// More copies are sold than are in stock.
    NegativeQuantity,
    /// The price charged is not the price of the book.
    WrongPrice,
    /// Some sales are acknowledged but lost.
    MissingOrder,
    /// The front-end receives the ledger out of order.
    ReorderedFeed,
    /// The last line of some orders is acknowledged but lost.
    LostLine,
    /// The lines of an order are written in two steps, and the process is killed between them.
    HalfOrder,
    /// The lines of an order that are in stock are sold, the others refused.
    HalfSold,
    /// The last line of an order has another price in the receipt than in the ledger.
    MispricedLine,
}

/// Whether this bug is selected.
pub(crate) fn is_active(bug: SeededBug) -> bool {
    static SELECTED: LazyLock<Option<SeededBug>> = LazyLock::new(|| {
        let name = std::env::var("BOOKSTORE_FAULT").ok()?;
        SeededBug::from_str(&name, false).ok()
    });
    *SELECTED == Some(bug)
}

fn every_eighth_time() -> bool {
    static TIMES: AtomicU64 = AtomicU64::new(1);
    TIMES.fetch_add(1, Ordering::Relaxed).is_multiple_of(8)
}

/// The stock on which a decision is based; `durable` is the stock before the batch.
pub(crate) fn stock_before(stock: Stock, durable: Stock) -> Stock {
    if is_active(SeededBug::LostUpdate) {
        durable
    } else {
        stock
    }
}

/// The stock after a sale of more copies than there were.
pub(crate) fn oversell() -> Option<Stock> {
    is_active(SeededBug::NegativeQuantity).then_some(Stock::ZERO)
}

/// Whether a line is sold although another line of its order is refused.
pub(crate) fn sells_alone(is_in_stock: bool) -> bool {
    is_active(SeededBug::HalfSold) && is_in_stock
}

/// Charges a cent too much.
pub(crate) fn overcharge(entry: &mut Entry) {
    if is_active(SeededBug::WrongPrice) && entry.kind == Kind::Sold {
        add_a_cent(entry);
    }
}

fn add_a_cent(entry: &mut Entry) {
    let dearer = |cost: Cost| Cost::try_from(u64::from(cost.cents()) + 1).ok();
    entry.unit_cost = entry.unit_cost.and_then(dearer).or(entry.unit_cost);
}

/// Drops entries at the end of a batch; dropping others would leave a gap.
pub(crate) fn lose(entries: Vec<Entry>) -> Vec<Entry> {
    shorten_last_order(drop_last_group(entries))
}

/// Drops lines of the last order of a batch, if that is a sale of several lines. The rest is numbered as a whole group, because
/// the store accepts only whole groups.
fn shorten_last_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    let Some(last) = entries
        .last()
        .filter(|last| last.kind == Kind::Sold && last.line.count() > 1)
    else {
        return entries;
    };
    let lines = usize::from(last.line.count());
    let kept = if is_active(SeededBug::LostLine) && every_eighth_time() {
        lines - 1
    } else if is_active(SeededBug::HalfOrder) && every_eighth_time() {
        KILL_AFTER_APPEND.store(true, Ordering::Relaxed);
        lines / 2
    } else {
        return entries;
    };
    let first = entries.len().saturating_sub(lines);
    entries.truncate(first + kept);
    for (entry, line) in entries.iter_mut().skip(first).zip(GroupPosition::of_group(kept)) {
        entry.line = line;
    }
    entries
}

static KILL_AFTER_APPEND: AtomicBool = AtomicBool::new(false);

/// Aborts the process if half an order was written.
pub(crate) fn kill_between_lines() {
    if KILL_AFTER_APPEND.load(Ordering::Relaxed) {
        std::process::abort();
    }
}

/// Drops the last order or change of a batch.
fn drop_last_group(mut entries: Vec<Entry>) -> Vec<Entry> {
    let is_lost = |entry: &Entry| match entry.kind {
        Kind::Restocked => is_active(SeededBug::RestockLost),
        Kind::Sold => is_active(SeededBug::MissingOrder) && every_eighth_time(),
        _ => false,
    };
    if entries.last().is_some_and(is_lost) {
        let lines = entries.last().map_or(0, |last| usize::from(last.line.count()));
        entries.truncate(entries.len().saturating_sub(lines));
    }
    entries
}

/// Reports a sale as refused, or its last line with another price.
pub(crate) fn misreport(mut decision: Decision) -> Decision {
    if is_active(SeededBug::MispricedLine)
        && decision.outcome == Outcome::Sold
        && let [_, .., last] = &mut decision.entries[..]
    {
        add_a_cent(last);
    }
    if !is_active(SeededBug::RefusedThenSold) || decision.outcome != Outcome::Sold || !every_eighth_time() {
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
    if is_active(SeededBug::ReorderedFeed) {
        received.reverse();
    }
    received
}
