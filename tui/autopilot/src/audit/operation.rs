//! An acknowledged change of a stock, and its binary form in the history's file.

use common::{Cost, Entry, ItemNumber, Quantity, Seq, Stock};

use super::key::Key;

/// The size of a record in the history's file, in bytes.
pub(super) const BYTES: usize = 52;
const _: () = assert!(BYTES <= 100, "an act is to be kept in a hundred bytes");

/// The kind of an acknowledged operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A sale of copies at a cost.
    Sold(Quantity, Option<Cost>),
    /// A restock of copies.
    Restocked(u32),
}

/// An acknowledged change of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OperationRecord {
    /// The ledger entry that the answer named.
    pub(crate) seq: Seq,
    /// When it was sent, in microseconds since the start of the run.
    pub(crate) invoked_us: u64,
    /// When it was answered, in microseconds since the start of the run.
    pub(crate) answered_us: u64,
    /// The key of the order.
    pub(crate) key: Key,
    /// The book.
    pub(crate) item: ItemNumber,
    /// What was changed.
    pub(crate) kind: Kind,
    /// The stock after it, if the answer stated it.
    pub(crate) stock: Option<Stock>,
}

/// Encodes an absent cost or stock; no valid one is as large.
const ABSENT: u32 = u32::MAX;

impl OperationRecord {
    /// Appends the record to a buffer.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (tag, copies, cost) = match self.kind {
            Kind::Sold(quantity, cost) => (0, quantity.get(), cost.map_or(ABSENT, Cost::cents)),
            Kind::Restocked(copies) => (1, copies, ABSENT),
        };
        for number in [self.seq.0, self.invoked_us, self.answered_us, self.item.get()] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let stock = self.stock.map_or(ABSENT, Stock::get);
        for number in [self.key.number, copies, cost, stock] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.key.shopper.to_le_bytes());
        out.extend_from_slice(&[tag, 0]);
    }

    /// Parses a record; `None` if the bytes are invalid.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let long = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let short = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let present = |number: u32| (number != ABSENT).then(|| u64::from(number));
        let copies = short(36)?;
        let cost = present(short(40)?).and_then(|cents| Cost::try_from(cents).ok());
        Some(Self {
            seq: Seq(long(0)?),
            invoked_us: long(8)?,
            answered_us: long(16)?,
            key: Key {
                number: short(32)?,
                shopper: u16::from_le_bytes(bytes.get(48..50)?.try_into().ok()?),
            },
            item: ItemNumber::try_from(long(24)?).ok()?,
            kind: match bytes.get(50)? {
                0 => Kind::Sold(Quantity::try_from(u64::from(copies)).ok()?, cost),
                _ => Kind::Restocked(copies),
            },
            stock: present(short(44)?).and_then(|stock| Stock::try_from(stock).ok()),
        })
    }

    /// Describes the operation as a line of a history.
    pub(super) fn describe(&self) -> String {
        let ms = |us: u64| format!("{}.{:03} ms", us / 1_000, us % 1_000);
        let what = match self.kind {
            Kind::Sold(quantity, Some(cost)) => format!("buys {quantity} of item {} at {cost}", self.item),
            Kind::Sold(quantity, None) => format!("buys {quantity} of item {}", self.item),
            Kind::Restocked(copies) => format!("adds {copies} to item {}", self.item),
        };
        let stock = self.stock.map_or_else(String::new, |stock| format!(", stock {stock}"));
        format!(
            "{} {what}: asked at {}, answered at {}: done as entry {}{stock}",
            self.key.describe(),
            ms(self.invoked_us),
            ms(self.answered_us),
            self.seq
        )
    }
}

impl Key {
    /// Describes the order.
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
        line += &format!(", order {order}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_parsed_as_it_was_written() {
        let sold = OperationRecord {
            seq: Seq(7),
            invoked_us: 1,
            answered_us: u64::MAX,
            key: Key { shopper: 3, number: 9 },
            item: ItemNumber::try_from(4_000_000_000).unwrap(),
            kind: Kind::Sold(Quantity::ONE, Some("40".parse().unwrap())),
            stock: Some(Stock::ZERO),
        };
        let restocked = OperationRecord {
            kind: Kind::Restocked(500),
            stock: None,
            ..sold
        };
        let mut bytes = Vec::new();
        for act in [sold, restocked] {
            bytes.clear();
            act.write(&mut bytes);
            assert_eq!((bytes.len(), OperationRecord::read(&bytes)), (BYTES, Some(act)));
        }
        assert_eq!(OperationRecord::read(&bytes[1..]), None);
    }
}
