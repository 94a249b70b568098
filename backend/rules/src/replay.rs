//! The state machine over a ledger, with every rule checked at every entry.

use std::collections::HashMap;

use common::{Entry, ItemNumber, Kind, Seq};

use crate::{BookState, Violation, check_entry, check_fields, check_sequence};

/// The books as the entries so far leave them.
///
/// An entry that breaks a rule is taken at its word, so that one mistake is reported once and not again with every later
/// entry of the book.
#[derive(Debug, Clone, Default)]
pub struct LedgerReplay {
    head: Seq,
    books: HashMap<ItemNumber, BookState>,
    is_sample: bool,
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
            head,
            books: books.into_iter().collect(),
            is_sample: true,
        }
    }

    /// The last entry that was applied.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// One book.
    pub fn book(&self, item: ItemNumber) -> Option<&BookState> {
        self.books.get(&item)
    }

    /// All books, in no particular order.
    pub fn books(&self) -> impl ExactSizeIterator<Item = (ItemNumber, &BookState)> {
        self.books.iter().map(|(item, book)| (*item, book))
    }

    /// Checks an entry against everything before it and applies it. No violation, no allocation.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Violation> {
        let before = self.books.get(&entry.item).copied();
        let sequence = check_sequence(self.head, entry);
        self.head = if self.is_sample {
            self.head.max(entry.seq)
        } else {
            entry.seq
        };
        let mut violations = match before {
            Some(book) if self.is_sample && entry.seq <= book.seq => return sequence.into_iter().collect(),
            None if self.is_sample => check_fields(entry).into_iter().collect(),
            before => check_entry(entry, before.as_ref()),
        };
        if let Some(violation) = sequence {
            violations.insert(0, violation);
        }
        let after = BookState::after(before, entry).or_else(|| self.adopted(entry));
        match after {
            Some(book) => self.books.insert(entry.item, book),
            None => self.books.remove(&entry.item),
        };
        violations
    }

    /// A book that the sample lacks, as a refusal shows it.
    fn adopted(&self, entry: &Entry) -> Option<BookState> {
        let is_shown = self.is_sample && entry.kind == Kind::Refused;
        Some(BookState {
            stock: entry.stock_after.filter(|_| is_shown)?,
            cost: entry.unit_cost,
            seq: entry.seq,
        })
    }
}

#[cfg(test)]
mod tests;
