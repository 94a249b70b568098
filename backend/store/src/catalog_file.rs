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

use common::limits;
use common::wire::Book;
use common::{ArcStr, Cost, ItemNumber, Seq, Stock};

use self::normalize::Normalized;
pub use self::writer::CatalogWriter;

/// The four books of the original store, for a fresh store without a file.
pub const DEFAULT: &str = include_str!("../../../data/catalog.csv");

const COLUMNS: [&str; 6] = ["item", "name", "stock", "cost", "topic", "author"];
/// The last column is optional.
const COLUMNS_MIN: usize = 5;

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
    /// The topic, for search and grouping.
    pub topic: ArcStr,
    /// The column `author`, if it is there and not empty.
    pub author: Option<ArcStr>,
}

impl CatalogRow {
    /// Checks that the row would be read back equal; names the bad column.
    fn check(&self) -> Result<(), (usize, String)> {
        let names = [
            (1, Some(&self.title)),
            (4, Some(&self.topic)),
            (5, self.author.as_ref()),
        ];
        names
            .into_iter()
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
            topic,
            author,
        } = self;
        Book {
            item,
            title,
            author,
            topic,
            cost,
            stock,
            seq,
        }
    }
}

impl From<&Book> for CatalogRow {
    fn from(book: &Book) -> Self {
        let Book {
            item,
            title,
            author,
            topic,
            cost,
            stock,
            seq: _,
        } = book.clone();
        Self {
            item,
            title,
            stock,
            cost,
            topic,
            author,
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
    let mut columns_max = COLUMNS.len();
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

/// Writes a catalog file: header, LF, quotes as in RFC 4180, the column `author` only if a book has one.
/// `path` is for messages only.
///
/// # Errors
/// [`Error::Line`] for a book that could not be read back; [`Error::Io`].
pub fn write(out: impl io::Write, books: &[Book], path: &Path) -> Result<(), Error> {
    let with_author = books.iter().any(|book| book.author.is_some());
    let mut writer = CatalogWriter::begin(out, with_author, path)?;
    books.iter().try_for_each(|book| writer.write(&book.into()))?;
    writer.finish()
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
        let column = COLUMNS
            .get(self.column)
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
    (COLUMNS_MIN..=COLUMNS.len()).contains(&record.len())
        && record
            .iter()
            .zip(COLUMNS)
            .all(|(field, column)| field.eq_ignore_ascii_case(column.as_bytes()))
}

fn parse_row(record: &::csv::ByteRecord, columns_max: usize) -> Result<CatalogRow, (usize, String)> {
    if !(COLUMNS_MIN..=columns_max).contains(&record.len()) {
        let expected = format!(
            "expected the columns {}, found {}; a name with a comma stands in double quotes",
            COLUMNS.get(..columns_max).unwrap_or(&COLUMNS).join(","),
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
    let author = match field(5)? {
        "" => None,
        _ => Some(name(5)?),
    };
    Ok(CatalogRow {
        item: number(0, field(0)?)?,
        title: name(1)?,
        stock: number(2, field(2)?)?,
        cost: number(3, field(3)?)?,
        topic: name(4)?,
        author,
    })
}

fn number<N: str::FromStr<Err: ToString>>(column: usize, text: &str) -> Result<N, (usize, String)> {
    text.parse()
        .map_err(|error: N::Err| (column, format!("{}, found {:?}", error.to_string(), excerpt(text))))
}

/// The rules for a title, topic or author: not empty, bounded, trimmed, without control characters.
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("expected a text, found nothing".to_owned());
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
