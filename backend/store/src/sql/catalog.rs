//! Replacing the books.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use common::ItemNumber;
use common::wire::Book;

use crate::{Error, catalog_file};

/// What has to be done to the books so that they are the ones of an import. What is equal stays untouched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Replacement<'a> {
    /// Books to be taken away.
    pub(crate) gone: Vec<i64>,
    /// Books to be put in, in the place of those of the same number.
    pub(crate) put: Vec<&'a Book>,
}

impl<'a> Replacement<'a> {
    /// Compares.
    pub(crate) fn of(there: Vec<Book>, books: &'a [Book]) -> Self {
        let mut there: HashMap<ItemNumber, Book> = there.into_iter().map(|book| (book.item, book)).collect();
        let put = books
            .iter()
            .filter(|book| there.remove(&book.item).as_ref() != Some(book))
            .collect();
        let mut gone: Vec<i64> = there.into_keys().map(|item| item.get().into()).collect();
        gone.sort_unstable();
        Self { gone, put }
    }
}

/// Refuses books that could not be written out into a catalog file; `store` stands in messages only.
pub(crate) fn check(books: &[Book], store: &str) -> Result<(), Error> {
    Ok(catalog_file::write(io::sink(), books, Path::new(store))?)
}
