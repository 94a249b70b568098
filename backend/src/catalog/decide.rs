//! The decision on a sale or a shopkeeper's change, given the durable state and the entries that the same batch recorded before.
//! Pure: no clock, no disk, no network.

use ahash::AHashMap;
pub use common::client::CatalogUpdate;
use common::wire::{BookAction, BookChange, BookChanges, OrderLine, RefusedLine, Sale, StockChange};
use common::{
    ArcStr, Cost, Entry, Epoch, GroupPosition, IfMatch, IfNoneMatch, InlineVec, ItemNumber, Kind, OrderId, Position,
    Reason, Seq, Stock, Timestamp, limits,
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

/// The decision on a sale or a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The ledger has it, done or refused.
    Recorded {
        /// The entries, one for each line.
        entries: InlineVec<Entry>,
        /// Whether an earlier request was decided by them.
        replayed: bool,
    },
    /// Refused for these lines; no second copy can arrive.
    RefusedUnrecorded(InlineVec<RefusedLine>),
    /// The id belongs to a request with other content.
    KeyReused,
    /// The deadline has passed.
    Expired,
    /// The book, or the store, is not in a state that the shopkeeper named.
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
    /// The books that the batch described; `None` for one that it withdrew.
    described: AHashMap<ItemNumber, Option<CurrentBook>>,
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
            described: AHashMap::new(),
            recorded: AHashMap::new(),
            entries: Vec::new(),
            refusals_left: usize::MAX,
            has_room: true,
        }
    }

    /// Makes room for so many entries.
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
            return Ok(Verdict::RefusedUnrecorded(refused.collect()));
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

    /// Decides a shopkeeper's change: all of it is done or nothing.
    ///
    /// # Errors
    /// Those of [`DurableState::find_decision`].
    pub fn update_books(&mut self, update: &CatalogUpdate) -> Result<Verdict, D::Error> {
        let changes = update.changes.as_slice();
        let decided = self.find_decision(update.id)?;
        if !decided.is_empty() {
            let same = is_decided_by(changes, &decided);
            return Ok(replay(decided, same));
        }
        if update.deadline.has_passed_at(self.now) {
            return Ok(Verdict::Expired);
        }
        let changed = changes.iter().map(|change| (change, self.book(change.item)));
        let changed: InlineVec<(&BookChange, Option<CurrentBook>)> = changed.collect();
        let is_unknown = |(change, book): &&(&BookChange, Option<CurrentBook>)| {
            book.is_none() && !matches!(change.action, BookAction::Set(_))
        };
        // A refusal has no more lines than an order, so that it names some of many wrong numbers.
        let unknown: InlineVec<Entry> = changed
            .iter()
            .filter(is_unknown)
            .take(limits::ORDER_LINES_MAX)
            .map(|(change, _)| self.refused_change(update.id, change.item, Reason::UnknownItem, None))
            .collect();
        if !unknown.is_empty() {
            return Ok(self.refuse_update(update, unknown));
        }
        if !self.meets_condition(update, changed.first()) {
            return Ok(Verdict::PreconditionFailed);
        }
        let mut entries = InlineVec::with_capacity(changed.len());
        for (change, book) in changed {
            match self.changed(update.id, change, book.clone()) {
                Some(entry) => entries.push(entry),
                None if matches!(change.action, BookAction::Stock(StockChange::By(by)) if by > 0) => {
                    return Ok(Verdict::OutOfRange);
                }
                None => {
                    let refused = self.refused_change(update.id, change.item, Reason::SoldOut, book);
                    return Ok(self.refuse_update(update, InlineVec::from_buf([refused])));
                }
            }
        }
        Ok(self.record(entries))
    }

    /// Whether the book, or for a change of several the whole store, is in a state in which the shopkeeper wants the change.
    fn meets_condition(&self, update: &CatalogUpdate, first: Option<&(&BookChange, Option<CurrentBook>)>) -> bool {
        if update.if_match.is_none() && update.if_none_match.is_none() {
            return true;
        }
        let seq = match &update.changes {
            // No tag names a book that does not exist, and `*` means one that does (RFC 9110, 13.1.1).
            BookChanges::One(_) => first.and_then(|(_, book)| Some(book.as_ref()?.seq)),
            BookChanges::Several(_) => Some(self.last()),
        };
        let epoch = self.durable.epoch();
        let position = seq.map(|seq| Position { epoch, seq });
        let is_named = |states: &IfNoneMatch| position.is_some_and(|position| states.names(position));
        let is_accepted = |states: &IfMatch| position.is_some_and(|position| states.accepts(position));
        update.if_match.as_ref().is_none_or(is_accepted) && !update.if_none_match.as_ref().is_some_and(is_named)
    }

    /// The entry of a change; `None` if the stock would leave its range. The book is there where the change needs one.
    fn changed(&self, id: OrderId, change: &BookChange, book: Option<CurrentBook>) -> Option<Entry> {
        let before = book.as_ref().map_or(Stock::ZERO, |book| book.stock);
        let (kind, after) = match &change.action {
            BookAction::Stock(StockChange::To(stock)) => (Kind::Set, *stock),
            BookAction::Stock(StockChange::By(by)) => (Kind::Restocked, before.checked_add_signed(*by)?),
            BookAction::Set(fields) => (Kind::Set, fields.stock.unwrap_or(before)),
            BookAction::Withdraw => (Kind::Withdrawn, Stock::ZERO),
        };
        let entry = Entry {
            change: before.difference_to(after),
            stock_after: Some(after),
            title: None,
            ..self.entry(kind, id, change.item, book)
        };
        // Always with the whole description, even if it is the same: a repetition is compared with the entry.
        Some(match &change.action {
            BookAction::Set(fields) => Entry {
                unit_cost: Some(fields.cost),
                title: Some(fields.title.clone()),
                description: Some(Box::new(fields.description.clone())),
                ..entry
            },
            BookAction::Stock(_) | BookAction::Withdraw => entry,
        })
    }

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

    fn refused_change(&self, id: OrderId, item: ItemNumber, reason: Reason, book: Option<CurrentBook>) -> Entry {
        Entry {
            reason: Some(reason),
            ..self.entry(Kind::Refused, id, item, book)
        }
    }

    /// Refuses a change for these entries, and records them if a second copy can arrive.
    fn refuse_update(&mut self, update: &CatalogUpdate, entries: InlineVec<Entry>) -> Verdict {
        if !update.keyed {
            let refused = entries.iter().filter_map(|entry| {
                let &Entry { item, stock_after, .. } = entry;
                let reason = entry.reason?;
                let stock = stock_after;
                Some(RefusedLine { item, reason, stock })
            });
            return Verdict::RefusedUnrecorded(refused.collect());
        }
        if !self.take_refusals(entries.len()) {
            return Verdict::TooManyRefusals;
        }
        self.record(entries)
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

    /// The last entry, durable or in the batch.
    fn last(&self) -> Seq {
        self.entries.last().map_or_else(|| self.durable.head(), |last| last.seq)
    }

    /// Numbers the entries of a group and makes them visible to the rest of the batch.
    fn record(&mut self, mut entries: InlineVec<Entry>) -> Verdict {
        if !self.has_room {
            return Verdict::NoRoom;
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

/// Whether these entries record these changes. Those of a refused change name only the books for which it was refused.
fn is_decided_by(changes: &[BookChange], entries: &[Entry]) -> bool {
    let is_refused = |entry: &Entry| {
        let change = changes.binary_search_by_key(&entry.item, |change| change.item);
        let action = change.ok().and_then(|index| Some(&changes.get(index)?.action));
        let fits = match entry.reason {
            Some(Reason::UnknownItem) => matches!(action, Some(BookAction::Stock(_) | BookAction::Withdraw)),
            _ => matches!(action, Some(BookAction::Stock(_))),
        };
        // Only a refused order has a quantity.
        entry.kind == Kind::Refused && entry.quantity.is_none() && fits
    };
    let is_done = |(change, entry): (&BookChange, &Entry)| entry.item == change.item && is_recorded_by(change, entry);
    entries.iter().all(is_refused) || (entries.len() == changes.len() && changes.iter().zip(entries).all(is_done))
}

/// Whether an entry of the same book records a change that was done.
fn is_recorded_by(change: &BookChange, entry: &Entry) -> bool {
    match (&change.action, entry.kind) {
        (BookAction::Stock(StockChange::By(by)), Kind::Restocked) => entry.change == *by,
        (BookAction::Stock(StockChange::To(stock)), Kind::Set) => {
            entry.stock_after == Some(*stock) && entry.description.is_none()
        }
        (BookAction::Set(fields), Kind::Set) => {
            let is_same_stock = match fields.stock {
                Some(stock) => entry.stock_after == Some(stock),
                None => entry.change == 0,
            };
            is_same_stock
                && entry.description.as_deref() == Some(&fields.description)
                && entry.title.as_ref() == Some(&fields.title)
                && entry.unit_cost == Some(fields.cost)
        }
        (BookAction::Withdraw, Kind::Withdrawn) => true,
        _ => false,
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
