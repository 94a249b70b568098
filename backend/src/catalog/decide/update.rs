//! Decisions on the shopkeeper's changes of books.

use common::client::CatalogUpdate;
use common::wire::{BookAction, BookChange, BookChanges, RefusedLine, StockChange};
use common::{Entry, IfMatch, IfNoneMatch, InlineVec, ItemNumber, Kind, OrderId, Position, Reason, Stock, limits};

use super::{CurrentBook, DecisionBatch, DurableState, Verdict, earlier_decision};

impl<D: DurableState> DecisionBatch<'_, D> {
    /// Decides a shopkeeper's change: does all of it or nothing.
    ///
    /// # Errors
    /// As in [`DurableState::find_decision`].
    pub fn update_books(&mut self, update: &CatalogUpdate) -> Result<Verdict, D::Error> {
        let changes = update.changes.as_slice();
        let decided = self.find_decision(update.id)?;
        if !decided.is_empty() {
            let is_same = is_decided_by(changes, &decided);
            return Ok(earlier_decision(decided, is_same));
        }
        if update.deadline.has_passed_at(self.now) {
            return Ok(Verdict::Expired);
        }
        let changed = changes.iter().map(|change| (change, self.book(change.item)));
        let changed: InlineVec<(&BookChange, Option<CurrentBook>)> = changed.collect();
        let is_unknown = |(change, book): &&(&BookChange, Option<CurrentBook>)| {
            book.is_none() && !matches!(change.action, BookAction::Set(_))
        };
        // At most `ORDER_LINES_MAX` unknown numbers are recorded.
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
            match self.change_entry(update.id, change, book.clone()) {
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

    /// Whether `If-Match` and `If-None-Match` accept the state of the book; of the whole shop for a change of several books.
    fn meets_condition(&self, update: &CatalogUpdate, first: Option<&(&BookChange, Option<CurrentBook>)>) -> bool {
        if update.if_match.is_none() && update.if_none_match.is_none() {
            return true;
        }
        let seq = match &update.changes {
            // No tag matches a book that does not exist; `*` matches every existing book (RFC 9110, 13.1.1).
            BookChanges::One(_) => first.and_then(|(_, book)| Some(book.as_ref()?.seq)),
            BookChanges::Several(_) => Some(self.last()),
        };
        let epoch = self.durable.epoch();
        let position = seq.map(|seq| Position { epoch, seq });
        let is_named = |states: &IfNoneMatch| position.is_some_and(|position| states.names(position));
        let is_accepted = |states: &IfMatch| position.is_some_and(|position| states.accepts(position));
        update.if_match.as_ref().is_none_or(is_accepted) && !update.if_none_match.as_ref().is_some_and(is_named)
    }

    /// The entry of a change; `None` if the stock would leave its range. `book` exists if the change requires it.
    fn change_entry(&self, id: OrderId, change: &BookChange, book: Option<CurrentBook>) -> Option<Entry> {
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
        // The whole description, even if it is unchanged: a resent request is compared with the entry.
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

    fn refused_change(&self, id: OrderId, item: ItemNumber, reason: Reason, book: Option<CurrentBook>) -> Entry {
        Entry {
            reason: Some(reason),
            ..self.entry(Kind::Refused, id, item, book)
        }
    }

    /// Refuses a change with these entries. Records them if the change has a key: it can then be resent.
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
}

/// Whether these entries record these changes. A refused change has entries only for the books that were the reason.
fn is_decided_by(changes: &[BookChange], entries: &[Entry]) -> bool {
    let is_refused = |entry: &Entry| {
        let change = changes.binary_search_by_key(&entry.item, |change| change.item);
        let action = change.ok().and_then(|index| Some(&changes.get(index)?.action));
        let fits = match entry.reason {
            Some(Reason::UnknownItem) => matches!(action, Some(BookAction::Stock(_) | BookAction::Withdraw)),
            _ => matches!(action, Some(BookAction::Stock(_))),
        };
        // The entry of a refused order has a quantity; that of a refused change has none.
        entry.kind == Kind::Refused && entry.quantity.is_none() && fits
    };
    let is_done = |(change, entry): (&BookChange, &Entry)| entry.item == change.item && is_recorded_by(change, entry);
    entries.iter().all(is_refused) || (entries.len() == changes.len() && changes.iter().zip(entries).all(is_done))
}

/// Whether an entry of the same book records this change as done.
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
