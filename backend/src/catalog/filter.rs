//! A compact set of orders: an added order is always found, and false positives are rare.

use common::OrderId;

/// Orders in a full filter.
const ORDERS: usize = 1_000_000;
/// Bits for each order.
const BITS_PER_ORDER: usize = 32;
const WORDS: usize = ORDERS * BITS_PER_ORDER / 64;
/// Bits set for each order. With 32 bits for an order, a full filter has one false positive in three million look-ups.
const PROBES: u64 = 16;

/// A Bloom filter (Bloom 1970; double hashing after Kirsch and Mitzenmacher 2006).
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// Empty until the first order is added: a block of imported books never has one.
    bits: Vec<u64>,
}

impl Filter {
    pub(super) fn add(&mut self, order: OrderId) {
        if self.bits.is_empty() {
            self.bits = vec![0; WORDS];
        }
        for (word, mask) in probes(order) {
            if let Some(bits) = self.bits.get_mut(word) {
                *bits |= mask;
            }
        }
    }

    /// `false` means that the order was never added.
    pub(super) fn may_contain(&self, order: OrderId) -> bool {
        probes(order).all(|(word, mask)| self.bits.get(word).is_some_and(|bits| bits & mask != 0))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self.bits.is_empty() {
            true => vec![0; WORDS * size_of::<u64>()],
            false => self.bits.iter().flat_map(|word| word.to_le_bytes()).collect(),
        }
    }

    /// Parses the bytes of [`Self::to_bytes`]; `None` if their number is wrong.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks();
        (words.len() == WORDS && rest.is_empty()).then(|| Self {
            bits: words.iter().map(|word| u64::from_le_bytes(*word)).collect(),
        })
    }
}

/// The words and masks of an order's bits.
fn probes(order: OrderId) -> impl Iterator<Item = (usize, u64)> {
    const BITS: u64 = (WORDS * 64) as u64;
    let (high, low) = order.as_u64_pair();
    let (start, step) = (mix(high ^ mix(low)), mix(low) | 1);
    (0..PROBES).map(move |probe| {
        let bit = start.wrapping_add(step.wrapping_mul(probe)) % BITS;
        ((bit / 64) as usize, 1 << (bit % 64))
    })
}

/// The finalizer of SplitMix64 (Steele et al. 2014), because ids may come from a clock or a counter.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_without_orders_contains_none_and_is_saved_like_any_other() {
        let (mut filter, order) = (Filter::default(), OrderId::generate());
        assert!(!filter.may_contain(order));
        let content = filter.to_bytes();
        assert!(!Filter::from_bytes(&content).unwrap().may_contain(order));
        filter.add(order);
        assert!(filter.may_contain(order));
        let saved = filter.to_bytes();
        assert_eq!(saved.len(), content.len());
        assert!(Filter::from_bytes(&saved).unwrap().may_contain(order));
    }
}
