//! The catalog file: a CSV file with one line a book, for editors and spreadsheets.
//!
//! A file with a bad line is refused whole. What this module writes it reads back equal; it refuses to write a book that it
//! could not read back.

mod normalize;
mod writer;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str;

use common::book::Columns;
use common::limits;
use common::wire::Book;
use common::{ArcStr, Cost, Description, ItemNumber, Seq, Stock};

use self::normalize::Normalized;
pub use self::writer::CatalogWriter;

/// The four books of the original store, for a fresh store without a file.
pub const DEFAULT: &str = include_str!("../../../data/catalog.csv");

/// The columns before those of the description.
const FIXED_COLUMNS: [&str; 4] = ["item", "name", "stock", "cost"];
/// Of a description's columns only the first one, the topic, must be there.
const COLUMNS_MIN: usize = FIXED_COLUMNS.len() + 1;
const COLUMNS_MAX: usize = FIXED_COLUMNS.len() + Description::COLUMNS.len();

fn columns() -> impl Iterator<Item = &'static str> {
    FIXED_COLUMNS.into_iter().chain(Description::COLUMNS)
}

/// Why a catalog file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A line is not valid.
    #[error("{}:{line}: {column}: {expected}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The column's name, or its number if it has none.
        column: String,
        /// What was expected there.
        expected: String,
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
    /// The other columns, as far as they are there and not empty.
    pub description: Description,
}

impl CatalogRow {
    /// Checks that the row would be read back equal; names the bad column.
    fn check(&self) -> Result<(), (usize, String)> {
        let described = (FIXED_COLUMNS.len()..).zip(self.description.texts());
        std::iter::once((1, Some(&self.title)))
            .chain(described)
            .filter_map(|(column, name)| Some((column, name?)))
            .try_for_each(|(column, name)| check_name(name).map_err(|expected| (column, expected)))
    }

    /// The book, which the entry `seq` changed last.
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

/// Parses a catalog file: UTF-8, LF or CRLF, with or without the header, blanks around columns allowed. `path` is for
/// messages only.
///
/// # Errors
/// [`Error::Line`] for the first bad line.
pub fn parse(text: &[u8], path: &Path) -> Result<Vec<CatalogRow>, Error> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let normalized = Normalized::new(text).map_err(|error| error.in_file(path))?;
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(::csv::Terminator::Any(b'\n'))
        .from_reader(normalized.text.as_slice());
    let mut record = ::csv::ByteRecord::new();
    let mut columns_max = COLUMNS_MAX;
    let mut rows = Vec::with_capacity(normalized.lines.len());
    let mut lines_of = HashMap::with_capacity(normalized.lines.len());
    for (index, &line) in normalized.lines.iter().enumerate() {
        let more = reader.read_byte_record(&mut record);
        if !more.map_err(|error| Error::Io {
            operation: "read",
            path: path.to_owned(),
            source: error.into(),
        })? {
            break;
        }
        if index == 0 && is_header(&record) {
            columns_max = record.len();
            continue;
        }
        let row = parse_row(&record, columns_max)
            .map_err(|(column, expected)| LineError { line, column, expected }.in_file(path))?;
        match lines_of.entry(row.item) {
            Slot::Vacant(slot) => slot.insert(line),
            Slot::Occupied(first) => {
                let expected = format!(
                    "expected another number, as {} is the book of line {}",
                    row.item,
                    first.get()
                );
                return Err(LineError {
                    line,
                    column: 0,
                    expected,
                }
                .in_file(path));
            }
        };
        rows.push(row);
    }
    Ok(rows)
}

/// Writes a catalog file: header, LF, quotes as in RFC 4180; see [`columns_of`]. `path` is for messages only.
///
/// # Errors
/// [`Error::Line`] for a book that could not be read back; [`Error::Io`].
pub fn write(out: impl io::Write, books: &[Book], path: &Path) -> Result<(), Error> {
    let mut writer = CatalogWriter::begin(out, columns_of(books), path)?;
    books.iter().try_for_each(|book| writer.write(&book.into()))?;
    writer.finish()
}

/// The number of columns of a file with these books: up to the last one in which a book has a text.
pub fn columns_of(books: &[Book]) -> usize {
    let last_text = |book: &Book| book.description().texts().iter().rposition(Option::is_some);
    let last = books.iter().filter_map(last_text).max().unwrap_or_default();
    COLUMNS_MIN + last
}

/// Checks that a catalog file can hold a book; `path` and `line` are for messages.
///
/// # Errors
/// [`Error::Line`].
pub(crate) fn check_book(book: &Book, path: &Path, line: u64) -> Result<(), Error> {
    CatalogRow::from(book)
        .check()
        .map_err(|(column, expected)| LineError { line, column, expected }.in_file(path))
}

/// An invalid line; the column is counted from 0.
struct LineError {
    line: u64,
    column: usize,
    expected: String,
}

impl LineError {
    fn in_file(self, path: &Path) -> Error {
        let column = columns()
            .nth(self.column)
            .map_or_else(|| format!("column {}", self.column + 1), ToString::to_string);
        Error::Line {
            path: path.to_owned(),
            line: self.line,
            column,
            expected: self.expected,
        }
    }
}

fn is_header(record: &::csv::ByteRecord) -> bool {
    (COLUMNS_MIN..=COLUMNS_MAX).contains(&record.len())
        && record
            .iter()
            .zip(columns())
            .all(|(field, column)| field.eq_ignore_ascii_case(column.as_bytes()))
}

fn parse_row(record: &::csv::ByteRecord, columns_max: usize) -> Result<CatalogRow, (usize, String)> {
    if !(COLUMNS_MIN..=columns_max).contains(&record.len()) {
        let expected = format!(
            "expected the columns {}, found {}; a name with a comma stands in double quotes",
            columns().take(columns_max).collect::<Vec<_>>().join(","),
            record.len(),
        );
        return Err((record.len().min(columns_max), expected));
    }
    let field = |column: usize| {
        let text = str::from_utf8(record.get(column).unwrap_or_default());
        text.map(str::trim).map_err(|_| (column, "expected UTF-8".to_owned()))
    };
    let name = |column: usize| {
        let name = field(column)?;
        check_name(name).map_err(|expected| (column, expected))?;
        Ok(ArcStr::from(name))
    };
    let description = || {
        let mut texts = Columns::default();
        for (column, text) in (FIXED_COLUMNS.len()..).zip(&mut texts) {
            if !field(column)?.is_empty() {
                *text = Some(name(column)?);
            }
        }
        let description = Description::from_texts(texts).ok().flatten();
        description.ok_or_else(|| (FIXED_COLUMNS.len(), EMPTY.to_owned()))
    };
    Ok(CatalogRow {
        item: number(0, field(0)?)?,
        title: name(1)?,
        stock: number(2, field(2)?)?,
        cost: number(3, field(3)?)?,
        description: description()?,
    })
}

fn number<N: str::FromStr<Err: ToString>>(column: usize, text: &str) -> Result<N, (usize, String)> {
    text.parse()
        .map_err(|error: N::Err| (column, format!("{}, found {:?}", error.to_string(), excerpt(text))))
}

const EMPTY: &str = "expected a text, found nothing";

/// The rules for a title and the texts of a description: not empty, bounded, trimmed, without control characters.
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(EMPTY.to_owned());
    }
    if name.len() > limits::NAME_BYTES_MAX {
        return Err(format!(
            "expected at most {} bytes, found {}",
            limits::NAME_BYTES_MAX,
            name.len()
        ));
    }
    if let Some(control) = name.chars().find(|c| c.is_control()) {
        return Err(format!(
            "expected no control characters, found U+{:04X}",
            u32::from(control)
        ));
    }
    if name.trim() != name {
        return Err("expected no blanks around the text".to_owned());
    }
    Ok(())
}

/// The beginning of a text, for messages.
fn excerpt(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    text.chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests;
