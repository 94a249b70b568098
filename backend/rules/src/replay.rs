//! The state machine over a ledger, with the rules for single entries and groups checked at every entry.

use std::collections::HashMap;

use common::{Entry, ItemNumber, Kind, Seq};

use crate::{BookState, LedgerEnd, Violation, check_entry, check_fields, check_sequence};

/// The books as the entries so far leave them.
///
/// An entry that breaks a rule is taken at its word, so that one mistake is reported once and not again with every later
/// entry of the book.
#[derive(Debug, Clone, Default)]
pub struct LedgerReplay {
    end: LedgerEnd,
    books: HashMap<ItemNumber, BookState>,
    is_sample: bool,
    /// Whether an entry has described a book: those before it are of the format without descriptions.
    has_descriptions: bool,
}

impl LedgerReplay {
    /// A replay from the first entry of a ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// A replay of the entries after `head`, with some books as they were read at that time. Of a book that is not among
    /// them only the fields of the first entry are checked. A book may be newer than `head`: the entries that it contains
    /// already are not checked against it.
    pub fn from_sample(head: Seq, books: impl IntoIterator<Item = (ItemNumber, BookState)>) -> Self {
        Self {
            end: LedgerEnd::at(head),
            books: books.into_iter().collect(),
            is_sample: true,
            has_descriptions: false,
        }
    }

    /// The last entry that was applied.
    pub fn head(&self) -> Seq {
        self.end.seq()
    }

    /// Checks that the last group is whole.
    pub fn check_complete(&self) -> Option<Violation> {
        self.end.check_complete()
    }

    /// One book.
    pub fn book(&self, item: ItemNumber) -> Option<&BookState> {
        self.books.get(&item)
    }

    /// All books, in no particular order.
    pub fn books(&self) -> impl ExactSizeIterator<Item = (ItemNumber, &BookState)> {
        self.books.iter().map(|(item, book)| (*item, book))
    }

    /// Checks an entry against everything before it and applies it.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Violation> {
        let sequence = check_sequence(&self.end, entry);
        if !self.is_sample || entry.seq > self.end.seq() {
            self.end = self.end.after(entry);
        }
        let before = self.books.remove(&entry.item);
        let mut violations = match &before {
            Some(book) if self.is_sample && entry.seq <= book.seq => Vec::new(),
            None if self.is_sample => check_fields(entry).into_iter().collect(),
            before => check_entry(entry, before.as_ref()),
        };
        self.has_descriptions |= entry.description.is_some();
        if !self.has_descriptions {
            violations.retain(|violation| *violation != Violation::MissingDescription);
        }
        if let Some(violation) = sequence {
            violations.insert(0, violation);
        }
        let after = match before {
            Some(book) if self.is_sample && entry.seq <= book.seq => Some(book),
            before => BookState::after(before, entry).or_else(|| self.adopted(entry)),
        };
        if let Some(book) = after {
            self.books.insert(entry.item, book);
        }
        violations
    }

    /// A book that the sample lacks, as a refusal shows it.
    fn adopted(&self, entry: &Entry) -> Option<BookState> {
        let is_shown = self.is_sample && entry.kind == Kind::Refused;
        Some(BookState {
            stock: entry.stock_after.filter(|_| is_shown)?,
            cost: entry.unit_cost,
            seq: entry.seq,
            title: entry.title.clone(),
            description: None,
        })
    }
}

#[cfg(test)]
mod tests;
