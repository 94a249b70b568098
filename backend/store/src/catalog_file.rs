//! The catalog file: one line a book, as a shopkeeper writes it by hand or in a spreadsheet.
//!
//! A file with one bad line is refused whole. What this module writes it reads back equal; what it could not read
//! back it does not write.

mod tidy;
mod writer;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str;

use common::limits;
use common::wire::Book;
use common::{Cost, ItemNumber, Seq, Stock};

use self::tidy::Tidy;
pub use self::writer::CatalogWriter;

/// The four books of the original store, for a shop that brings none of its own.
pub const DEFAULT: &str = include_str!("../../../data/catalog.csv");

const COLUMNS: [&str; 6] = ["item", "name", "stock", "cost", "topic", "author"];
/// The last column may be left out.
const COLUMNS_MIN: usize = 5;

/// Why a catalog file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One line of it is bad.
    #[error("{}:{line}: {column}: {expected}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// What was expected there.
        expected: String,
    },
    /// It cannot be read or written.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// One book of a catalog file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogRow {
    /// Its number, which no other line has.
    pub item: ItemNumber,
    /// The file's column `name`.
    pub title: String,
    /// Copies on the shelf.
    pub stock: Stock,
    /// What one copy costs.
    pub cost: Cost,
    /// The shelf it stands on.
    pub topic: String,
    /// Who wrote it, where that is known.
    pub author: Option<String>,
}

impl CatalogRow {
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

/// One book to be written.
#[derive(Debug, Clone, Copy)]
pub struct CatalogRowRef<'a> {
    item: ItemNumber,
    title: &'a str,
    stock: Stock,
    cost: Cost,
    topic: &'a str,
    author: Option<&'a str>,
}

impl<'a> From<&'a CatalogRow> for CatalogRowRef<'a> {
    fn from(listing: &'a CatalogRow) -> Self {
        Self {
            item: listing.item,
            title: &listing.title,
            stock: listing.stock,
            cost: listing.cost,
            topic: &listing.topic,
            author: listing.author.as_deref(),
        }
    }
}

impl<'a> From<&'a Book> for CatalogRowRef<'a> {
    fn from(book: &'a Book) -> Self {
        Self {
            item: book.item,
            title: &book.title,
            stock: book.stock,
            cost: book.cost,
            topic: &book.topic,
            author: book.author.as_deref(),
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

/// Takes a catalog file's text: UTF-8, lines ending in LF or CRLF, with or without the header, blanks around the
/// columns. `path` stands in messages only.
///
/// # Errors
/// [`Error::Line`] for the first bad line.
pub fn parse(text: &[u8], path: &Path) -> Result<Vec<CatalogRow>, Error> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let tidy = Tidy::new(text).map_err(|bad| bad.at(path))?;
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(::csv::Terminator::Any(b'\n'))
        .from_reader(tidy.text.as_slice());
    let mut record = ::csv::ByteRecord::new();
    let mut columns_max = COLUMNS.len();
    let mut listings = Vec::with_capacity(tidy.lines.len());
    let mut lines_of = HashMap::with_capacity(tidy.lines.len());
    for (index, &line) in tidy.lines.iter().enumerate() {
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
        let listing =
            listing(&record, columns_max).map_err(|(column, expected)| Bad { line, column, expected }.at(path))?;
        match lines_of.entry(listing.item) {
            Slot::Vacant(slot) => slot.insert(line),
            Slot::Occupied(first) => {
                let expected = format!(
                    "expected another number, as {} is the book of line {}",
                    listing.item,
                    first.get()
                );
                return Err(Bad {
                    line,
                    column: 0,
                    expected,
                }
                .at(path));
            }
        };
        listings.push(listing);
    }
    Ok(listings)
}

/// Writes a catalog file: header, LF, quotes where RFC 4180 wants them, the column `author` only where a book has one.
/// `path` stands in messages only.
///
/// # Errors
/// [`Error::Line`] for a book whose line could not be read back; [`Error::Io`].
pub fn write<'a, B>(out: impl io::Write, books: &'a [B], path: &Path) -> Result<(), Error>
where
    CatalogRowRef<'a>: From<&'a B>,
{
    let with_author = books.iter().any(|book| CatalogRowRef::from(book).author.is_some());
    let mut writer = CatalogWriter::begin(out, with_author, path)?;
    for book in books {
        writer.write(CatalogRowRef::from(book))?;
    }
    writer.finish()
}

/// Checks that books can be written to a catalog file; `path` is for messages.
///
/// # Errors
/// [`Error::Line`].
pub fn check(books: &[Book], path: &Path) -> Result<(), Error> {
    write(io::sink(), books, path)
}

/// What is wrong with a line; the column is counted from 0.
struct Bad {
    line: u64,
    column: usize,
    expected: String,
}

impl Bad {
    fn at(self, path: &Path) -> Error {
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

fn listing(record: &::csv::ByteRecord, columns_max: usize) -> Result<CatalogRow, (usize, String)> {
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
        Ok(name.to_owned())
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

/// The rules of a title, topic or author. Anything that can be read and shown is fine, but for control characters, which
/// no shopkeeper writes on purpose.
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

/// Enough of a text to recognise it.
fn excerpt(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    text.chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests;
