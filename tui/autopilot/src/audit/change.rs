//! An acknowledged change of a stock, and its binary form in the history's file.

use common::{Cost, Entry, ItemNumber, Quantity, Seq, Stock};

use super::key::OrderKey;

/// The size of a record in the history's file, in bytes.
pub(super) const BYTES: usize = 56;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// A sale of copies at a cost.
    Sold(Quantity, Option<Cost>),
    /// A restock of copies.
    Restocked(u32),
}

/// An acknowledged change of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangeRecord {
    /// The ledger entry that the answer named.
    pub(crate) seq: Seq,
    /// When it was sent, in microseconds since the start of the run.
    pub(crate) invoked_us: u64,
    /// When it was answered, in microseconds since the start of the run.
    pub(crate) answered_us: u64,
    pub(crate) key: OrderKey,
    pub(crate) item: ItemNumber,
    pub(crate) kind: ChangeKind,
    /// The stock after it, if the answer stated it.
    pub(crate) stock: Option<Stock>,
}

/// Encodes an absent cost or stock; no valid one is as large.
const ABSENT: u32 = u32::MAX;

impl ChangeRecord {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (tag, copies, cost) = match self.kind {
            ChangeKind::Sold(quantity, cost) => (0, quantity.get(), cost.map_or(ABSENT, Cost::cents)),
            ChangeKind::Restocked(copies) => (1, copies, ABSENT),
        };
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        for word in [
            self.seq.0,
            self.invoked_us,
            self.answered_us,
            pair(u32::from(self.key.shopper) << 1 | tag, self.key.number),
            self.item.get(),
            pair(cost, self.stock.map_or(ABSENT, Stock::get)),
            copies.into(),
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
        let (shopper_and_tag, number) = pair(3)?;
        let (item, copies) = (word(4)?, word(6)?);
        let (cost, stock) = pair(5)?;
        // An absent cost or stock is out of range.
        let kind = match shopper_and_tag & 1 {
            0 => ChangeKind::Sold(Quantity::try_from(copies).ok()?, Cost::try_from(cost).ok()),
            _ => ChangeKind::Restocked(u32::try_from(copies).ok()?),
        };
        Some(Self {
            seq: Seq(word(0)?),
            invoked_us: word(1)?,
            answered_us: word(2)?,
            key: OrderKey {
                shopper: u16::try_from(shopper_and_tag >> 1).ok()?,
                number: u32::try_from(number).ok()?,
            },
            item: ItemNumber::try_from(item).ok()?,
            kind,
            stock: Stock::try_from(stock).ok(),
        })
    }

    pub(super) fn describe(&self) -> String {
        let ms = |us: u64| format!("{}.{:03} ms", us / 1_000, us % 1_000);
        let what = match self.kind {
            ChangeKind::Sold(quantity, Some(cost)) => format!("buys {quantity} of item {} at {cost}", self.item),
            ChangeKind::Sold(quantity, None) => format!("buys {quantity} of item {}", self.item),
            ChangeKind::Restocked(copies) => format!("adds {copies} to item {}", self.item),
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
        line += &format!(", order {order}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_parsed_as_it_was_written() {
        let sold = ChangeRecord {
            seq: Seq(7),
            invoked_us: 1,
            answered_us: u64::MAX,
            key: OrderKey { shopper: 3, number: 9 },
            item: ItemNumber::try_from(4_000_000_000).unwrap(),
            kind: ChangeKind::Sold(Quantity::ONE, Some("40".parse().unwrap())),
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
