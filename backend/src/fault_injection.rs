//! Ten ways to run a wrong shop, each one line away from the right one: what an auditor is tested with.
//!
//! Only in a build with the feature of this name, which nothing enables by default. The variable `BOOKSTORE_FAULT` then
//! says what is wrong; without it everything is right.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use common::wire::{Decision, Outcome};
use common::{Cost, Entry, Kind, Reason, Stock};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Sales of one batch do not see each other.
    LostUpdate,
    /// Sales are acknowledged and never written.
    AcknowledgedBeforeDurable,
    /// An order that comes again is carried out again.
    DoubleApply,
    /// The front-end's memory does not follow the ledger.
    StaleCache,
    /// Some sales are told to be refused.
    RefusedThenSold,
    /// The shopkeeper's changes are acknowledged and forgotten.
    RestockLost,
    /// More is sold than there is.
    NegativeQuantity,
    /// What is charged is not what stands on the shelf.
    WrongPrice,
    /// Some sales are acknowledged and forgotten.
    MissingOrder,
    /// The front-end hears the ledger out of order.
    ReorderedFeed,
}

impl Fault {
    fn of_environment() -> Option<Self> {
        Some(match std::env::var("BOOKSTORE_FAULT").ok()?.as_str() {
            "lost-update" => Self::LostUpdate,
            "acknowledged-before-durable" => Self::AcknowledgedBeforeDurable,
            "double-apply" => Self::DoubleApply,
            "stale-cache" => Self::StaleCache,
            "refused-then-sold" => Self::RefusedThenSold,
            "restock-lost" => Self::RestockLost,
            "negative-quantity" => Self::NegativeQuantity,
            "wrong-price" => Self::WrongPrice,
            "missing-order" => Self::MissingOrder,
            "reordered-feed" => Self::ReorderedFeed,
            _ => return None,
        })
    }
}

/// Whether that is wrong here.
pub(crate) fn is_active(fault: Fault) -> bool {
    static CHOSEN: OnceLock<Option<Fault>> = OnceLock::new();
    *CHOSEN.get_or_init(Fault::of_environment) == Some(fault)
}

/// Every eighth time.
fn now_and_then() -> bool {
    static TIMES: AtomicU64 = AtomicU64::new(1);
    TIMES.fetch_add(1, Ordering::Relaxed).is_multiple_of(8)
}

/// The stock that a decision is based on; `durable` is what it was before the batch.
pub(crate) fn stock_before(stock: Stock, durable: Stock) -> Stock {
    if is_active(Fault::LostUpdate) { durable } else { stock }
}

/// What is left when more is sold than there was.
pub(crate) fn oversell() -> Option<Stock> {
    is_active(Fault::NegativeQuantity).then_some(Stock::ZERO)
}

/// A cent more than it costs.
pub(crate) fn overcharge(entry: &mut Entry) {
    if is_active(Fault::WrongPrice) && entry.kind == Kind::Sold {
        let dearer = entry
            .unit_cost
            .and_then(|cost| Cost::try_from(u64::from(cost.cents()) + 1).ok());
        entry.unit_cost = dearer.or(entry.unit_cost);
    }
}

/// The entries of a batch that are not forgotten.
pub(crate) fn drop_last_entry(mut entries: Vec<Entry>) -> Vec<Entry> {
    // Only the last one can be left out without a gap.
    let forgotten = |entry: &Entry| match entry.kind {
        Kind::Restocked => is_active(Fault::RestockLost),
        Kind::Sold => is_active(Fault::MissingOrder) && now_and_then(),
        _ => false,
    };
    if entries.last().is_some_and(forgotten) {
        entries.pop();
    }
    entries
}

/// What a customer is told of a sale.
pub(crate) fn misreport(decision: Decision) -> Decision {
    if !is_active(Fault::RefusedThenSold) || decision.outcome != Outcome::Sold || !now_and_then() {
        return decision;
    }
    Decision {
        outcome: Outcome::Refused,
        entry: None,
        reason: Some(Reason::SoldOut),
        stock: Some(Stock::ZERO),
        ..decision
    }
}

/// The entries as a front-end hears them.
pub(crate) fn reorder_feed(entries: &[Entry]) -> Vec<Entry> {
    let mut heard = entries.to_vec();
    if is_active(Fault::ReorderedFeed) {
        heard.reverse();
    }
    heard
}
