//! The idempotency keys of a run. A key encodes run, shopper and number, so that the audit recognizes the run's orders
//! in a shared ledger without a list of them.

use common::OrderId;
use common::time::Timestamp;
use uuid::Uuid;

/// The shopper number of the shopkeeper.
pub(crate) const SHOPKEEPER: u16 = u16::MAX;

/// Marks the orders of one run: a UUID of version 8 (RFC 9562) that begins with the run's first millisecond, as a
/// version 7 does, and 26 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    high: u64,
    low: u16,
}

/// One order of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    /// The shopper.
    pub(crate) shopper: u16,
    /// The number of the shopper's order, counted from 0.
    pub(crate) number: u32,
}

impl Run {
    /// Creates a mark that no other run has.
    pub(crate) fn draw() -> Self {
        let random: u32 = rand::random();
        let millis = Timestamp::now().as_millis() & 0xFFFF_FFFF_FFFF;
        Self {
            high: millis << 16 | 0x8000 | u64::from(random >> 20),
            low: 0x8000 | u16::try_from(random & 0x3FFF).unwrap_or(0),
        }
    }

    /// The id of an order.
    pub(crate) fn order(self, key: Key) -> OrderId {
        let low = u64::from(self.low) << 48 | u64::from(key.shopper) << 32 | u64::from(key.number);
        Uuid::from_u64_pair(self.high, low).into()
    }

    /// The key that an order id encodes, if the order belongs to this run.
    pub(crate) fn key(self, order: OrderId) -> Option<Key> {
        let (high, low) = order.as_u64_pair();
        if high != self.high || low >> 48 != u64::from(self.low) {
            return None;
        }
        Some(Key {
            shopper: u16::try_from(low >> 32 & 0xFFFF).ok()?,
            number: u32::try_from(low & 0xFFFF_FFFF).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_recognizes_only_its_own_orders() {
        let run = Run::draw();
        for key in [
            Key { shopper: 0, number: 0 },
            Key {
                shopper: SHOPKEEPER,
                number: u32::MAX,
            },
        ] {
            let order = run.order(key);
            assert_eq!(run.key(order), Some(key));
            let text = order.to_string();
            assert_eq!((text.get(14..15), text.parse()), (Some("8"), Ok(order)));
        }
        assert_eq!(run.key(OrderId::generate()), None);
    }
}
