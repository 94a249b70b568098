//! Splits the text of a hand-written CSV file into records.
//!
//! It accepts more than RFC 4180: commas, semicolons or tabs, blanks around fields and before quotes, blank lines, lines of
//! separators alone. A line break within quotes becomes a space.

use super::columns::{Field, is_name, is_number};

/// The possible separators. The one with which the first line has most numbers and column names is chosen; then the one with
/// most fields; then the first in this list.
const SEPARATORS: [u8; 3] = *b",;\t";

/// Why a record cannot be split: its line, the field counted from 0, and the expected content.
pub(super) type Unreadable = (u64, usize, &'static str);

/// The records of a text, in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Records<'a> {
    rest: &'a [u8],
    separator: u8,
    /// The line at the start of the rest, counted from 1.
    line: u64,
}

impl<'a> Records<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let (mut records, mut fields) = (
            Self {
                rest: text,
                separator: SEPARATORS[0],
                line: 1,
            },
            Vec::new(),
        );
        let (first, after) = text.split_at(memchr::memchr(b'\n', text).map_or(text.len(), |end| end + 1));
        if let Some(separator) = declared(first) {
            return Self {
                rest: after,
                separator,
                line: 2,
            };
        }
        let fit = |separator: &u8| {
            let mut records = Self {
                separator: *separator,
                ..records
            };
            // If the record cannot be split, the fields before the error count.
            let _ = records.read(&mut fields);
            let known = fields.iter().filter(|field| is_number(field) || is_name(field));
            (known.count(), fields.len())
        };
        // `max_by_key` returns the last of several maxima, so the order is reversed.
        records.separator = SEPARATORS.into_iter().rev().max_by_key(fit).unwrap_or(SEPARATORS[0]);
        records
    }

    /// Reads the next record that is not blank and returns its line; `None` at the end. After an error the next call continues
    /// with the next line.
    pub(super) fn read(&mut self, fields: &mut Vec<Field<'a>>) -> Option<Result<u64, Unreadable>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let (line, start) = (self.line, self.rest);
            fields.clear();
            if let Err(expected) = self.split(fields) {
                let end = memchr::memchr(b'\n', start).map_or(start.len(), |end| end + 1);
                (self.rest, self.line) = (start.get(end..).unwrap_or_default(), line + 1);
                return Some(Err((line, fields.len(), expected)));
            }
            if fields.iter().any(|field| !field.is_empty()) {
                return Some(Ok(line));
            }
        }
    }

    /// Splits off one record.
    fn split(&mut self, fields: &mut Vec<Field<'a>>) -> Result<(), &'static str> {
        loop {
            self.skip_blanks();
            let field = match self.rest {
                [b'"', quoted @ ..] => self.split_quoted(quoted)?,
                rest => {
                    let end = memchr::memchr2(self.separator, b'\n', rest).unwrap_or(rest.len());
                    let (field, rest) = rest.split_at(end);
                    self.rest = rest;
                    field.trim_ascii_end().into()
                }
            };
            fields.push(field);
            match self.rest {
                [] => return Ok(()),
                [b'\n', rest @ ..] => {
                    (self.rest, self.line) = (rest, self.line + 1);
                    return Ok(());
                }
                [_, rest @ ..] => self.rest = rest,
            }
        }
    }

    /// Splits off a field after its opening quote, up to the separator or line break.
    fn split_quoted(&mut self, mut rest: &'a [u8]) -> Result<Field<'a>, &'static str> {
        let mut field = Field::default();
        loop {
            let end = memchr::memchr2(b'"', b'\n', rest).ok_or("expected a closing quote")?;
            let (part, after) = rest.split_at(end);
            let between: &[u8];
            (between, rest) = match after {
                [b'"', b'"', rest @ ..] => (b"\"", rest),
                [b'"', rest @ ..] => {
                    push(&mut field, part);
                    self.rest = rest;
                    break;
                }
                rest => {
                    self.line += 1;
                    (b" ", rest.get(1..).unwrap_or_default())
                }
            };
            push(
                &mut field,
                part.strip_suffix(b"\r").filter(|_| between == b" ").unwrap_or(part),
            );
            field.to_mut().extend_from_slice(between);
        }
        self.skip_blanks();
        match self.rest {
            [] | [b'\n', ..] => Ok(field),
            [byte, ..] if *byte == self.separator => Ok(field),
            _ => Err("expected a comma after the closing quote; a quote within quotes is doubled"),
        }
    }

    fn skip_blanks(&mut self) {
        let is_blank = |byte: u8| byte != self.separator && byte != b'\n' && byte.is_ascii_whitespace();
        while let [byte, rest @ ..] = self.rest
            && is_blank(*byte)
        {
            self.rest = rest;
        }
    }
}

/// Appends a part; borrows it if it is the first.
fn push<'a>(field: &mut Field<'a>, part: &'a [u8]) {
    match field.is_empty() {
        true => *field = part.into(),
        false => field.to_mut().extend_from_slice(part),
    }
}

/// The separator that a first line `sep=;` declares, which spreadsheets write and understand.
fn declared(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii_end();
    let (name, separator) = line.split_at_checked(4)?;
    match separator {
        [separator] if name.eq_ignore_ascii_case(b"sep=") => Some(*separator).filter(|it| SEPARATORS.contains(it)),
        // The blank at the end was a tab.
        [] if name.eq_ignore_ascii_case(b"sep=") => Some(b'\t'),
        _ => None,
    }
}
