//! The difference between the books of a store and those of an import.

use std::collections::HashMap;

use common::ItemNumber;
use common::wire::Book;

/// What an import changes in the table of books; equal books are left alone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Replacement<'a> {
    /// Numbers of the books to delete, ascending.
    pub(crate) removed: Vec<i64>,
    /// Books to insert or overwrite.
    pub(crate) upserted: Vec<&'a Book>,
}

impl<'a> Replacement<'a> {
    pub(crate) fn between(stored: Vec<Book>, books: &'a [Book]) -> Self {
        let mut stored: HashMap<ItemNumber, Book> = stored.into_iter().map(|book| (book.item, book)).collect();
        let upserted = books
            .iter()
            .filter(|book| stored.remove(&book.item).as_ref() != Some(book))
            .collect();
        let mut removed: Vec<i64> = stored.into_keys().map(|item| item.get().into()).collect();
        removed.sort_unstable();
        Self { removed, upserted }
    }
}
