//! One line of the ledger: an entry, or a marker about the catalog file.
//!
//! A line ends in the CRC-32C (RFC 3720, appendix B.4) of its bytes before the last comma, in 8 lower-case hex digits.
//! No column ever needs quotes.

use std::fmt;
use std::io::Write as _;
use std::str::{self, FromStr};

use common::{Entry, ItemNumber, Kind, Seq, Stock, StoreId, Timestamp};

/// The first line of every segment.
pub(super) const HEADER: &[u8] = b"seq,at,kind,item,quantity,change,stock_after,order,unit_cost,reason,batch,crc32c\n";

/// The kind of a marker.
const CHECKPOINT: &[u8] = b"checkpoint";
const COLUMNS: usize = 11;
/// The comma and the eight digits after the checked part.
const CHECK_BYTES: usize = 9;

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// It is not what was written.
    #[error("the checksum does not match")]
    Checksum,
    /// A column is none, under a checksum that matches.
    #[error("the column {0} is not valid")]
    Column(&'static str),
}

/// A checked line, its columns not yet understood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    columns: [&'a [u8]; COLUMNS],
}

/// A note about the catalog file, in the ledger so that it is durable in one order with the entries.
///
/// In the line `seq` is the entry as of which the file's stock stands, `order` the store's id, `reason` the digests, and
/// `batch` the first entry written with or after the marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    /// The entry as of which the new file stands; 0 in a store without books.
    pub(super) seq: Seq,
    /// When it was written.
    pub(super) at: Timestamp,
    /// Whose ledger it is.
    pub(super) store: StoreId,
    /// The file that was there.
    pub(super) replaced: Digest,
    /// The file that is to be there.
    pub(super) new: Digest,
}

/// The first 64 bits of a file's SHA-256; nothing where there is no file. It tells files apart, it guards against nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(pub(super) Option<u64>);

impl Digest {
    /// The digest of a file's content.
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

/// What an entry does to a book, all that a replay needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) kind: Kind,
    pub(super) item: ItemNumber,
    pub(super) change: i64,
    pub(super) stock_after: Option<Stock>,
}

/// Appends an entry's line.
pub(super) fn push_entry(buffer: &mut Vec<u8>, entry: &Entry, batch: Seq) {
    let start = buffer.len();
    push(buffer, entry.seq);
    push_time(buffer, entry.at);
    push(buffer, entry.kind.as_str());
    push(buffer, entry.item);
    push_optional(buffer, entry.quantity);
    push(buffer, entry.change);
    push_optional(buffer, entry.stock_after);
    push_optional(buffer, entry.order);
    match entry.unit_cost.map(common::Cost::cents) {
        Some(cents) => push(buffer, format_args!("{}.{:02}", cents / 100, cents % 100)),
        None => buffer.push(b','),
    }
    push_optional(buffer, entry.reason.map(common::Reason::as_str));
    push(buffer, batch);
    finish(buffer, start);
}

/// Appends a marker's line.
pub(super) fn push_marker(buffer: &mut Vec<u8>, marker: &Marker, batch: Seq) {
    let start = buffer.len();
    push(buffer, marker.seq);
    push_time(buffer, marker.at);
    buffer.extend_from_slice(CHECKPOINT);
    buffer.extend_from_slice(b",,,,,");
    push(buffer, marker.store);
    buffer.push(b',');
    push(buffer, format_args!("{}-{}", marker.replaced, marker.new));
    push(buffer, batch);
    finish(buffer, start);
}

fn push(buffer: &mut Vec<u8>, column: impl fmt::Display) {
    // Writing into memory does not fail.
    let _ = write!(buffer, "{column},");
}

fn push_optional(buffer: &mut Vec<u8>, column: Option<impl fmt::Display>) {
    match column {
        Some(column) => push(buffer, column),
        None => buffer.push(b','),
    }
}

/// A moment as [`Timestamp`] writes it, without asking for memory: this runs once for every sale.
fn push_time(buffer: &mut Vec<u8>, at: Timestamp) {
    const DAY_SECONDS: i64 = 86_400;
    let (seconds, micros) = (
        at.as_micros().div_euclid(1_000_000),
        at.as_micros().rem_euclid(1_000_000),
    );
    let (days, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    // Days to a date of the proleptic Gregorian calendar: years begin in March, so that the leap day is their last.
    let (era, day_of_era) = (
        (days + 719_468).div_euclid(146_097),
        (days + 719_468).rem_euclid(146_097),
    );
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, into_next) = if month_from_march < 10 {
        (month_from_march + 3, 0)
    } else {
        (month_from_march - 9, 1)
    };
    let year = year_of_era + era * 400 + into_next;
    if !(0..=9_999).contains(&year) {
        return push(buffer, at);
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let date = format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z");
    push(buffer, date);
}

/// The line so far ends in a comma, which the checksum does not cover.
fn finish(buffer: &mut Vec<u8>, start: usize) {
    let checked = buffer.get(start..buffer.len().saturating_sub(1)).unwrap_or_default();
    let sum = crc32c::crc32c(checked);
    let _ = writeln!(buffer, "{sum:08x}");
}

impl<'a> Line<'a> {
    /// Takes a line without its line break and checks that it is whole.
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

    /// An entry's place, or the entry that a marker is about.
    pub(super) fn seq(&self) -> Result<Seq, Error> {
        self.column(0, "seq")
    }

    /// The first entry of its batch.
    pub(super) fn batch(&self) -> Result<Seq, Error> {
        self.column(10, "batch")
    }

    /// Whether it is no entry.
    pub(super) fn is_marker(&self) -> bool {
        self.columns[2] == CHECKPOINT
    }

    /// The marker that it is.
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

    /// What the entry does to a book.
    pub(super) fn step(&self) -> Result<Step, Error> {
        Ok(Step {
            kind: self.column(2, "kind")?,
            item: self.column(3, "item")?,
            change: self.column(5, "change")?,
            stock_after: self.optional(6, "stock_after")?,
        })
    }

    /// The entry that it is.
    pub(super) fn entry(&self) -> Result<Entry, Error> {
        let Step {
            kind,
            item,
            change,
            stock_after,
        } = self.step()?;
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

    /// Whether the entry takes part in replacing the catalog, so that its batch ends in a marker.
    pub(super) fn wants_marker(&self) -> bool {
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

/// Whether an entry takes part in replacing the catalog; see [`Line::wants_marker`].
pub(super) fn wants_marker(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Set | Kind::Withdrawn)
}

/// The comma and the digits that end a line.
fn check(checked: &[u8]) -> [u8; CHECK_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let sum = crc32c::crc32c(checked);
    let mut check = [b','; CHECK_BYTES];
    for (place, digit) in check.iter_mut().skip(1).enumerate() {
        let nibble = (sum >> (28 - 4 * place)) & 0xf;
        *digit = DIGITS[nibble as usize];
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{OrderId, Reason};
    use proptest::prelude::*;

    fn sold() -> Entry {
        Entry {
            seq: Seq(5),
            at: Timestamp::from_micros(1_769_860_800_000_001),
            kind: Kind::Sold,
            item: "2".parse().unwrap(),
            quantity: Some(1),
            change: -1,
            stock_after: "499".parse().ok(),
            order: "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e".parse().ok(),
            unit_cost: "40".parse().ok(),
            reason: None,
        }
    }

    fn written(entry: &Entry, batch: Seq) -> Vec<u8> {
        let mut buffer = Vec::new();
        push_entry(&mut buffer, entry, batch);
        assert_eq!(buffer.pop(), Some(b'\n'));
        buffer
    }

    #[test]
    fn an_entry_is_written_as_the_contract_says() {
        let line = written(&sold(), Seq(4));
        let text = str::from_utf8(&line).unwrap();
        let checked = "5,2026-01-31T12:00:00.000001Z,sold,2,1,-1,499,0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e,40.00,,4";
        assert_eq!(text, format!("{checked},{:08x}", crc32c::crc32c(checked.as_bytes())));
    }

    #[test]
    fn an_entry_is_read_back_equal() {
        let refused = Entry {
            kind: Kind::Refused,
            change: 0,
            stock_after: None,
            unit_cost: None,
            reason: Some(Reason::UnknownItem),
            ..sold()
        };
        let withdrawn = Entry {
            kind: Kind::Withdrawn,
            quantity: None,
            order: None,
            ..sold()
        };
        for entry in [sold(), refused, withdrawn] {
            let bytes = written(&entry, Seq(3));
            let line = Line::parse(&bytes).unwrap();
            assert_eq!((line.entry().unwrap(), line.batch().unwrap()), (entry, Seq(3)));
        }
    }

    #[test]
    fn a_marker_is_read_back_equal() {
        let digest = Digest::of(Some(b"books"));
        let marker = Marker {
            seq: Seq(9),
            at: sold().at,
            store: StoreId::mint(),
            replaced: Digest(None),
            new: digest,
        };
        let mut buffer = Vec::new();
        push_marker(&mut buffer, &marker, Seq(10));
        let line = Line::parse(buffer.strip_suffix(b"\n").unwrap()).unwrap();
        assert!(line.is_marker());
        assert_eq!((line.marker().unwrap(), line.batch().unwrap()), (marker, Seq(10)));
    }

    #[test]
    fn any_flipped_bit_and_any_missing_byte_is_noticed() {
        let good = written(&sold(), Seq(5));
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(Line::parse(&bad).is_err(), "bit {bit} of byte {at}");
            }
            assert!(Line::parse(&good[..at]).is_err(), "cut to {at} bytes");
        }
    }

    proptest! {
        #[test]
        fn a_moment_is_written_as_everywhere_else(micros in -62_167_219_200_000_000_i64..253_402_207_200_000_000) {
            let at = Timestamp::from_micros(micros);
            let mut buffer = Vec::new();
            push_time(&mut buffer, at);
            prop_assert_eq!(String::from_utf8(buffer).unwrap(), format!("{at},"));
        }

        #[test]
        fn any_order_id_is_read_back_equal(bits: u128) {
            let entry = Entry { order: Some(OrderId::from(uuid::Uuid::from_u128(bits))), ..sold() };
            let bytes = written(&entry, Seq(1));
            prop_assert_eq!(Line::parse(&bytes).unwrap().entry().unwrap(), entry);
        }
    }
}
