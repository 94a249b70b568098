//! The ledger that both catalogs share, and the prefix that one of them has seen.

use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use backend::catalog::decide::{CurrentBook, DurableState};
use common::{
    Cost, Description, Entry, Epoch, GroupPosition, InlineVec, ItemNumber, Kind, OrderId, Seq, Stock, Timestamp,
};
use uuid::Uuid;

/// The time of every entry. The real time has no effect later and would only multiply the states.
const ENTRY_TIME: Timestamp = Timestamp::from_micros(0);
/// The most ids that one operation may draw.
const IDS_PER_OPERATION: u128 = 16;

/// The id of an operation; `drawn` counts the new ids that it drew because a rule is dropped.
pub(crate) fn id(operation: usize, drawn: u8) -> OrderId {
    OrderId::from(Uuid::from_u128(
        (operation as u128 + 1) * IDS_PER_OPERATION + u128::from(drawn),
    ))
}

/// The durable entries, including the first `set` entry of each book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ledger(Arc<Vec<Entry>>);

impl Ledger {
    /// The ledger of a shop with these books.
    pub(crate) fn new(books: impl IntoIterator<Item = (ItemNumber, Stock)>) -> Self {
        let set = |(seq, (item, stock)): (u64, (ItemNumber, Stock))| Entry {
            seq: Seq(seq),
            at: ENTRY_TIME,
            kind: Kind::Set,
            item,
            line: GroupPosition::ONLY,
            quantity: None,
            change: i64::from(stock.get()),
            stock_after: Some(stock),
            order: None,
            unit_cost: Some(Cost::default()),
            reason: None,
            title: Some("Title".into()),
            description: Some(Box::new(Description::new("topic"))),
        };
        Self(Arc::new((1..).zip(books).map(set).collect()))
    }

    pub(crate) fn head(&self) -> Seq {
        Seq(self.0.len() as u64)
    }

    pub(crate) fn push(&mut self, entry: &Entry) {
        Arc::make_mut(&mut self.0).push(Entry {
            at: ENTRY_TIME,
            ..entry.clone()
        });
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The entries that decided one of an operation's ids.
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

    /// The copies left of a book.
    pub(crate) fn stock(&self, item: ItemNumber) -> u32 {
        self.until(self.head())
            .last_change(item)
            .map_or(0, |(stock, _)| stock.get())
    }

    /// The state of a catalog that has seen the entries up to `seen`.
    pub(crate) fn until(&self, seen: Seq) -> Prefix<'_> {
        let seen = usize::try_from(seen.0).unwrap_or(usize::MAX);
        Prefix(self.0.get(..seen).unwrap_or(&self.0))
    }
}

impl Hash for Ledger {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.len().hash(hasher);
        for entry in self.0.iter() {
            // The other fields follow from these.
            (entry.order, entry.item, entry.kind, entry.stock_after).hash(hasher);
        }
    }
}

/// The durable entries that a catalog knows; the program's `State` and `DecisionIndex`.
pub(crate) struct Prefix<'a>(&'a [Entry]);

impl Prefix<'_> {
    fn last_change(&self, item: ItemNumber) -> Option<(Stock, Seq)> {
        let mut newest_first = self.0.iter().rev();
        let last = newest_first.find(|entry| entry.item == item && entry.kind.changes_book())?;
        Some((last.stock_after?, last.seq))
    }
}

impl DurableState for Prefix<'_> {
    type Error = Infallible;

    fn head(&self) -> Seq {
        Seq(self.0.len() as u64)
    }

    fn epoch(&self) -> Epoch {
        Epoch::FIRST
    }

    fn book(&self, item: ItemNumber) -> Option<CurrentBook> {
        let mut of_book = self.0.iter().rev().filter(|entry| entry.item == item);
        let described = of_book.find_map(Entry::described)?;
        let (stock, seq) = self.last_change(item)?;
        Some(CurrentBook {
            title: described.title,
            stock,
            cost: described.cost,
            seq,
        })
    }

    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, Infallible> {
        let of_order = self.0.iter().filter(|entry| entry.order == Some(order));
        Ok(of_order.cloned().collect())
    }
}
