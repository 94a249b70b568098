//! An acknowledged change of a stock, and its binary form in the history's file.

use common::{ArcStr, Cost, Entry, GroupPosition, ItemNumber, Quantity, Seq, Stock};

use super::key::OrderKey;
use crate::fnv::Fnv1a;

/// The size of a record in the history's file, in bytes.
pub(super) const BYTES: usize = 56;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// A line of an order.
    Sold(SoldLine),
    /// A restock of copies.
    Restocked(u32),
}

/// A line of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SoldLine {
    /// Position in an order of at most [`common::limits::ORDER_LINES_MAX`] lines.
    pub(crate) line: GroupPosition,
    pub(crate) quantity: Quantity,
    pub(crate) cost: Option<Cost>,
    /// Digest of the title, see [`title_digest`].
    pub(crate) title: u32,
}

/// A 32-bit hash of a title, or of its absence.
pub(crate) fn title_digest(title: Option<&ArcStr>) -> u32 {
    let mut digest = Fnv1a::default();
    digest.add(title.map_or(b"", |title| title.as_bytes()));
    u32::try_from(digest.finish() >> 32).unwrap_or(0)
}

/// An acknowledged change of a stock: a restock or a line of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangeRecord {
    /// The ledger entry that the answer named.
    pub(crate) seq: Seq,
    /// Time of the request, in microseconds since the start of the run.
    pub(crate) invoked_us: u64,
    /// Time of the answer, in microseconds since the start of the run.
    pub(crate) answered_us: u64,
    pub(crate) key: OrderKey,
    pub(crate) item: ItemNumber,
    pub(crate) kind: ChangeKind,
    /// The stock after the change, if the answer states it.
    pub(crate) stock: Option<Stock>,
}

/// Encodes an absent cost or stock; it is larger than any valid one.
const ABSENT: u32 = u32::MAX;

/// The number of bits of a line's number, and of the number of lines, in a record.
const LINE_BITS: u32 = 5;

impl ChangeRecord {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (tag, copies, title, cost, line) = match self.kind {
            ChangeKind::Sold(SoldLine {
                line,
                quantity,
                cost,
                title,
            }) => (0, quantity.get(), title, cost.map_or(ABSENT, Cost::cents), line),
            ChangeKind::Restocked(copies) => (1, copies, 0, ABSENT, GroupPosition::ONLY),
        };
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let lines = u32::from(line.count()) << LINE_BITS | u32::from(line.number());
        for word in [
            self.seq.0,
            self.invoked_us,
            self.answered_us,
            pair(lines << 17 | u32::from(self.key.shopper) << 1 | tag, self.key.number),
            self.item.get(),
            pair(cost, self.stock.map_or(ABSENT, Stock::get)),
            pair(title, copies),
        ] {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Parses a record; `None` if the bytes are invalid.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let word = |index: usize| {
            Some(u64::from_le_bytes(
                bytes.get(index * 8..index * 8 + 8)?.try_into().ok()?,
            ))
        };
        let pair = |index: usize| Some((word(index)? >> 32, word(index)? & u64::from(u32::MAX)));
        let (owner, number) = pair(3)?;
        let (cost, stock) = pair(5)?;
        let (title, copies) = pair(6)?;
        let lines = u16::try_from(owner >> 17).ok()?;
        // `ABSENT` is out of range, so `try_from` fails.
        let kind = match owner & 1 {
            0 => ChangeKind::Sold(SoldLine {
                line: GroupPosition::new(lines & ((1 << LINE_BITS) - 1), lines >> LINE_BITS)?,
                quantity: Quantity::try_from(copies).ok()?,
                cost: Cost::try_from(cost).ok(),
                title: u32::try_from(title).ok()?,
            }),
            _ => ChangeKind::Restocked(u32::try_from(copies).ok()?),
        };
        Some(Self {
            seq: Seq(word(0)?),
            invoked_us: word(1)?,
            answered_us: word(2)?,
            key: OrderKey {
                shopper: u16::try_from(owner >> 1 & u64::from(u16::MAX)).ok()?,
                number: u32::try_from(number).ok()?,
            },
            item: ItemNumber::try_from(word(4)?).ok()?,
            kind,
            stock: Stock::try_from(stock).ok(),
        })
    }

    pub(super) fn describe(&self) -> String {
        let ms = |us: u64| format!("{}.{:03} ms", us / 1_000, us % 1_000);
        let item = self.item;
        let what = match self.kind {
            ChangeKind::Sold(SoldLine {
                quantity, cost, line, ..
            }) => {
                let cost = cost.map_or_else(String::new, |cost| format!(" at {cost}"));
                format!("buys {quantity} of item {item}{cost}{}", in_order(line))
            }
            ChangeKind::Restocked(copies) => format!("adds {copies} to item {item}"),
        };
        let stock = self.stock.map_or_else(String::new, |stock| format!(", stock {stock}"));
        format!(
            "{} {what}: sent at {}, answered at {}: done as entry {}{stock}",
            self.key.describe(),
            ms(self.invoked_us),
            ms(self.answered_us),
            self.seq
        )
    }
}

impl OrderKey {
    pub(super) fn describe(self) -> String {
        if self.shopper == super::SHOPKEEPER {
            format!("the shopkeeper's change {}", self.number)
        } else {
            format!("shopper {}'s order {}", self.shopper, self.number)
        }
    }
}

/// Describes a ledger entry as a line of a history.
pub(super) fn describe_entry(entry: &Entry) -> String {
    let mut line = format!("entry {}: {}", entry.seq, entry.kind);
    if let Some(quantity) = entry.quantity {
        line += &format!(" {quantity}");
    }
    line += &format!(" of item {}, change {}", entry.item, entry.change);
    if let Some(stock) = entry.stock_after {
        line += &format!(", stock {stock}");
    }
    if let Some(cost) = entry.unit_cost {
        line += &format!(", cost {cost}");
    }
    if let Some(order) = entry.order {
        line += &format!(", order {order}{}", in_order(entry.line));
    }
    line
}

/// Describes the position of an entry in its order.
pub(super) fn describe_line(line: GroupPosition) -> String {
    format!("line {} of {}", line.number(), line.count())
}

/// Describes the position in an order of several lines.
fn in_order(line: GroupPosition) -> String {
    match line {
        GroupPosition::ONLY => String::new(),
        line => format!(" ({})", describe_line(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_their_absence_have_different_digests() {
        let digests = [None, Some("RPCs for Dummies"), Some("RPCs for dummies")];
        let digests = digests.map(|title| title_digest(title.map(ArcStr::from).as_ref()));
        assert!(digests[0] != digests[1] && digests[1] != digests[2]);
    }

    #[test]
    fn a_record_is_parsed_as_it_was_written() {
        let sold = ChangeRecord {
            seq: Seq(7),
            invoked_us: 1,
            answered_us: u64::MAX,
            key: OrderKey {
                shopper: u16::MAX,
                number: u32::MAX,
            },
            item: ItemNumber::try_from(4_000_000_000).unwrap(),
            kind: ChangeKind::Sold(SoldLine {
                line: GroupPosition::new(19, 20).unwrap(),
                quantity: Quantity::ONE,
                cost: Some("40".parse().unwrap()),
                title: title_digest(Some(&"RPCs for Dummies".into())),
            }),
            stock: Some(Stock::ZERO),
        };
        let restocked = ChangeRecord {
            kind: ChangeKind::Restocked(500),
            stock: None,
            ..sold
        };
        let mut bytes = Vec::new();
        for record in [sold, restocked] {
            bytes.clear();
            record.write(&mut bytes);
            assert_eq!((bytes.len(), ChangeRecord::read(&bytes)), (BYTES, Some(record)));
        }
        assert_eq!(ChangeRecord::read(&bytes[1..]), None);
    }
}
