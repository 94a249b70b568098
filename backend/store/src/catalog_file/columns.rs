//! The columns of a catalog file, and their positions in a record.

use std::borrow::Cow;

use common::{Description, text};

use super::LineError;

/// The columns before those of the description.
pub(super) const FIXED: [&str; 4] = ["item", "name", "stock", "cost"];
/// The required columns: of a description only the topic, its first column.
pub(super) const MIN: usize = FIXED.len() + 1;
pub(super) const MAX: usize = FIXED.len() + Description::COLUMNS.len();

/// The trimmed bytes of a field, not yet checked for UTF-8.
pub(super) type Field<'a> = Cow<'a, [u8]>;

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FIXED.into_iter().chain(Description::COLUMNS)
}

/// The name of a column, or its number from 1 if it has none.
pub(super) fn name_of(column: usize) -> String {
    names()
        .nth(column)
        .map_or_else(|| format!("column {}", column + 1), str::to_owned)
}

/// The column with this name in any case.
fn with_name(field: &[u8]) -> Option<usize> {
    names().position(|name| field.eq_ignore_ascii_case(name.as_bytes()))
}

/// Other common names of these columns, in lower case, letters and digits only. Only error messages use them, for suggestions.
const OTHER_NAMES: [(&str, &[&str]); 6] = [
    ("item", &["bookid", "id", "number", "isbn13", "ean", "isbn"]),
    ("name", &["title", "booktitle"]),
    ("stock", &["copies", "quantity", "available"]),
    ("cost", &["price", "unitprice"]),
    (
        "topic",
        &["genre", "category", "subject", "subjects", "bookshelves", "bookshelf"],
    ),
    ("author", &["authors", "bookauthor", "primaryauthor"]),
];
/// The most columns that a message names.
const SHOWN_MAX: usize = 6;

/// The field of a header that probably means a missing column.
fn meant(header: &[Field<'_>], column: &str) -> Option<String> {
    let (_, others) = OTHER_NAMES.iter().find(|(name, _)| *name == column)?;
    let is_other = |field: &&Field<'_>, other: &str| {
        let letters = field.iter().filter(|byte| byte.is_ascii_alphanumeric());
        letters.map(u8::to_ascii_lowercase).eq(other.bytes())
    };
    let field = others
        .iter()
        .find_map(|other| header.iter().find(|field| is_other(field, other)));
    field.map(|field| shown(field))
}

/// The beginning of a text, for messages.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    text.chars().take(SHOWN_MAX).collect()
}

/// A field of a header, made safe for messages.
fn shown(field: &[u8]) -> String {
    text::sanitize(&excerpt(&String::from_utf8_lossy(field))).into_owned()
}

pub(super) fn is_name(field: &[u8]) -> bool {
    with_name(field).is_some()
}

pub(super) fn is_number(field: &[u8]) -> bool {
    !field.is_empty() && field.iter().all(u8::is_ascii_digit)
}

/// For each column the position of its field, which a file may lack.
#[derive(Debug)]
pub(super) struct Layout {
    positions: [Option<usize>; MAX],
    field_count: usize,
}

impl Layout {
    /// The layout of a file without a header.
    pub(super) fn without_header() -> Self {
        Self {
            positions: std::array::from_fn(Some),
            field_count: MAX,
        }
    }

    /// The layout of a header; `None` if the record is no header, that is, if a field is a number.
    ///
    /// # Errors
    /// Columns that are unknown, repeated or missing.
    pub(super) fn of_header(header: &[Field<'_>], line: u64) -> Option<Result<Self, Vec<LineError>>> {
        if header.iter().any(|field| is_number(field)) {
            return None;
        }
        let (mut positions, mut unknown, mut errors) = ([None; MAX], Vec::new(), Vec::new());
        let mut refuse = |column: &str, expected| {
            let column = column.to_owned();
            errors.push(LineError { line, column, expected });
        };
        let last = header.iter().rposition(|field| !field.is_empty()).unwrap_or_default();
        for (position, field) in header.iter().enumerate().take(last + 1) {
            let shown = match field.is_empty() {
                true => format!("column {}", position + 1),
                false => shown(field),
            };
            match with_name(field).and_then(|column| positions.get_mut(column)) {
                Some(slot @ None) => *slot = Some(position),
                Some(Some(_)) => refuse(&shown, "expected each column once".to_owned()),
                None => unknown.push(shown),
            }
        }
        if !unknown.is_empty() {
            let mut shown = unknown.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
            if let Some(more @ 1..) = unknown.len().checked_sub(SHOWN_MAX) {
                shown += &format!(" and {more} more");
            }
            let names: Vec<&str> = names().collect();
            let expected = format!(
                "expected no other columns than {}; rename or remove them",
                names.join(",")
            );
            refuse(&shown, expected);
        }
        for (name, _) in names()
            .zip(&positions)
            .take(MIN)
            .filter(|(_, position)| position.is_none())
        {
            let advice = meant(header, name).map_or("add it".to_owned(), |field| format!("rename {field} or add it"));
            refuse(name, format!("expected a column of that name; {advice}"));
        }
        let field_count = last + 1;
        Some(match errors.is_empty() {
            true => Ok(Self { positions, field_count }),
            false => Err(errors),
        })
    }

    /// Removes empty fields after the last column, and checks that the record has as many fields as the file has columns.
    ///
    /// # Errors
    /// The column at which the record differs, and the expected content.
    pub(super) fn check_count(&self, fields: &mut Vec<Field<'_>>) -> Result<(), (usize, String)> {
        while fields.len() > self.field_count && fields.last().is_some_and(|field| field.is_empty()) {
            fields.pop();
        }
        let required = self.positions.iter().take(MIN).flatten().max();
        if fields.len() <= self.field_count && required < Some(&fields.len()) {
            return Ok(());
        }
        let mut columns: Vec<(usize, &str)> = self
            .positions
            .iter()
            .zip(names())
            .filter_map(|(at, name)| Some(((*at)?, name)))
            .collect();
        columns.sort_unstable();
        let column = columns
            .get(fields.len())
            .and_then(|(_, name)| with_name(name.as_bytes()));
        let names: Vec<&str> = columns.into_iter().map(|(_, name)| name).collect();
        let expected = format!(
            "expected the columns {}, found {} fields; a name with a comma stands in double quotes",
            names.join(","),
            fields.len()
        );
        Err((column.unwrap_or(self.field_count), expected))
    }

    /// The field of a column; empty if the file lacks the column.
    pub(super) fn field<'f>(&self, fields: &'f [Field<'_>], column: usize) -> &'f [u8] {
        let position = self.positions.get(column).copied().flatten();
        position
            .and_then(|position| fields.get(position))
            .map_or(&[], |field| &**field)
    }
}
