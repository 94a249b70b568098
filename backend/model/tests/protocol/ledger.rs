//! The one ledger that both catalogs append to, and as much of it as one of them has seen.

use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use backend::catalog::decide::{DurableState, StockAndPrice};
use common::{Cost, Entry, ItemNumber, Kind, OrderId, Seq, Stock, Timestamp};
use uuid::Uuid;

/// The moment in every entry: when it was decided is of no consequence later, and would only multiply the states.
const SOME_MOMENT: Timestamp = Timestamp::from_micros(0);
/// The most ids that one operation may draw.
const IDS_PER_OPERATION: u128 = 16;

/// The id of a operation; `drawn` counts those drawn anew, where a rule is dropped.
pub(crate) fn id(operation: usize, drawn: u8) -> OrderId {
    OrderId::from(Uuid::from_u128(
        (operation as u128 + 1) * IDS_PER_OPERATION + u128::from(drawn),
    ))
}

/// DurableState entries, the book's first `set` included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ledger(Arc<Vec<Entry>>);

impl Ledger {
    /// Of a shop with so many copies of its one book.
    pub(crate) fn new(item: ItemNumber, stock: Stock) -> Self {
        Self(Arc::new(vec![Entry {
            seq: Seq(1),
            at: SOME_MOMENT,
            kind: Kind::Set,
            item,
            quantity: None,
            change: i64::from(stock.get()),
            stock_after: Some(stock),
            order: None,
            unit_cost: Some(Cost::default()),
            reason: None,
        }]))
    }

    pub(crate) fn head(&self) -> Seq {
        Seq(self.0.len() as u64)
    }

    pub(crate) fn push(&mut self, entry: &Entry) {
        Arc::make_mut(&mut self.0).push(Entry {
            at: SOME_MOMENT,
            ..*entry
        });
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The entries that decided one of a operation's ids.
    pub(crate) fn of(&self, operation: usize) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(move |entry| {
            entry
                .order
                .is_some_and(|order| u128::from(order.as_u64_pair().1) / IDS_PER_OPERATION == operation as u128 + 1)
        })
    }

    pub(crate) fn get(&self, seq: u64) -> Option<&Entry> {
        self.0.get(usize::try_from(seq).ok()?.checked_sub(1)?)
    }

    pub(crate) fn stock(&self) -> u32 {
        self.until(self.head()).stock().map_or(0, Stock::get)
    }

    /// The state of a catalog that has seen it up to there.
    pub(crate) fn until(&self, seen: Seq) -> Prefix<'_> {
        let seen = usize::try_from(seen.0).unwrap_or(usize::MAX);
        Prefix(self.0.get(..seen).unwrap_or(&self.0))
    }
}

impl Hash for Ledger {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.len().hash(hasher);
        for entry in self.0.iter() {
            // The rest follows from these.
            (entry.order, entry.kind, entry.stock_after).hash(hasher);
        }
    }
}

/// What a catalog knows to be durable: what `State` and `DecisionIndex` are to the real one.
pub(crate) struct Prefix<'a>(&'a [Entry]);

impl Prefix<'_> {
    fn stock(&self) -> Option<Stock> {
        let last = self.0.iter().rev().find(|entry| entry.kind.changes_book());
        last.and_then(|entry| entry.stock_after)
    }
}

impl DurableState for Prefix<'_> {
    type Error = Infallible;

    fn head(&self) -> Seq {
        Seq(self.0.len() as u64)
    }

    fn stock_and_price(&self, item: ItemNumber) -> Option<StockAndPrice> {
        let cost = self.0.iter().find(|entry| entry.item == item)?.unit_cost?;
        Some(StockAndPrice {
            stock: self.stock()?,
            cost,
        })
    }

    fn find_decision(&self, order: OrderId) -> Result<Option<Entry>, Infallible> {
        Ok(self.0.iter().find(|entry| entry.order == Some(order)).cloned())
    }
}
