//! The newest entries and which orders are decided, in bounded memory.
//!
//! The newest million entries are kept whole. Of older ones a filter for each million remembers the orders: it forgets
//! none, but may take a new order for an old one, and then the store is asked about that million.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use ahash::AHashMap;
use common::{Entry, OrderId, Seq};

use super::filter::Filter;

/// What memory knows of an order.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// It is decided, by this entry.
    Found(&'a Entry),
    /// It is not.
    Absent,
    /// It may have been, long ago: ask the store whether it is among one of these entries.
    MaybeIn(Vec<RangeInclusive<Seq>>),
}

/// The newest entries.
#[derive(Debug)]
pub struct DecisionIndex {
    capacity: Capacity,
    entries: VecDeque<Entry>,
    orders: AHashMap<OrderId, Seq>,
    older: Vec<Block>,
}

/// How much is remembered, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    /// The most entries kept whole.
    pub(super) entries_max: usize,
    /// The entries that one filter is for. Filters begin at whole multiples of it, so that each is one function of the
    /// ledger.
    pub(super) block: u64,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            entries_max: 1_000_000,
            block: 1_000_000,
        }
    }
}

impl Default for DecisionIndex {
    fn default() -> Self {
        Self::new(Capacity::default())
    }
}

/// The orders of a million entries that are no longer kept whole.
#[derive(Debug)]
struct Block {
    /// The entries from its first to the last that was added.
    span: RangeInclusive<Seq>,
    orders: Filter,
    is_saved: bool,
}

/// The filter of a block that is complete, to be kept with the store so that the next start need not read the block.
#[derive(Debug, PartialEq, Eq)]
pub struct FilterSnapshot {
    /// What it is kept under.
    pub name: String,
    /// The block's last entry; the note is about another history if the ledger holds another one there.
    pub last: Seq,
    /// What is kept.
    pub content: Vec<u8>,
}

impl DecisionIndex {
    /// Nothing yet.
    pub(super) fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            entries: VecDeque::new(),
            orders: AHashMap::new(),
            older: Vec::new(),
        }
    }

    /// Adds the next entry.
    pub fn push(&mut self, entry: Entry) {
        if self.entries.len() == self.capacity.entries_max
            && let Some(oldest) = self.entries.pop_front()
        {
            self.age(&oldest);
        }
        if let Some(order) = entry.order {
            self.orders.insert(order, entry.seq);
        }
        self.entries.push_back(entry);
    }

    /// At most `limit` entries after `after`; nothing if not all of those are kept.
    pub fn entries_after(&self, after: Seq, limit: usize) -> Option<Vec<Entry>> {
        let Some(first) = self.entries.front() else {
            return Some(Vec::new());
        };
        if after.next() < first.seq {
            return None;
        }
        let skipped = usize::try_from(after.next().distance_from(first.seq)).ok()?;
        Some(self.entries.iter().skip(skipped).take(limit).cloned().collect())
    }

    /// What is known of an order.
    pub fn lookup(&self, order: OrderId) -> Lookup<'_> {
        if let Some(entry) = self.orders.get(&order).and_then(|&seq| self.get(seq)) {
            return Lookup::Found(entry);
        }
        let spans: Vec<_> = self
            .older
            .iter()
            .rev()
            .filter(|block| block.orders.may_hold(order))
            .map(|block| block.span.clone())
            .collect();
        if spans.is_empty() {
            Lookup::Absent
        } else {
            Lookup::MaybeIn(spans)
        }
    }

    /// The notes that were not taken yet.
    pub fn take_filter_snapshots(&mut self) -> Vec<FilterSnapshot> {
        let size = self.capacity.block;
        let complete = self
            .older
            .iter_mut()
            .filter(|block| !block.is_saved && block.is_complete(size));
        complete
            .map(|block| {
                block.is_saved = true;
                FilterSnapshot {
                    name: name(block.span.start().0 / size),
                    last: *block.span.end(),
                    content: block.orders.to_bytes(),
                }
            })
            .collect()
    }

    /// The name and the last entry of the next note that can stand in for its block when a ledger up to `head` is
    /// recalled; nothing once the newest entries have to be read.
    pub fn next_snapshot(&self, head: Seq) -> Option<(String, Seq)> {
        let index = self.older.len() as u64;
        let last = (index + 1).saturating_mul(self.capacity.block);
        let is_old = last.saturating_add(self.capacity.entries_max as u64) <= head.0;
        (is_old && self.entries.is_empty()).then(|| (name(index), Seq(last)))
    }

    /// Takes such a note in place of its block's entries; false if it is none.
    pub fn restore_filter(&mut self, last: Seq, content: &[u8]) -> bool {
        let Some(orders) = Filter::from_bytes(content) else {
            return false;
        };
        self.older.push(Block {
            span: Seq(last.0.saturating_sub(self.capacity.block)).next()..=last,
            orders,
            is_saved: true,
        });
        true
    }

    /// The last entry that it knows of.
    pub fn last(&self) -> Seq {
        let newest = self.entries.back().map(|entry| entry.seq);
        newest
            .or_else(|| self.older.last().map(|block| *block.span.end()))
            .unwrap_or(Seq::ZERO)
    }

    fn get(&self, seq: Seq) -> Option<&Entry> {
        let first = self.entries.front()?.seq;
        self.entries.get(usize::try_from(seq.distance_from(first)).ok()?)
    }

    /// An entry is no longer kept whole.
    fn age(&mut self, entry: &Entry) {
        let size = self.capacity.block;
        if self.older.last().is_none_or(|block| block.is_complete(size)) {
            self.older.push(Block {
                span: entry.seq..=entry.seq,
                orders: Filter::default(),
                is_saved: false,
            });
        }
        let Some(block) = self.older.last_mut() else { return };
        block.span = *block.span.start()..=entry.seq;
        if let Some(order) = entry.order {
            self.orders.remove(&order);
            block.orders.add(order);
        }
    }
}

impl Block {
    fn is_complete(&self, size: u64) -> bool {
        self.span.end().0.is_multiple_of(size)
    }
}

fn name(block: u64) -> String {
    format!("orders-{block}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{ItemNumber, Kind, Timestamp};

    const ENTRIES_MAX: usize = 1_000_000;
    const BLOCK: u64 = 1_000_000;

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
        let mut recent = DecisionIndex::default();
        assert_eq!(recent.entries_after(Seq::ZERO, 9), Some(vec![]));
        (5..=9).for_each(|seq| recent.push(entry(seq)));
        assert_eq!(recent.entries_after(Seq(3), 9), None);
        let page = recent.entries_after(Seq(6), 2).unwrap();
        assert_eq!(page.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(recent.entries_after(Seq(9), 9), Some(vec![]));
    }

    #[test]
    fn an_old_order_is_never_forgotten_and_a_new_one_seldom_taken_for_old() {
        let mut recent = DecisionIndex::default();
        let known = 2 * BLOCK + 50_000;
        (1..=known).for_each(|seq| recent.push(entry(seq)));
        let oldest_kept = known - ENTRIES_MAX as u64 + 1;
        for seq in (1..oldest_kept).step_by(7) {
            let Lookup::MaybeIn(spans) = recent.lookup(id(seq)) else {
                panic!("the order {seq} is forgotten")
            };
            assert!(spans.iter().any(|span| span.contains(&Seq(seq))));
        }
        assert!(matches!(recent.lookup(id(oldest_kept)), Lookup::Found(entry) if entry.seq == Seq(oldest_kept)));
        let mistaken = (1..=100_000)
            .filter(|n| recent.lookup(id(known * 2 + n)) != Lookup::Absent)
            .count();
        assert!(mistaken < 3, "{mistaken} of 100000 new orders were taken for old");
    }

    #[test]
    fn a_note_stands_in_for_its_block() {
        let mut recent = DecisionIndex::default();
        let known = BLOCK + ENTRIES_MAX as u64 + 10;
        (1..BLOCK + ENTRIES_MAX as u64).for_each(|seq| recent.push(entry(seq)));
        assert_eq!(recent.take_filter_snapshots(), [], "its last entry is still kept whole");
        (BLOCK + ENTRIES_MAX as u64..=known).for_each(|seq| recent.push(entry(seq)));
        let notes = recent.take_filter_snapshots();
        assert_eq!((notes.len(), recent.take_filter_snapshots().len()), (1, 0));

        let mut recalled = DecisionIndex::default();
        assert_eq!(recalled.next_snapshot(Seq(BLOCK + ENTRIES_MAX as u64 - 1)), None);
        assert_eq!(
            recalled.next_snapshot(Seq(known)),
            Some((notes[0].name.clone(), notes[0].last))
        );
        assert!(!recalled.restore_filter(Seq(BLOCK), b"no note"));
        assert!(recalled.restore_filter(notes[0].last, &notes[0].content));
        assert_eq!(
            (recalled.last(), recalled.next_snapshot(Seq(known))),
            (Seq(BLOCK), None)
        );
        (BLOCK + 1..=known).for_each(|seq| recalled.push(entry(seq)));
        for seq in [1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 10, BLOCK + 11, known, known + 1] {
            assert_eq!(recalled.lookup(id(seq)), recent.lookup(id(seq)), "{seq}");
        }
        assert_eq!(recalled.take_filter_snapshots(), []);
    }
}
