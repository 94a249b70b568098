//! The acknowledged entries of one process, and the entries that it was writing when it stopped.

use common::entry::groups;

use super::*;

#[derive(Clone)]
pub(super) struct Life {
    pub(super) acknowledged: ReferenceShop,
    attempted: ReferenceShop,
    is_import: bool,
}

impl Life {
    pub(super) fn of(shop: ReferenceShop) -> Self {
        Self {
            acknowledged: shop.clone(),
            attempted: shop,
            is_import: false,
        }
    }

    /// The state during the last append: only the entries acknowledged by the life `before` were durable.
    pub(super) fn unacknowledged(&self, before: Self) -> Self {
        Self {
            acknowledged: before.acknowledged,
            ..self.clone()
        }
    }

    /// Returns whether the append succeeded.
    pub(super) fn append(&mut self, store: &CsvStore, entries: &[Entry]) -> bool {
        let head = self.acknowledged.head;
        self.is_import = entries.iter().any(|entry| entry.order.is_none());
        self.attempted.apply(entries);
        self.finish(&store.append(head, entries))
    }

    /// Returns whether the checkpoint was written.
    pub(super) fn checkpoint(&mut self, store: &CsvStore) -> bool {
        let ReferenceShop { books, head, .. } = &self.acknowledged;
        let done = store.checkpoint(books, *head);
        self.finish(&done)
    }

    fn finish(&mut self, done: &Result<(), Error>) -> bool {
        match done {
            Ok(()) => self.acknowledged = self.attempted.clone(),
            // A transient error changes nothing, so none of the entries may appear later.
            Err(error) if error.is_transient() => self.attempted = self.acknowledged.clone(),
            Err(_) => {}
        }
        done.is_ok()
    }

    /// Asserts that a reopened store has all acknowledged entries and, of the others, only whole orders; the next life begins
    /// with its content.
    pub(super) fn recover(&self, store: &CsvStore) -> Self {
        let loaded = store.load().unwrap();
        let entries = store.read(Seq::ZERO, usize::MAX).unwrap();
        let (least, most) = (self.acknowledged.entries.len(), self.attempted.entries.len());
        assert_eq!(loaded.head.0, entries.len() as u64);
        assert!(
            (least..=most).contains(&entries.len()),
            "{} entries, of {least} to {most}",
            entries.len()
        );
        assert_eq!(entries, self.attempted.entries[..entries.len()]);
        let ends_whole = entries.last().is_none_or(|last| last.line.is_last());
        assert!(ends_whole, "half an order is there");
        let rest = &entries[least..];
        let is_whole = rest.is_empty() || entries.len() == most;
        assert!(is_whole || !self.is_import, "half an import is there");
        let mut shop = self.acknowledged.clone();
        groups(rest).for_each(|group| shop.apply(group));
        assert_eq!(loaded.books, shop.books);
        Self::of(shop)
    }
}
