//! Parses the records of a catalog file into rows.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::path::Path;
use std::str::{self, FromStr};

use common::book::Columns;
use common::text::{EMPTY_NAME, check_name};
use common::{Description, ItemNumber};

use super::columns::{self, Field, Layout};
use super::records::Records;
use super::{CatalogRow, Error, LineError, kind};
use crate::texts::SharedTexts;

/// The most errors of a file that are kept; the others are only counted.
const ERRORS_MAX: usize = 20;

/// A column, counted from 0, and the expected content.
type BadColumn = (usize, String);

/// The rows and errors found so far.
struct Parser<'a> {
    text: &'a [u8],
    texts: SharedTexts,
    rows: Vec<CatalogRow>,
    /// The line of each book.
    lines: HashMap<ItemNumber, u64>,
    errors: Vec<LineError>,
    error_count: usize,
}

/// Parses a catalog file: UTF-8, LF or CRLF, with or without a header; see `Records` for further deviations from RFC 4180.
/// `path` is for messages only.
///
/// # Errors
/// [`Error::Lines`], [`Error::OtherKind`].
pub fn parse(text: &[u8], path: &Path) -> Result<Vec<CatalogRow>, Error> {
    if let Some(kind) = kind::other_kind(text) {
        let path = path.to_owned();
        return Err(Error::OtherKind { path, kind });
    }
    let mut parser = Parser {
        text,
        texts: SharedTexts::default(),
        rows: Vec::new(),
        lines: HashMap::new(),
        errors: Vec::new(),
        error_count: 0,
    };
    parser.read_all();
    match parser.error_count {
        0 => Ok(parser.rows),
        count => Err(Error::Lines {
            path: path.to_owned(),
            errors: parser.errors,
            count,
        }),
    }
}

impl Parser<'_> {
    fn read_all(&mut self) {
        let (mut records, mut fields, mut layout) = (Records::new(self.text), Vec::new(), None);
        while let Some(read) = records.read(&mut fields) {
            let line = match read {
                Ok(line) => line,
                Err((line, column, expected)) => {
                    self.refuse(line, (column, expected.to_owned()));
                    continue;
                }
            };
            if layout.is_none() {
                match Layout::of_header(&fields, line) {
                    None => {}
                    Some(Ok(header)) => {
                        layout = Some(header);
                        continue;
                    }
                    Some(Err(errors)) => {
                        // Without valid columns no line can be parsed.
                        (self.error_count, self.errors) = (errors.len(), errors);
                        self.errors.truncate(ERRORS_MAX);
                        return;
                    }
                }
            }
            let layout = layout.get_or_insert_with(Layout::without_header);
            if let Err(error) = self.read_row(line, layout, &mut fields) {
                self.refuse(line, error);
            }
        }
    }

    fn refuse(&mut self, line: u64, (column, expected): BadColumn) {
        self.error_count += 1;
        if self.errors.len() < ERRORS_MAX {
            let column = columns::name_of(column);
            self.errors.push(LineError { line, column, expected });
        }
    }

    fn read_row(&mut self, line: u64, layout: &Layout, fields: &mut Vec<Field<'_>>) -> Result<(), BadColumn> {
        layout.check_count(fields)?;
        let text = |column| {
            let text = str::from_utf8(layout.field(fields, column));
            text.map(str::trim)
                .map_err(|_| (column, kind::expected_encoding(self.text).to_owned()))
        };
        let name = |column| {
            let name = text(column)?;
            check_name(name).map_err(|expected| (column, expected))?;
            Ok::<_, BadColumn>(name)
        };
        let (item, title) = (number(0, text(0)?)?, name(1)?.into());
        let (stock, cost) = (number(2, text(2)?)?, number(3, text(3)?)?);
        let mut described = Columns::default();
        for (column, slot) in (columns::FIXED.len()..).zip(&mut described) {
            if !text(column)?.is_empty() {
                *slot = Some(self.texts.get(name(column)?));
            }
        }
        let description = Description::from_texts(described).ok().flatten();
        let row = CatalogRow {
            item,
            title,
            stock,
            cost,
            description: description.ok_or_else(|| (columns::FIXED.len(), EMPTY_NAME.to_owned()))?,
        };
        match self.lines.entry(item) {
            Slot::Vacant(slot) => slot.insert(line),
            Slot::Occupied(first) => {
                let first = first.get();
                let expected = format!("expected another number, as {item} is the book of line {first}");
                return Err((0, expected));
            }
        };
        self.rows.push(row);
        Ok(())
    }
}

fn number<N: FromStr<Err: ToString>>(column: usize, text: &str) -> Result<N, BadColumn> {
    text.parse().map_err(|error: N::Err| {
        (
            column,
            format!("{}, found {:?}", error.to_string(), columns::excerpt(text)),
        )
    })
}
