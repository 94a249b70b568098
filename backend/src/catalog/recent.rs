//! The newest entries and which orders are decided, in bounded memory.
//!
//! The newest million entries are kept whole. Of older ones a filter remembers the orders: it forgets none, but may take
//! a new order for an old one, and then the store is asked.

use std::collections::{HashMap, VecDeque};

use common::{Entry, OrderId, Seq};

/// The most entries kept whole.
const ENTRIES_MAX: usize = 1_000_000;
/// Orders one layer of the filter is made for.
const LAYER_ORDERS: usize = 1_000_000;
/// Bits of the filter for each order.
const BITS_PER_ORDER: usize = 16;
/// Bits set for each order. With 16 bits an order, about one new order in 1,200 asks the store in vain, per layer.
const PROBES: u64 = 6;

/// What memory knows of an order.
#[derive(Debug, PartialEq, Eq)]
pub enum Decided<'a> {
    /// It is decided, by this entry.
    By(&'a Entry),
    /// It is not.
    No,
    /// It may have been, long ago: ask the store.
    Perhaps,
}

/// The newest entries.
#[derive(Debug, Default)]
pub struct Recent {
    entries: VecDeque<Entry>,
    orders: HashMap<OrderId, Seq>,
    older: Vec<Layer>,
}

impl Recent {
    /// Adds the next entry.
    pub fn push(&mut self, entry: Entry) {
        if self.entries.len() == ENTRIES_MAX
            && let Some(order) = self.entries.pop_front().and_then(|oldest| oldest.order)
        {
            self.orders.remove(&order);
            self.remember(order);
        }
        if let Some(order) = entry.order {
            self.orders.insert(order, entry.seq);
        }
        self.entries.push_back(entry);
    }

    /// At most `limit` entries after `after`; nothing if not all of those are kept.
    pub fn after(&self, after: Seq, limit: usize) -> Option<Vec<Entry>> {
        let Some(first) = self.entries.front() else {
            return Some(Vec::new());
        };
        if after.next() < first.seq {
            return None;
        }
        let skipped = usize::try_from(after.next().since(first.seq)).ok()?;
        Some(self.entries.iter().skip(skipped).take(limit).cloned().collect())
    }

    /// What is known of an order.
    pub fn decided(&self, order: OrderId) -> Decided<'_> {
        if let Some(&seq) = self.orders.get(&order) {
            return self.get(seq).map_or(Decided::Perhaps, Decided::By);
        }
        if self.older.iter().any(|layer| layer.may_hold(order)) {
            return Decided::Perhaps;
        }
        Decided::No
    }

    fn get(&self, seq: Seq) -> Option<&Entry> {
        let first = self.entries.front()?.seq;
        self.entries.get(usize::try_from(seq.since(first)).ok()?)
    }

    fn remember(&mut self, order: OrderId) {
        if self.older.last().is_none_or(|layer| layer.orders == LAYER_ORDERS) {
            self.older.push(Layer::new());
        }
        if let Some(layer) = self.older.last_mut() {
            layer.add(order);
        }
    }
}

/// A Bloom filter (Bloom 1970; double hashing after Kirsch and Mitzenmacher 2006).
#[derive(Debug)]
struct Layer {
    bits: Vec<u64>,
    orders: usize,
}

impl Layer {
    fn new() -> Self {
        Self {
            bits: vec![0; LAYER_ORDERS * BITS_PER_ORDER / 64],
            orders: 0,
        }
    }

    fn add(&mut self, order: OrderId) {
        for (word, mask) in self.probes(order) {
            if let Some(bits) = self.bits.get_mut(word) {
                *bits |= mask;
            }
        }
        self.orders += 1;
    }

    fn may_hold(&self, order: OrderId) -> bool {
        self.probes(order)
            .all(|(word, mask)| self.bits.get(word).is_some_and(|bits| bits & mask != 0))
    }

    fn probes(&self, order: OrderId) -> impl Iterator<Item = (usize, u64)> + use<> {
        let bits = (self.bits.len() * 64) as u64;
        let (high, low) = order.as_u64_pair();
        let (start, step) = (mix(high ^ mix(low)), mix(low) | 1);
        (0..PROBES).map(move |probe| {
            let bit = start.wrapping_add(step.wrapping_mul(probe)) % bits;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }
}

/// Spreads the bits of a number over all of it (the finalizer of SplitMix64, Steele et al. 2014): ids may come from a
/// clock, or from somebody who counts.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use common::{ItemNumber, Kind, Timestamp};

    use super::*;

    fn entry(seq: u64) -> Entry {
        Entry {
            seq: Seq(seq),
            at: Timestamp::from_micros(0),
            kind: Kind::Sold,
            item: ItemNumber::try_from(1).unwrap(),
            quantity: Some(1),
            change: -1,
            stock_after: None,
            order: Some(id(seq)),
            unit_cost: None,
            reason: None,
        }
    }

    fn id(n: u64) -> OrderId {
        OrderId::from(uuid::Uuid::from_u128(u128::from(n)))
    }

    #[test]
    fn pages_come_from_memory_as_far_as_it_reaches() {
        let mut recent = Recent::default();
        assert_eq!(recent.after(Seq::ZERO, 9), Some(vec![]));
        (5..=9).for_each(|seq| recent.push(entry(seq)));
        assert_eq!(recent.after(Seq(3), 9), None);
        let page = recent.after(Seq(6), 2).unwrap();
        assert_eq!(page.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(recent.after(Seq(9), 9), Some(vec![]));
    }

    #[test]
    fn an_old_order_is_never_forgotten_and_a_new_one_seldom_taken_for_old() {
        let mut recent = Recent::default();
        let (old, known) = (50_000, ENTRIES_MAX as u64);
        (1..=known + old).for_each(|seq| recent.push(entry(seq)));
        assert!((1..=old).all(|n| recent.decided(id(n)) == Decided::Perhaps));
        assert!(matches!(recent.decided(id(known)), Decided::By(entry) if entry.seq == Seq(known)));
        let mistaken = (1..=10_000)
            .filter(|n| recent.decided(id(known * 2 + n)) != Decided::No)
            .count();
        assert!(mistaken < 100, "{mistaken} of 10000 new orders were taken for old");
    }
}
