//! Checks every entry of a ledger and its groups.

use std::collections::HashMap;

use common::{Entry, ItemNumber, Kind, Seq};

use crate::{BookState, SequenceState, Violation, check_entry, check_fields, check_sequence};

/// Checks entries in order and tracks the books that follow from them.
///
/// An entry that breaks a rule is applied all the same, so that one mistake is not reported again for every later entry of the
/// book.
#[derive(Debug, Clone, Default)]
pub struct LedgerChecker {
    sequence: SequenceState,
    books: HashMap<ItemNumber, BookState>,
    is_sample: bool,
    /// Whether an entry has described a book. Ledger format 1 has no descriptions.
    has_descriptions: bool,
}

impl LedgerChecker {
    /// A checker for a ledger from its first entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// A checker for the entries after `head`, given some of the books as of `head` or later. Entries that a book already
    /// contains are not checked against it. The first entry of any other book gets only its fields checked.
    pub fn from_sample(head: Seq, books: impl IntoIterator<Item = (ItemNumber, BookState)>) -> Self {
        Self {
            sequence: SequenceState::at(head),
            books: books.into_iter().collect(),
            is_sample: true,
            has_descriptions: false,
        }
    }

    /// The number of the last applied entry.
    pub fn head(&self) -> Seq {
        self.sequence.seq()
    }

    /// Checks that the last group is whole.
    pub fn check_complete(&self) -> Option<Violation> {
        self.sequence.check_complete()
    }

    /// A book as of the last applied entry.
    pub fn book(&self, item: ItemNumber) -> Option<&BookState> {
        self.books.get(&item)
    }

    /// All books, in no particular order.
    pub fn books(&self) -> impl ExactSizeIterator<Item = (ItemNumber, &BookState)> {
        self.books.iter().map(|(item, book)| (*item, book))
    }

    /// Checks an entry against everything before it and applies it.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Violation> {
        let out_of_sequence = check_sequence(&self.sequence, entry);
        if !self.is_sample || entry.seq > self.sequence.seq() {
            self.sequence = self.sequence.after(entry);
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
        if let Some(violation) = out_of_sequence {
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

    /// Takes over a book that the sample lacks from a refusal, which states its stock and price.
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
