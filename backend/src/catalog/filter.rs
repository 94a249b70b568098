//! A set of orders in few bits: it forgets none, but may take another order for one of them.

use common::OrderId;

/// Orders it is made for.
const ORDERS: usize = 1_000_000;
/// Bits for each order.
const BITS_PER_ORDER: usize = 32;
const WORDS: usize = ORDERS * BITS_PER_ORDER / 64;
/// Bits set for each order. With 32 bits an order, one other order in three million is taken for one of them.
const PROBES: u64 = 16;

/// A Bloom filter (Bloom 1970; double hashing after Kirsch and Mitzenmacher 2006).
#[derive(Debug)]
pub(super) struct Filter {
    bits: Vec<u64>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { bits: vec![0; WORDS] }
    }
}

impl Filter {
    /// Adds an order.
    pub(super) fn add(&mut self, order: OrderId) {
        for (word, mask) in probes(order) {
            if let Some(bits) = self.bits.get_mut(word) {
                *bits |= mask;
            }
        }
    }

    /// Whether an order may have been added; certainly not, if not.
    pub(super) fn may_hold(&self, order: OrderId) -> bool {
        probes(order).all(|(word, mask)| self.bits.get(word).is_some_and(|bits| bits & mask != 0))
    }

    /// Its bits, for [`Self::from_bytes`].
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.bits.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The filter of such bytes; nothing if they are none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks();
        (words.len() == WORDS && rest.is_empty()).then(|| Self {
            bits: words.iter().map(|word| u64::from_le_bytes(*word)).collect(),
        })
    }
}

/// Where an order's bits are: words and masks.
fn probes(order: OrderId) -> impl Iterator<Item = (usize, u64)> {
    const BITS: u64 = (WORDS * 64) as u64;
    let (high, low) = order.as_u64_pair();
    let (start, step) = (mix(high ^ mix(low)), mix(low) | 1);
    (0..PROBES).map(move |probe| {
        let bit = start.wrapping_add(step.wrapping_mul(probe)) % BITS;
        ((bit / 64) as usize, 1 << (bit % 64))
    })
}

/// Spreads the bits of a number over all of it (the finalizer of SplitMix64, Steele et al. 2014): ids may come from a
/// clock, or from somebody who counts.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
