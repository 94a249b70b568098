//! A line of the ledger: an entry, or a marker that names the catalog file.
//!
//! A line ends in the CRC-32C (RFC 3720, appendix B.4) of the bytes before its last comma, as 8 lower-case hex digits.
//! No column needs quotes.

use std::fmt;
use std::io::Write as _;
use std::str::{self, FromStr};

use common::{Entry, ItemNumber, Kind, Seq, Stock, StoreId, Timestamp};

/// The first line of every segment.
pub(super) const HEADER: &[u8] = b"seq,at,kind,item,quantity,change,stock_after,order,unit_cost,reason,batch,crc32c\n";

/// The column `kind` of a marker.
const CHECKPOINT: &[u8] = b"checkpoint";
const COLUMNS: usize = 11;
/// The comma and the eight digits after the checked part.
const CHECK_BYTES: usize = 9;

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

/// A line with a valid checksum; its columns are not parsed yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    columns: [&'a [u8]; COLUMNS],
}

/// Names the catalog file that is valid from here on. It is a line of the ledger, so that it is ordered with the entries.
///
/// Its columns: `seq` is the entry as of which the file's stock is, `order` the store's id, `reason` the digests, and
/// `batch` the first entry written with or after the marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    /// The entry as of which the new file's stock is; 0 in a store without books.
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    pub(super) store: StoreId,
    /// The previous catalog file.
    pub(super) replaced: Digest,
    /// The new catalog file.
    pub(super) new: Digest,
}

/// The first 64 bits of a file's SHA-256, `None` for a missing file. It detects changes; it is not a defence against forgery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(pub(super) Option<u64>);

impl Digest {
    pub(super) fn of(content: Option<&[u8]>) -> Self {
        use sha2::Digest as _;
        Self(content.and_then(|content| {
            let hash = sha2::Sha256::digest(content);
            hash.first_chunk().copied().map(u64::from_be_bytes)
        }))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(digest) => write!(f, "{digest:016x}"),
            None => f.write_str("none"),
        }
    }
}

impl FromStr for Digest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "none" => Ok(Self(None)),
            _ => u64::from_str_radix(text, 16)
                .map(|digest| Self(Some(digest)))
                .map_err(|_| ()),
        }
    }
}

/// The columns of an entry that change a book: all that a replay needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct StockChange {
    pub(super) kind: Kind,
    pub(super) item: ItemNumber,
    pub(super) change: i64,
    pub(super) stock_after: Option<Stock>,
}

/// Appends an entry's line.
pub(super) fn push_entry(buffer: &mut Vec<u8>, entry: &Entry, batch: Seq) {
    let start = buffer.len();
    push_number(buffer, Some(entry.seq.0));
    entry.at.write_to(buffer);
    buffer.push(b',');
    push_word(buffer, entry.kind.as_str());
    push_number(buffer, Some(entry.item.get()));
    push_number(buffer, entry.quantity);
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
    push_number(buffer, Some(batch.0));
    finish(buffer, start);
}

/// Appends a marker's line.
pub(super) fn push_marker(buffer: &mut Vec<u8>, marker: &Marker, batch: Seq) {
    let start = buffer.len();
    push(buffer, marker.seq);
    push(buffer, marker.at);
    buffer.extend_from_slice(CHECKPOINT);
    buffer.extend_from_slice(b",,,,,");
    push(buffer, marker.store);
    buffer.push(b',');
    push(buffer, format_args!("{}-{}", marker.replaced, marker.new));
    push(buffer, batch);
    finish(buffer, start);
}

fn push(buffer: &mut Vec<u8>, column: impl fmt::Display) {
    // Writing to memory cannot fail.
    let _ = write!(buffer, "{column},");
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

/// Replaces the trailing comma by the checksum and the line break.
fn finish(buffer: &mut Vec<u8>, start: usize) {
    buffer.pop();
    let sum = check(buffer.get(start..).unwrap_or_default());
    buffer.extend_from_slice(&sum);
    buffer.push(b'\n');
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
        let mut rest = checked.split(|&byte| byte == b',');
        for column in &mut columns {
            *column = rest.next().ok_or(Error::Column("batch"))?;
        }
        match rest.next() {
            None => Ok(Self { columns }),
            Some(_) => Err(Error::Column("batch")),
        }
    }

    /// The entry's number, or the entry that a marker refers to.
    pub(super) fn seq(&self) -> Result<Seq, Error> {
        self.column(0, "seq")
    }

    /// The first entry of its batch.
    pub(super) fn batch(&self) -> Result<Seq, Error> {
        self.column(10, "batch")
    }

    pub(super) fn is_marker(&self) -> bool {
        self.columns[2] == CHECKPOINT
    }

    pub(super) fn marker(&self) -> Result<Marker, Error> {
        let digests = self.text(9, "reason")?;
        let (replaced, new) = digests.split_once('-').ok_or(Error::Column("reason"))?;
        let digest = |text: &str| text.parse().map_err(|()| Error::Column("reason"));
        Ok(Marker {
            seq: self.seq()?,
            at: self.column(1, "at")?,
            store: self.column(7, "order")?,
            replaced: digest(replaced)?,
            new: digest(new)?,
        })
    }

    pub(super) fn stock_change(&self) -> Result<StockChange, Error> {
        Ok(StockChange {
            kind: self.column(2, "kind")?,
            item: self.column(3, "item")?,
            change: self.column(5, "change")?,
            stock_after: self.optional(6, "stock_after")?,
        })
    }

    pub(super) fn entry(&self) -> Result<Entry, Error> {
        let StockChange {
            kind,
            item,
            change,
            stock_after,
        } = self.stock_change()?;
        Ok(Entry {
            seq: self.seq()?,
            at: self.column(1, "at")?,
            kind,
            item,
            quantity: self.optional(4, "quantity")?,
            change,
            stock_after,
            order: self.optional(7, "order")?,
            unit_cost: self.optional(8, "unit_cost")?,
            reason: self.optional(9, "reason")?,
        })
    }

    /// Whether the entry belongs to an import, whose batch ends in a marker.
    pub(super) fn needs_marker(&self) -> bool {
        [Kind::Set, Kind::Withdrawn]
            .iter()
            .any(|kind| self.columns[2] == kind.as_str().as_bytes())
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
}

/// Whether an entry belongs to an import; see [`Line::needs_marker`].
pub(super) fn needs_marker(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Set | Kind::Withdrawn)
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
