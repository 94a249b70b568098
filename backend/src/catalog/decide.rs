//! Decides sales and the shopkeeper's changes on the durable state and the entries that the same batch recorded before.
//! Pure: no clock, no disk, no network.

mod sale;
#[cfg(test)]
mod tests;
mod update;

use ahash::AHashMap;
pub use common::client::CatalogUpdate;
use common::wire::RefusedLine;
use common::{ArcStr, Cost, Entry, Epoch, GroupPosition, InlineVec, ItemNumber, Kind, OrderId, Seq, Stock, Timestamp};

/// The part of a book that a decision needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentBook {
    /// The title.
    pub title: ArcStr,
    /// The copies in stock.
    pub stock: Stock,
    /// The price of one copy.
    pub cost: Cost,
    /// The entry that changed the book last.
    pub seq: Seq,
}

/// The durable state on which a batch is decided.
pub trait DurableState {
    /// The error of a look-up of a decision.
    type Error;

    /// The last entry.
    fn head(&self) -> Seq;

    /// Number of replacements of the history.
    fn epoch(&self) -> Epoch;

    /// A book; `None` if no book has the number.
    fn book(&self, item: ItemNumber) -> Option<CurrentBook>;

    /// The entries that decided an order, one for each line; none if it is not decided.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, Self::Error>;
}

/// The decision on a sale or a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Done, or refused and recorded.
    Recorded {
        /// The entries, one for each line.
        entries: InlineVec<Entry>,
        /// Whether the entries decided an earlier request with the same id.
        replayed: bool,
    },
    /// Refused because of these lines. Not recorded: the request has no key and was not resent, so it cannot arrive again.
    RefusedUnrecorded(InlineVec<RefusedLine>),
    /// The id belongs to a request with other content.
    KeyReused,
    /// The deadline had passed.
    Expired,
    /// Only of a change: `If-Match` or `If-None-Match` excludes the state of the book, or of the shop.
    PreconditionFailed,
    /// Only of a change: the stock would exceed its maximum.
    OutOfRange,
    /// To be refused, but the limit on recorded refusals is reached: neither applied nor recorded.
    TooManyRefusals,
    /// To be recorded, but the disk is full: neither applied nor recorded.
    DiskFull,
}

/// A batch that is being decided.
#[derive(Debug)]
pub struct DecisionBatch<'a, D> {
    durable: &'a D,
    now: Timestamp,
    /// The stocks that the batch changed, and the entries that changed them last.
    changed: AHashMap<ItemNumber, (Stock, Seq)>,
    /// The books that the batch described; `None` for one that it withdrew.
    described: AHashMap<ItemNumber, Option<CurrentBook>>,
    /// By the id of a request that the batch decided: the index in `entries` of its first line.
    recorded: AHashMap<OrderId, usize>,
    entries: Vec<Entry>,
    /// Number of refusals, in entries, that the batch may still record.
    refusals_left: usize,
    has_disk_space: bool,
}

impl<'a, D: DurableState> DecisionBatch<'a, D> {
    /// An empty batch. `now` is the time of its entries, with which deadlines are compared.
    pub fn new(durable: &'a D, now: Timestamp) -> Self {
        Self {
            durable,
            now,
            changed: AHashMap::new(),
            described: AHashMap::new(),
            recorded: AHashMap::new(),
            entries: Vec::new(),
            refusals_left: usize::MAX,
            has_disk_space: true,
        }
    }

    /// Allocates memory for `entries` entries.
    #[must_use]
    pub fn with_capacity(self, entries: usize) -> Self {
        Self {
            recorded: AHashMap::with_capacity(entries),
            entries: Vec::with_capacity(entries),
            ..self
        }
    }

    /// Limits the refusals that the batch records, in entries.
    #[must_use]
    pub fn with_refusals_max(self, entries: usize) -> Self {
        Self {
            refusals_left: entries,
            ..self
        }
    }

    /// Without disk space, every request that would append an entry gets [`Verdict::DiskFull`].
    #[must_use]
    pub fn with_disk_space(self, has_disk_space: bool) -> Self {
        Self { has_disk_space, ..self }
    }

    /// The entries to append, numbered from the head of the durable state.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The entries of the batch or the durable state that decided a request; none if it is not decided.
    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, D::Error> {
        #[cfg(feature = "fault-injection")]
        if crate::fault_injection::is_active(crate::fault_injection::SeededBug::DoubleApply) {
            return Ok(InlineVec::new());
        }
        let Some(group) = self.recorded.get(&order).and_then(|&first| self.entries.get(first..)) else {
            return self.durable.find_decision(order);
        };
        let is_same = |entry: &&Entry| entry.order == Some(order);
        Ok(group.iter().take_while(is_same).cloned().collect())
    }

    /// The book after the entries of the batch.
    fn book(&self, item: ItemNumber) -> Option<CurrentBook> {
        let durable = match self.described.get(&item) {
            Some(described) => described.clone()?,
            None => self.durable.book(item)?,
        };
        let Some(&(stock, seq)) = self.changed.get(&item) else {
            return Some(durable);
        };
        #[cfg(feature = "fault-injection")]
        let stock = crate::fault_injection::stock_before(stock, durable.stock);
        Some(CurrentBook { stock, seq, ..durable })
    }

    /// Returns whether `entries` more refusals may be recorded, and counts them if so.
    fn take_refusals(&mut self, entries: usize) -> bool {
        let left = self.refusals_left.checked_sub(entries);
        self.refusals_left = left.unwrap_or(self.refusals_left);
        left.is_some()
    }

    /// An entry that changes nothing.
    fn entry(&self, kind: Kind, id: OrderId, item: ItemNumber, book: Option<CurrentBook>) -> Entry {
        Entry {
            seq: Seq::ZERO,
            at: self.now,
            kind,
            item,
            line: GroupPosition::ONLY,
            quantity: None,
            change: 0,
            stock_after: book.as_ref().map(|book| book.stock),
            order: Some(id),
            unit_cost: book.as_ref().map(|book| book.cost),
            reason: None,
            title: book.map(|book| book.title),
            description: None,
        }
    }

    /// The number of the last entry, durable or in the batch.
    fn last(&self) -> Seq {
        self.entries.last().map_or_else(|| self.durable.head(), |last| last.seq)
    }

    /// Numbers the entries of a group and adds them to the batch, whose later requests are decided on them.
    fn record(&mut self, mut entries: InlineVec<Entry>) -> Verdict {
        if !self.has_disk_space {
            return Verdict::DiskFull;
        }
        let first = self.entries.len();
        let lines = GroupPosition::of_group(entries.len());
        for (entry, line) in entries.iter_mut().zip(lines) {
            entry.seq = self.last().next();
            entry.line = line;
            #[cfg(feature = "fault-injection")]
            crate::fault_injection::overcharge(entry);
            if let Some(stock) = entry.stock_after.filter(|_| entry.kind.changes_book()) {
                self.changed.insert(entry.item, (stock, entry.seq));
            }
            if entry.kind == Kind::Withdrawn || entry.description.is_some() {
                self.described.insert(entry.item, described(entry));
            }
            self.entries.push(entry.clone());
        }
        if let Some(order) = entries.first().and_then(|entry| entry.order) {
            self.recorded.insert(order, first);
        }
        let replayed = false;
        Verdict::Recorded { entries, replayed }
    }
}

/// The book that an entry describes; `None` for a withdrawal.
fn described(entry: &Entry) -> Option<CurrentBook> {
    entry.description.as_ref()?;
    Some(CurrentBook {
        title: entry.title.clone()?,
        stock: entry.stock_after?,
        cost: entry.unit_cost?,
        seq: entry.seq,
    })
}

/// The verdict on a request whose id is already decided.
fn earlier_decision(entries: InlineVec<Entry>, is_same_request: bool) -> Verdict {
    let replayed = true;
    match is_same_request {
        true => Verdict::Recorded { entries, replayed },
        false => Verdict::KeyReused,
    }
}
