//! The catalog file: a CSV file with one line for each book, for editors and spreadsheets.
//!
//! A file with an invalid line is refused as a whole. A written file parses to the same books; a book for which this is not
//! true is refused.

mod columns;
mod kind;
mod records;
mod rows;
mod writer;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use common::text::check_name;
use common::wire::Book;
use common::{ArcStr, Cost, Description, ItemNumber, Seq, Stock};

pub use self::rows::parse;
pub use self::writer::CatalogWriter;

/// The four books of a new store without a catalog file.
pub const DEFAULT: &str = include_str!("../../../data/catalog.csv");

/// Why a catalog file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Lines are not valid.
    #[error("{}", list(path, errors, *count))]
    Lines {
        /// The file.
        path: PathBuf,
        /// The first errors, at least one.
        errors: Vec<LineError>,
        /// The number of all errors.
        count: usize,
    },
    /// The file is of another kind.
    #[error("{} is {kind}", path.display())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// The kind, and what to do.
        kind: &'static str,
    },
    /// The file has no books, and importing it would empty a shop.
    #[error("{} has no books; --allow-empty takes it nevertheless", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// A verb, as in `read`.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// An invalid line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The line, counted from 1; the first one if a text contains line breaks.
    pub line: u64,
    /// The column's name, or its number if it has none.
    pub column: String,
    /// What was expected there.
    pub expected: String,
}

impl LineError {
    fn in_file(self, path: &Path) -> Error {
        Error::Lines {
            path: path.to_owned(),
            errors: vec![self],
            count: 1,
        }
    }
}

/// A line for each error and, if there are several, one with their number.
fn list(path: &Path, errors: &[LineError], count: usize) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let path = path.display();
        for (index, LineError { line, column, expected }) in errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{path}:{line}: {column}: {expected}")?;
        }
        match (errors.len(), count) {
            (_, 1) => Ok(()),
            (shown, _) if shown == count => write!(f, "\n{path} has {count} errors"),
            (shown, _) => write!(f, "\n{path} has {count} errors, of which these are the first {shown}"),
        }
    })
}

/// A line of a catalog file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogRow {
    /// Unique in the file.
    pub item: ItemNumber,
    /// The column `name`.
    pub title: ArcStr,
    /// The number of copies.
    pub stock: Stock,
    /// The price of one copy.
    pub cost: Cost,
    /// The other columns that exist and are not empty.
    pub description: Description,
}

impl CatalogRow {
    /// Checks that the row would be read back equal.
    fn check(&self, line: u64) -> Result<(), LineError> {
        let described = (columns::FIXED.len()..).zip(self.description.texts());
        std::iter::once((1, Some(&self.title)))
            .chain(described)
            .filter_map(|(column, name)| Some((column, name?)))
            .try_for_each(|(column, name)| {
                let column = columns::name_of(column);
                check_name(name).map_err(|expected| LineError { line, column, expected })
            })
    }

    /// Converts the row to a book that the entry `seq` changed last.
    pub fn into_book(self, seq: Seq) -> Book {
        let Self {
            item,
            title,
            stock,
            cost,
            description,
        } = self;
        Book::new(item, title, description, cost, stock, seq)
    }
}

impl From<&Book> for CatalogRow {
    fn from(book: &Book) -> Self {
        Self {
            item: book.item,
            title: book.title.clone(),
            stock: book.stock,
            cost: book.cost,
            description: book.description(),
        }
    }
}

/// Reads a catalog file.
///
/// # Errors
/// See [`Error`].
pub fn read(path: &Path) -> Result<Vec<CatalogRow>, Error> {
    let text = fs::read(path).map_err(|source| Error::Io {
        operation: "read",
        path: path.to_owned(),
        source,
    })?;
    parse(&text, path)
}

/// Refuses a file without books, unless that is allowed.
///
/// # Errors
/// [`Error::Empty`].
pub fn check_not_empty(rows: &[CatalogRow], allow_empty: bool, path: &Path) -> Result<(), Error> {
    if rows.is_empty() && !allow_empty {
        return Err(Error::Empty { path: path.to_owned() });
    }
    Ok(())
}

/// Writes a catalog file: header, LF, quotes as in RFC 4180; see [`columns_of`]. `path` is for messages only.
///
/// # Errors
/// [`Error::Lines`] for a book that could not be read back; [`Error::Io`].
pub fn write(out: impl io::Write, books: &[Book], path: &Path) -> Result<(), Error> {
    let mut writer = CatalogWriter::begin(out, columns_of(books), path)?;
    books.iter().try_for_each(|book| writer.write(&book.into()))?;
    writer.finish()
}

/// The number of columns of a file with these books: columns that are empty for all books are omitted at the end.
pub fn columns_of(books: &[Book]) -> usize {
    let last_text = |book: &Book| book.description().texts().iter().rposition(Option::is_some);
    let last = books.iter().filter_map(last_text).max().unwrap_or_default();
    columns::MIN + last
}

/// Checks that a catalog file can hold a book; `path` and `line` are for messages.
///
/// # Errors
/// [`Error::Lines`].
pub(crate) fn check_book(book: &Book, path: &Path, line: u64) -> Result<(), Error> {
    let row = CatalogRow::from(book);
    row.check(line).map_err(|error| error.in_file(path))
}

#[cfg(test)]
mod tests;
