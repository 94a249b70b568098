//! A line of the ledger: an entry, or a marker.
//!
//! A line ends in the CRC-32C (RFC 3720, appendix B.4) of the bytes before its last comma, as 8 lower-case hex digits.
//! Only the title and the texts of a description may need quotes (RFC 4180). No column contains a line break.

mod marker;

use std::str::{self, FromStr};

use common::book::Columns;
use common::{ArcStr, Cost, Description, Entry, GroupLine, Kind, Seq, Stock, limits};

pub(super) use self::marker::{Digest, Marker, push_marker};

/// The first line of a segment of format 1.
const HEADER_1: &str = "seq,at,kind,item,quantity,change,stock_after,order,unit_cost,reason,batch,crc32c";
/// The first line of a segment of format 2, without the columns of the description and the last two.
const HEADER_2: &str = "seq,at,kind,item,line,lines,quantity,change,stock_after,order,unit_cost,reason,title";

/// The first column of the description.
const DESCRIPTION: usize = 13;
const BATCH: usize = DESCRIPTION + Description::COLUMNS.len();
/// The columns before the checksum.
const COLUMNS: usize = BATCH + 1;
/// A line of an older version has fewer columns of the description, at least the first.
const COLUMNS_MIN: usize = DESCRIPTION + 2;
const COLUMNS_1: usize = 11;
/// The comma and the eight digits after the checked part.
const CHECK_BYTES: usize = 9;
/// No line is longer: a title and the texts of a description, each quoted, all of quotes, and 512 bytes for the rest.
pub(super) const LINE_BYTES_MAX: usize = (1 + Description::COLUMNS.len()) * (2 * limits::NAME_BYTES_MAX + 3) + 512;

/// What is wrong with a line.
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
    /// Without groups, titles and descriptions.
    One,
    /// Format 2 with fewer columns of the description, as an older version wrote it.
    OldTwo,
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

/// The first line of a segment of format 2 whose descriptions have so many columns.
fn header(description_columns: usize) -> String {
    let columns = [HEADER_2].into_iter();
    let described = Description::COLUMNS.into_iter().take(description_columns);
    columns
        .chain(described)
        .chain(["batch", "crc32c"])
        .collect::<Vec<_>>()
        .join(",")
}

/// Appends the first line of a segment.
pub(super) fn push_header(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(header(Description::COLUMNS.len()).as_bytes());
    buffer.push(b'\n');
}

/// A line with a valid checksum; its columns are not parsed yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// A column that a line of an older version lacks is empty.
    columns: [&'a [u8]; COLUMNS],
    is_format_1: bool,
}

/// Appends an entry's line.
pub(super) fn push_entry(buffer: &mut Vec<u8>, entry: &Entry, batch: Seq) {
    let start = buffer.len();
    push_number(buffer, Some(entry.seq.0));
    entry.at.write_to(buffer);
    buffer.push(b',');
    push_word(buffer, entry.kind.as_str());
    push_number(buffer, Some(entry.item.get()));
    let line = Some(entry.line).filter(|&line| line != GroupLine::ONLY);
    push_number(buffer, line.map(GroupLine::number));
    push_number(buffer, line.map(GroupLine::count));
    push_number(buffer, entry.quantity.map(common::Quantity::get));
    push_number(buffer, Some(entry.change));
    push_number(buffer, entry.stock_after.map(Stock::get));
    if let Some(order) = entry.order {
        order.write_to(buffer);
    }
    buffer.push(b',');
    if let Some(cost) = entry.unit_cost {
        cost.write_to(buffer);
    }
    buffer.push(b',');
    push_word(buffer, entry.reason.map(common::Reason::as_str).unwrap_or_default());
    push_text(buffer, entry.title.as_deref());
    let description = entry.description.as_deref();
    for text in description.map(Description::texts).unwrap_or_default() {
        push_text(buffer, text.map(ArcStr::as_str));
    }
    push_number(buffer, Some(batch.0));
    finish(buffer, start);
}

fn push_word(buffer: &mut Vec<u8>, word: &str) {
    buffer.extend_from_slice(word.as_bytes());
    buffer.push(b',');
}

fn push_number(buffer: &mut Vec<u8>, number: Option<impl itoa::Integer>) {
    if let Some(number) = number {
        buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
    buffer.push(b',');
}

fn push_text(buffer: &mut Vec<u8>, text: Option<&str>) {
    let text = text.unwrap_or_default().as_bytes();
    if memchr::memchr2(b',', b'"', text).is_none() {
        buffer.extend_from_slice(text);
    } else {
        buffer.push(b'"');
        for part in text.split_inclusive(|&byte| byte == b'"') {
            buffer.extend_from_slice(part);
            if part.ends_with(b"\"") {
                buffer.push(b'"');
            }
        }
        buffer.push(b'"');
    }
    buffer.push(b',');
}

/// Replaces the trailing comma by the checksum and the line break.
fn finish(buffer: &mut Vec<u8>, start: usize) {
    buffer.pop();
    let sum = check(buffer.get(start..).unwrap_or_default());
    buffer.extend_from_slice(&sum);
    buffer.push(b'\n');
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

    /// The first entry of its batch.
    pub(super) fn batch(&self) -> Result<Seq, Error> {
        self.column(BATCH, "batch")
    }

    pub(super) fn kind(&self) -> Result<Kind, Error> {
        self.column(2, "kind")
    }

    /// The position in its group.
    pub(super) fn group_line(&self) -> Result<GroupLine, Error> {
        match (self.optional(4, "line")?, self.optional(5, "lines")?) {
            (None, None) => Ok(GroupLine::ONLY),
            (Some(number), Some(count)) => GroupLine::new(number, count).ok_or(Error::Column("line")),
            _ => Err(Error::Column("lines")),
        }
    }

    pub(super) fn entry(&self) -> Result<Entry, Error> {
        let mut texts = Columns::default();
        for ((column, name), text) in (DESCRIPTION..).zip(Description::COLUMNS).zip(&mut texts) {
            *text = self.optional_text(column, name)?;
        }
        let description = Description::from_texts(texts).map_err(|_| Error::Column("topic"))?;
        Ok(Entry {
            seq: self.seq()?,
            at: self.column(1, "at")?,
            kind: self.kind()?,
            item: self.column(3, "item")?,
            line: self.group_line()?,
            quantity: self.optional(6, "quantity")?,
            change: self.column(7, "change")?,
            stock_after: self.optional(8, "stock_after")?,
            order: self.optional(9, "order")?,
            unit_cost: self.optional::<Cost>(10, "unit_cost")?,
            reason: self.optional(11, "reason")?,
            title: self.optional_text(12, "title")?,
            description: description.map(Box::new),
        })
    }

    /// The column `order`, to compare lines of one group.
    pub(super) fn order_bytes(&self) -> &'a [u8] {
        self.columns[9]
    }

    /// Whether the entry belongs to an import, whose batch ends in a marker. In format 1 every such entry does.
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
    fn optional_text(&self, column: usize, name: &'static str) -> Result<Option<ArcStr>, Error> {
        match self.text(column, name)? {
            "" => Ok(None),
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

/// Whether an entry belongs to an import; see [`Line::needs_marker`].
pub(super) fn needs_marker(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Set | Kind::Withdrawn) && entry.order.is_none()
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
