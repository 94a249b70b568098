//! The decision on a sale or a stock update, given the durable state and the entries that the same batch recorded before.
//! Pure: no clock, no disk, no network.

use ahash::AHashMap;
pub use common::client::StockUpdate;
use common::wire::{OrderLine, RefusedLine, Sale, StockChange};
use common::{
    ArcStr, Cost, Entry, Epoch, GroupLine, InlineVec, ItemNumber, Kind, OrderId, Position, Reason, Seq, Stock,
    Timestamp,
};

/// The part of a book that a decision needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentBook {
    /// The title.
    pub title: ArcStr,
    /// Copies left.
    pub stock: Stock,
    /// The price of one copy.
    pub cost: Cost,
    /// The entry that changed the book last.
    pub seq: Seq,
}

/// The durable state on which a batch is decided.
pub trait DurableState {
    /// Why a decision could not be looked up.
    type Error;

    /// The last entry.
    fn head(&self) -> Seq;

    /// How often the history was replaced.
    fn epoch(&self) -> Epoch;

    /// A book; `None` if no book has the number.
    fn book(&self, item: ItemNumber) -> Option<CurrentBook>;

    /// The entries that decided an order, one for each line; none if it is not decided.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, Self::Error>;
}

/// The decision on a sale or a stock update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The ledger has it, done or refused.
    Recorded {
        /// The entries, one for each line.
        entries: InlineVec<Entry>,
        /// Whether an earlier request was decided by them.
        replayed: bool,
    },
    /// Refused for these lines and not recorded, because no second copy can arrive.
    Refused(InlineVec<RefusedLine>),
    /// The id belongs to a request with other content.
    KeyReused,
    /// The deadline has passed.
    Expired,
    /// The book is not in a state that the shopkeeper named.
    PreconditionFailed,
    /// The stock would exceed its maximum.
    OutOfRange,
    /// Refused, but too many refusals were recorded lately for another one: neither applied nor recorded.
    TooManyRefusals,
    /// To be recorded, but the store has no room left: neither applied nor recorded.
    NoRoom,
}

/// A batch that is being decided.
#[derive(Debug)]
pub struct Batch<'a, D> {
    durable: &'a D,
    now: Timestamp,
    /// The stocks that the batch changed, and the entries that did.
    changed: AHashMap<ItemNumber, (Stock, Seq)>,
    /// The indexes in `entries` of the first lines of the ids that the batch decided.
    recorded: AHashMap<OrderId, usize>,
    entries: Vec<Entry>,
    /// How many further entries may be refusals.
    refusals_left: usize,
    has_room: bool,
}

impl<'a, D: DurableState> Batch<'a, D> {
    /// An empty batch. `now` is the time of its entries, with which deadlines are compared.
    pub fn new(durable: &'a D, now: Timestamp) -> Self {
        Self {
            durable,
            now,
            changed: AHashMap::new(),
            recorded: AHashMap::new(),
            entries: Vec::new(),
            refusals_left: usize::MAX,
            has_room: true,
        }
    }

    /// Limits the refusals that the batch records, in entries.
    #[must_use]
    pub fn with_refusals_max(self, refusals_left: usize) -> Self {
        Self { refusals_left, ..self }
    }

    /// Decides only what records nothing, if the store has no room left.
    #[must_use]
    pub fn with_room(self, has_room: bool) -> Self {
        Self { has_room, ..self }
    }

    /// The entries to append, numbered from the head of the durable state.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Decides a sale: all its lines are sold, or none.
    ///
    /// # Errors
    /// Those of [`DurableState::find_decision`].
    pub fn sell(&mut self, sale: &Sale) -> Result<Verdict, D::Error> {
        let decided = self.find_decision(sale.id)?;
        if !decided.is_empty() {
            let is_same = |(entry, line): (&Entry, &OrderLine)| {
                matches!(entry.kind, Kind::Sold | Kind::Refused)
                    && entry.item == line.item
                    && entry.quantity == Some(line.quantity)
            };
            let same = decided.len() == sale.lines.len() && decided.iter().zip(&*sale.lines).all(is_same);
            return Ok(replay(decided, same));
        }
        if sale.deadline.has_passed_at(self.now) {
            return Ok(Verdict::Expired);
        }
        let lines: InlineVec<CheckedLine> = sale.lines.iter().map(|&line| self.check(line)).collect();
        let is_sold = lines.iter().all(|line| line.left.is_some());
        if !is_sold && !sale.keyed && !sale.resent {
            let refused = lines.iter().filter_map(CheckedLine::refused);
            return Ok(Verdict::Refused(refused.collect()));
        }
        if !is_sold && !self.take_refusals(lines.len()) {
            return Ok(Verdict::TooManyRefusals);
        }
        let entries = lines.into_iter().map(|line| {
            #[cfg(feature = "fault-injection")]
            let is_sold = is_sold || crate::fault_injection::sells_alone(line.left.is_some());
            match is_sold {
                true => self.sold(sale.id, line),
                false => self.refused(sale.id, line),
            }
        });
        let entries: InlineVec<Entry> = entries.collect();
        Ok(self.record(entries))
    }

    /// Decides a stock update.
    ///
    /// # Errors
    /// Those of [`DurableState::find_decision`].
    pub fn update_stock(&mut self, update: &StockUpdate) -> Result<Verdict, D::Error> {
        let decided = self.find_decision(update.id)?;
        if let [entry, ..] = &*decided {
            let same = entry.item == update.item
                && match (entry.kind, update.change) {
                    (Kind::Restocked, StockChange::By(change)) => entry.change == change,
                    (Kind::Set, StockChange::To(stock)) => {
                        entry.stock_after == Some(stock) && entry.description.is_none()
                    }
                    // Only a refused order has a quantity.
                    (Kind::Refused, _) => entry.quantity.is_none(),
                    _ => false,
                };
            return Ok(replay(decided, same));
        }
        if update.deadline.has_passed_at(self.now) {
            return Ok(Verdict::Expired);
        }
        let Some(book) = self.book(update.item) else {
            return Ok(self.refuse_update(update, Reason::UnknownItem, None));
        };
        let position = Position {
            epoch: self.durable.epoch(),
            seq: book.seq,
        };
        if update.if_match.as_ref().is_some_and(|states| !states.accepts(position)) {
            return Ok(Verdict::PreconditionFailed);
        }
        let (kind, change, stock) = match update.change {
            StockChange::To(stock) => (Kind::Set, book.stock.difference_to(stock), stock),
            StockChange::By(change) => match book.stock.checked_add_signed(change) {
                Some(stock) => (Kind::Restocked, change, stock),
                None if change > 0 => return Ok(Verdict::OutOfRange),
                None => return Ok(self.refuse_update(update, Reason::SoldOut, Some(book))),
            },
        };
        let entry = Entry {
            change,
            stock_after: Some(stock),
            title: None,
            ..self.entry(kind, update.id, update.item, Some(book))
        };
        Ok(self.record(InlineVec::from_buf([entry])))
    }

    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, D::Error> {
        #[cfg(feature = "fault-injection")]
        if crate::fault_injection::is_active(crate::fault_injection::Fault::DoubleApply) {
            return Ok(InlineVec::new());
        }
        let Some(group) = self.recorded.get(&order).and_then(|&first| self.entries.get(first..)) else {
            return self.durable.find_decision(order);
        };
        let is_same = |entry: &&Entry| entry.order == Some(order);
        Ok(group.iter().take_while(is_same).cloned().collect())
    }

    fn book(&self, item: ItemNumber) -> Option<CurrentBook> {
        let durable = self.durable.book(item)?;
        let Some(&(stock, seq)) = self.changed.get(&item) else {
            return Some(durable);
        };
        #[cfg(feature = "fault-injection")]
        let stock = crate::fault_injection::stock_before(stock, durable.stock);
        Some(CurrentBook { stock, seq, ..durable })
    }

    fn check(&self, line: OrderLine) -> CheckedLine {
        let book = self.book(line.item);
        let change = -i64::from(line.quantity.get());
        let left = book.as_ref().and_then(|book| book.stock.checked_add_signed(change));
        #[cfg(feature = "fault-injection")]
        let left = left.or_else(|| crate::fault_injection::oversell().filter(|_| book.is_some()));
        CheckedLine { line, book, left }
    }

    fn sold(&self, id: OrderId, line: CheckedLine) -> Entry {
        let OrderLine { item, quantity } = line.line;
        Entry {
            quantity: Some(quantity),
            change: -i64::from(quantity.get()),
            stock_after: line.left,
            ..self.entry(Kind::Sold, id, item, line.book)
        }
    }

    fn refused(&self, id: OrderId, line: CheckedLine) -> Entry {
        let reason = line.refused().map_or(Reason::WithOthers, |refused| refused.reason);
        let OrderLine { item, quantity } = line.line;
        Entry {
            quantity: Some(quantity),
            reason: Some(reason),
            ..self.entry(Kind::Refused, id, item, line.book)
        }
    }

    fn refuse_update(&mut self, update: &StockUpdate, reason: Reason, book: Option<CurrentBook>) -> Verdict {
        let &StockUpdate { id, item, keyed, .. } = update;
        if !keyed {
            let stock = book.map(|book| book.stock);
            return Verdict::Refused(InlineVec::from_buf([RefusedLine { item, reason, stock }]));
        }
        if !self.take_refusals(1) {
            return Verdict::TooManyRefusals;
        }
        let entry = Entry {
            reason: Some(reason),
            ..self.entry(Kind::Refused, id, item, book)
        };
        self.record(InlineVec::from_buf([entry]))
    }

    /// Whether so many more refusals may be recorded; counts them if so.
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
            line: GroupLine::ONLY,
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

    /// Numbers the entries of a group and makes them visible to the rest of the batch.
    fn record(&mut self, mut entries: InlineVec<Entry>) -> Verdict {
        if !self.has_room {
            return Verdict::NoRoom;
        }
        let first = self.entries.len();
        let lines = GroupLine::of_group(entries.len());
        for (entry, line) in entries.iter_mut().zip(lines) {
            let last = self.entries.last();
            entry.seq = last.map_or_else(|| self.durable.head(), |last| last.seq).next();
            entry.line = line;
            #[cfg(feature = "fault-injection")]
            crate::fault_injection::overcharge(entry);
            if let Some(stock) = entry.stock_after.filter(|_| entry.kind.changes_book()) {
                self.changed.insert(entry.item, (stock, entry.seq));
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

/// A line of a sale on the state of the batch.
struct CheckedLine {
    line: OrderLine,
    book: Option<CurrentBook>,
    /// The stock after it; `None` if it cannot be sold.
    left: Option<Stock>,
}

impl CheckedLine {
    /// Why it cannot be sold.
    fn refused(&self) -> Option<RefusedLine> {
        let (item, stock) = (self.line.item, self.book.as_ref().map(|book| book.stock));
        let reason = stock.map_or(Reason::UnknownItem, |_| Reason::SoldOut);
        self.left.is_none().then_some(RefusedLine { item, reason, stock })
    }
}

fn replay(entries: InlineVec<Entry>, same: bool) -> Verdict {
    let replayed = true;
    match same {
        true => Verdict::Recorded { entries, replayed },
        false => Verdict::KeyReused,
    }
}

#[cfg(test)]
mod tests;
