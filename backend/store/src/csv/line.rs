//! A line of the ledger: an entry, or a marker.
//!
//! A line ends in the CRC-32C (RFC 3720, appendix B.4) of the bytes before its last comma, as 8 lower-case hex digits.
//! Only the title and the texts of a description may need quotes (RFC 4180). No column contains a line break.

mod marker;
mod write;

use std::borrow::Cow;
use std::str::{self, FromStr};

use common::book::Columns;
use common::wire::Book;
use common::{Cost, Description, Entry, GroupPosition, Kind, OrderId, Seq, limits};

pub(super) use self::marker::{Digest, Marker, push_marker};
#[cfg(feature = "fuzzing")]
pub(super) use self::write::finish;
pub(super) use self::write::{needs_marker, push_entry, push_header};
use crate::texts::SharedTexts;

/// The first line of a segment of format 1.
const HEADER_1: &str = "seq,at,kind,item,quantity,change,stock_after,order,unit_cost,reason,batch,crc32c";
/// The beginning of the first line of a segment of format 2. The columns of the description, `batch` and `crc32c` follow.
const HEADER_2: &str = "seq,at,kind,item,line,lines,quantity,change,stock_after,order,unit_cost,reason,title";

/// The index of the first column of the description.
const DESCRIPTION: usize = 13;
const BATCH: usize = DESCRIPTION + Description::COLUMNS.len();
/// The number of columns before the checksum.
const COLUMNS: usize = BATCH + 1;
/// The number of columns if the description has only one, as an older version wrote it.
const COLUMNS_MIN: usize = DESCRIPTION + 2;
const COLUMNS_1: usize = 11;
/// The comma and the eight digits of the checksum.
const CHECK_BYTES: usize = 9;
/// The longest line: a title and the texts of a description (worst case: every character is a quote, doubled), and 512 bytes
/// for the other columns.
pub(super) const LINE_BYTES_MAX: usize = (1 + Description::COLUMNS.len()) * (2 * limits::NAME_BYTES_MAX + 3) + 512;

/// Why a line cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// The line is torn or damaged.
    #[error("the checksum does not match")]
    Checksum,
    /// The checksum matches, and a column is invalid.
    #[error("the column {0} is not valid")]
    Column(&'static str),
}

/// The format of a segment's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Format 1, without groups, titles and descriptions.
    One,
    /// Format 2 with fewer columns of the description, as an older version wrote it.
    OldTwo,
    /// Format 2 with all columns.
    Two,
}

impl Format {
    /// The format with this header.
    pub(super) fn of_header(line: &[u8]) -> Option<Self> {
        if line == HEADER_1.as_bytes() {
            return Some(Self::One);
        }
        let is_header = |columns: &usize| line == header(*columns).as_bytes();
        match (1..=Description::COLUMNS.len()).find(is_header)? {
            columns if columns == Description::COLUMNS.len() => Some(Self::Two),
            _ => Some(Self::OldTwo),
        }
    }
}

/// The first line of a segment of format 2 with the first `description_columns` columns of the description.
fn header(description_columns: usize) -> String {
    let columns = [HEADER_2].into_iter();
    let described = Description::COLUMNS.into_iter().take(description_columns);
    columns
        .chain(described)
        .chain(["batch", "crc32c"])
        .collect::<Vec<_>>()
        .join(",")
}

/// A line with a valid checksum; its columns are not parsed yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// A column that an older version did not write is empty.
    columns: [&'a [u8]; COLUMNS],
    is_format_1: bool,
}

/// The length of the first column of a text. In a quoted column a comma counts only after an even number of quotes.
fn column_end(text: &[u8]) -> usize {
    if text.first() != Some(&b'"') {
        return memchr::memchr(b',', text).unwrap_or(text.len());
    }
    let mut is_open = false;
    for at in memchr::memchr2_iter(b',', b'"', text) {
        match text.get(at) {
            Some(b'"') => is_open = !is_open,
            _ if !is_open => return at,
            _ => {}
        }
    }
    text.len()
}

impl<'a> Line<'a> {
    /// Splits a line without its line break and verifies the checksum.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Error> {
        let (checked, sum) = line
            .len()
            .checked_sub(CHECK_BYTES)
            .and_then(|at| line.split_at_checked(at))
            .ok_or(Error::Checksum)?;
        if sum != check(checked) {
            return Err(Error::Checksum);
        }
        let mut columns = [&checked[..0]; COLUMNS];
        let (mut rest, mut count) = (Some(checked), 0);
        for column in &mut columns {
            let Some(text) = rest else { break };
            let (value, after) = text.split_at(column_end(text));
            (*column, rest) = (value, after.get(1..));
            count += 1;
        }
        match (rest, count) {
            (None, COLUMNS_MIN..=COLUMNS) => {
                columns.swap(count - 1, BATCH);
                Ok(Self {
                    columns,
                    is_format_1: false,
                })
            }
            (None, COLUMNS_1) => {
                let no = &checked[..0];
                let [
                    seq,
                    at,
                    kind,
                    item,
                    quantity,
                    change,
                    stock,
                    order,
                    cost,
                    reason,
                    batch,
                    ..,
                ] = columns;
                columns = [no; COLUMNS];
                columns[..4].copy_from_slice(&[seq, at, kind, item]);
                columns[6..12].copy_from_slice(&[quantity, change, stock, order, cost, reason]);
                columns[BATCH] = batch;
                Ok(Self {
                    columns,
                    is_format_1: true,
                })
            }
            _ => Err(Error::Column("batch")),
        }
    }

    /// The entry's number, or the entry that a marker refers to.
    pub(super) fn seq(&self) -> Result<Seq, Error> {
        self.column(0, "seq")
    }

    /// The number of the first entry of the line's batch.
    pub(super) fn batch(&self) -> Result<Seq, Error> {
        self.column(BATCH, "batch")
    }

    pub(super) fn kind(&self) -> Result<Kind, Error> {
        self.column(2, "kind")
    }

    /// The position of the entry in its group.
    pub(super) fn group_position(&self) -> Result<GroupPosition, Error> {
        match (self.optional(4, "line")?, self.optional(5, "lines")?) {
            (None, None) => Ok(GroupPosition::ONLY),
            (Some(number), Some(count)) => GroupPosition::new(number, count).ok_or(Error::Column("line")),
            _ => Err(Error::Column("lines")),
        }
    }

    pub(super) fn entry(&self, texts: &mut SharedTexts) -> Result<Entry, Error> {
        let description = self.description(texts)?;
        let title = self.title()?.map(|title| match description {
            // Many orders have the same title.
            None => texts.get(&title),
            Some(_) => (&*title).into(),
        });
        Ok(Entry {
            seq: self.seq()?,
            at: self.column(1, "at")?,
            kind: self.kind()?,
            item: self.column(3, "item")?,
            line: self.group_position()?,
            quantity: self.optional(6, "quantity")?,
            change: self.column(7, "change")?,
            stock_after: self.optional(8, "stock_after")?,
            order: self.optional(9, "order")?,
            unit_cost: self.optional::<Cost>(10, "unit_cost")?,
            reason: self.optional(11, "reason")?,
            title,
            description: description.map(Box::new),
        })
    }

    /// The book after an entry with a description; `None` for other entries.
    pub(super) fn book(&self, texts: &mut SharedTexts) -> Result<Option<Book>, Error> {
        let Some(description) = self.description(texts)? else {
            return Ok(None);
        };
        let title = self.title()?.ok_or(Error::Column("title"))?;
        let title = (&*title).into();
        let cost = self.column(10, "unit_cost")?;
        let (item, stock) = (self.column(3, "item")?, self.column(8, "stock_after")?);
        Ok(Some(Book::new(item, title, description, cost, stock, self.seq()?)))
    }

    fn title(&self) -> Result<Option<Cow<'a, str>>, Error> {
        self.optional_text(12, "title")
    }

    fn description(&self, texts: &mut SharedTexts) -> Result<Option<Description>, Error> {
        let mut columns = Columns::default();
        for ((column, name), text) in (DESCRIPTION..).zip(Description::COLUMNS).zip(&mut columns) {
            *text = self.optional_text(column, name)?.map(|text| texts.get(&text));
        }
        Description::from_texts(columns).map_err(|_| Error::Column("topic"))
    }

    /// The order id, if this is the first line of an order.
    pub(super) fn first_of_order(&self) -> Result<Option<OrderId>, Error> {
        match self.group_position()?.is_first() {
            true => self.optional(9, "order"),
            false => Ok(None),
        }
    }

    /// The unparsed column `order`.
    pub(super) fn order_bytes(&self) -> &'a [u8] {
        self.columns[9]
    }

    /// Whether the entry belongs to an import, whose batch ends in a marker. In format 1 every `set` and `withdrawn` entry
    /// does.
    pub(super) fn needs_marker(&self) -> bool {
        let is_import = [Kind::Set, Kind::Withdrawn]
            .iter()
            .any(|kind| self.columns[2] == kind.as_str().as_bytes());
        is_import && (self.is_format_1 || self.order_bytes().is_empty())
    }

    fn text(&self, column: usize, name: &'static str) -> Result<&'a str, Error> {
        let bytes = self.columns.get(column).copied().unwrap_or_default();
        str::from_utf8(bytes).map_err(|_| Error::Column(name))
    }

    fn column<T: FromStr>(&self, column: usize, name: &'static str) -> Result<T, Error> {
        self.text(column, name)?.parse().map_err(|_| Error::Column(name))
    }

    fn optional<T: FromStr>(&self, column: usize, name: &'static str) -> Result<Option<T>, Error> {
        match self.text(column, name)? {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Error::Column(name)),
        }
    }

    /// A column that may be quoted.
    fn optional_text(&self, column: usize, name: &'static str) -> Result<Option<Cow<'a, str>>, Error> {
        match self.text(column, name)? {
            "" | "\"\"" => Ok(None),
            text => match text.strip_prefix('"') {
                None => Ok(Some(text.into())),
                Some(text) => {
                    let quoted = text.strip_suffix('"').ok_or(Error::Column(name))?;
                    Ok(Some(quoted.replace("\"\"", "\"").into()))
                }
            },
        }
    }
}

/// The comma and the checksum that end a line.
fn check(checked: &[u8]) -> [u8; CHECK_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let sum = crc32c::crc32c(checked);
    let mut check = [b','; CHECK_BYTES];
    for (position, digit) in check.iter_mut().skip(1).enumerate() {
        let nibble = (sum >> (28 - 4 * position)) & 0xf;
        *digit = DIGITS[nibble as usize];
    }
    check
}

#[cfg(test)]
mod tests;
