//! The idempotency keys of a run. A key encodes run, shopper and number, so that the audit recognizes the run's orders in
//! the ledger without a list.

use common::OrderId;
use common::time::Timestamp;
use uuid::Uuid;

/// The shopkeeper's number as a shopper.
pub(crate) const SHOPKEEPER: u16 = u16::MAX;

/// The id of a run, the prefix of its orders' ids: a UUID of version 8 (RFC 9562) with the start of the run in
/// milliseconds, as in version 7, and 26 random bits.
///
/// Its last 48 bits are 0. In an order's id they are the shopper's and the order's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunId(u128);

/// One order of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OrderKey {
    pub(crate) shopper: u16,
    /// The number of the shopper's order, counted from 0.
    pub(crate) number: u32,
}

impl RunId {
    /// A new id, unique with high probability.
    pub(crate) fn draw() -> Self {
        let millis = u128::from(Timestamp::now().as_millis() & 0xFFFF_FFFF_FFFF);
        let random = rand::random::<u128>() & (0xFFF << 64 | 0x3FFF << 48);
        let (version, variant) = (8 << 76, 0b10 << 62);
        Self(millis << 80 | version | variant | random)
    }

    pub(crate) fn order(self, key: OrderKey) -> OrderId {
        let key = u128::from(key.shopper) << 32 | u128::from(key.number);
        Uuid::from_u128(self.0 | key).into()
    }

    /// The key that an order id encodes, if the order belongs to this run.
    pub(crate) fn key(self, order: OrderId) -> Option<OrderKey> {
        let (high, low) = order.as_u64_pair();
        let key = (u128::from(high) << 64 | u128::from(low)) ^ self.0;
        Some(OrderKey {
            shopper: u16::try_from(key >> 32).ok()?,
            number: u32::try_from(key & u128::from(u32::MAX)).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_recognizes_only_its_own_orders() {
        let run_id = RunId::draw();
        for key in [
            OrderKey { shopper: 0, number: 0 },
            OrderKey {
                shopper: SHOPKEEPER,
                number: u32::MAX,
            },
        ] {
            let order = run_id.order(key);
            assert_eq!(run_id.key(order), Some(key));
            let text = order.to_string();
            assert_eq!((text.get(14..15), text.parse()), (Some("8"), Ok(order)));
        }
        assert_eq!(run_id.key(OrderId::generate()), None);
    }
}
