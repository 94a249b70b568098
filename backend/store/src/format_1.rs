//! The upgrade from ledger format 1, whose entries have neither titles nor descriptions.
//!
//! The upgrade rewrites no entry. It appends a `set` entry with a description for each book; older entries get their titles
//! from these when they are read.

use std::collections::HashMap;
use std::sync::OnceLock;

use common::wire::Book;
use common::{ArcStr, Entry, GroupPosition, ItemNumber, Kind, Reason, Seq, Timestamp};

use crate::Error;

/// The entries that describe the books of a store whose last entry is `head`.
pub(crate) fn upgrade_entries(head: Seq, books: &[Book]) -> impl Iterator<Item = Entry> {
    let (mut seq, at) = (head, Timestamp::now());
    books.iter().map(move |book| {
        seq = seq.next();
        Entry {
            seq,
            ..describe(book, at)
        }
    })
}

/// An entry that describes a book without changing it, with the number of the entry that changed the book last.
pub(crate) fn describe(book: &Book, at: Timestamp) -> Entry {
    Entry {
        seq: book.seq,
        at,
        kind: Kind::Set,
        item: book.item,
        line: GroupPosition::ONLY,
        quantity: None,
        change: 0,
        stock_after: Some(book.stock),
        order: None,
        unit_cost: Some(book.cost),
        reason: None,
        title: Some(book.title.clone()),
        description: Some(Box::new(book.description())),
    }
}

pub(crate) type Titles = HashMap<ItemNumber, ArcStr>;

/// The titles for orders of format 1: the titles at the time of the upgrade.
#[derive(Debug, Default)]
pub(crate) struct OldTitles {
    /// The last entry of format 1.
    until: Seq,
    titles: OnceLock<Titles>,
}

impl OldTitles {
    pub(crate) fn new(until: Seq) -> Self {
        Self {
            until,
            titles: OnceLock::new(),
        }
    }

    /// Adds the missing titles to entries. `load` reads the titles from the upgrade's entries, once.
    pub(crate) fn add_to(
        &self,
        entries: &mut [Entry],
        load: impl FnOnce() -> Result<Titles, Error>,
    ) -> Result<(), Error> {
        let lacks_title = |entry: &&mut Entry| {
            let is_order = matches!(entry.kind, Kind::Sold | Kind::Refused);
            let is_known = entry.reason != Some(Reason::UnknownItem);
            entry.seq <= self.until && is_order && is_known && entry.title.is_none()
        };
        let mut untitled = entries.iter_mut().filter(lacks_title).peekable();
        if untitled.peek().is_none() {
            return Ok(());
        }
        let titles = match self.titles.get() {
            Some(titles) => titles,
            None => {
                let loaded = load()?;
                self.titles.get_or_init(|| loaded)
            }
        };
        for entry in untitled {
            entry.title = titles.get(&entry.item).cloned();
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
