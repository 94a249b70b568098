//! The newest entries and the decided orders, in 4 MB of memory for each million beyond the newest.
//!
//! The newest million entries are kept whole. The orders of older ones are in a filter for each million: it has no false
//! negatives, and after a positive the store is asked about that million. An order belongs to the million of its first line.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use ahash::AHashMap;
use common::{Entry, InlineVec, OrderId, Seq};

use super::filter::Filter;

/// What memory knows of an order.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// These entries decided it, one for each line.
    Found(InlineVec<Entry>),
    /// It is not decided.
    Absent,
    /// Old entries may have decided it: ask the store for these ranges.
    MaybeIn(Vec<RangeInclusive<Seq>>),
}

/// The newest entries, and filters of the orders of older ones.
#[derive(Debug)]
pub struct DecisionIndex {
    capacity: Capacity,
    entries: VecDeque<Entry>,
    /// The first lines of the orders in `entries`.
    by_order: AHashMap<OrderId, Seq>,
    blocks: Vec<Block>,
}

/// The sizes of an index; tests use small ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    /// The most entries kept whole, apart from the lines that complete a group.
    pub(super) entries_max: usize,
    /// Entries for each filter. Blocks begin at multiples of it, so that a filter depends on the ledger alone.
    pub(super) block_len: u64,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            entries_max: 1_000_000,
            block_len: 1_000_000,
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
    /// From the block's first entry to the last one that was added.
    range: RangeInclusive<Seq>,
    orders: Filter,
    is_saved: bool,
}

/// The filter of a complete block, to be saved with the store so that the next start need not read the block.
#[derive(Debug, PartialEq, Eq)]
pub struct FilterSnapshot {
    /// The name of the blob in the store.
    pub name: String,
    /// The block's last entry; a ledger with another entry there has another history.
    pub last: Seq,
    /// The filter's bytes.
    pub content: Vec<u8>,
}

impl DecisionIndex {
    pub(super) fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            entries: VecDeque::new(),
            by_order: AHashMap::new(),
            blocks: Vec::new(),
        }
    }

    /// Adds the next entry.
    pub fn push(&mut self, entry: Entry) {
        if self.entries.len() >= self.capacity.entries_max {
            self.evict_oldest_group();
        }
        if let Some(order) = entry.order.filter(|_| entry.line.is_first()) {
            self.by_order.insert(order, entry.seq);
        }
        self.entries.push_back(entry);
    }

    /// At most `limit` entries after `after`, and those that complete the last group; `None` if the first of them is no
    /// longer kept.
    pub fn entries_after(&self, after: Seq, limit: usize) -> Option<Vec<Entry>> {
        let Some(first) = self.entries.front() else {
            return Some(Vec::new());
        };
        if after.next() < first.seq {
            return None;
        }
        let skipped = usize::try_from(after.next().distance_from(first.seq)).ok()?;
        let mut rest = self.entries.iter().skip(skipped);
        let mut page: Vec<Entry> = rest.by_ref().take(limit).cloned().collect();
        while page.last().is_some_and(|last| !last.line.is_last()) {
            page.push(rest.next()?.clone());
        }
        Some(page)
    }

    /// The newest group; empty if there are no entries.
    pub fn last_group(&self) -> Vec<Entry> {
        let lines = self.entries.back().map_or(0, |last| last.line.count().into());
        let others = self.entries.len().saturating_sub(lines);
        self.entries.iter().skip(others).cloned().collect()
    }

    /// Looks an order up.
    pub fn lookup(&self, order: OrderId) -> Lookup {
        if let Some(entries) = self.by_order.get(&order).and_then(|&first| self.group(first)) {
            return Lookup::Found(entries);
        }
        let newest_first = self.blocks.iter().rev();
        let ranges: Vec<_> = newest_first
            .filter(|block| block.orders.may_contain(order))
            .map(|block| block.range.clone())
            .collect();
        if ranges.is_empty() {
            Lookup::Absent
        } else {
            Lookup::MaybeIn(ranges)
        }
    }

    /// The filters that became complete since the last call.
    pub fn take_filter_snapshots(&mut self) -> Vec<FilterSnapshot> {
        let block_len = self.capacity.block_len;
        let complete = self
            .blocks
            .iter_mut()
            .filter(|block| !block.is_saved && block.is_complete(block_len));
        complete
            .map(|block| {
                block.is_saved = true;
                FilterSnapshot {
                    name: snapshot_name(block.range.start().0 / block_len),
                    last: *block.range.end(),
                    content: block.orders.to_bytes(),
                }
            })
            .collect()
    }

    /// The name and the last entry of the next snapshot to restore at a start with a ledger up to `head`; `None` once the
    /// remaining entries have to be read.
    pub fn next_snapshot(&self, head: Seq) -> Option<(String, Seq)> {
        let block = self.blocks.len() as u64;
        let last = (block + 1).saturating_mul(self.capacity.block_len);
        let is_old = last.saturating_add(self.capacity.entries_max as u64) <= head.0;
        (is_old && self.entries.is_empty()).then(|| (snapshot_name(block), Seq(last)))
    }

    /// Restores a filter instead of its block's entries; `false` if the content has the wrong length.
    pub fn restore_filter(&mut self, last: Seq, content: &[u8]) -> bool {
        let Some(orders) = Filter::from_bytes(content) else {
            return false;
        };
        self.blocks.push(Block {
            range: Seq(last.0.saturating_sub(self.capacity.block_len)).next()..=last,
            orders,
            is_saved: true,
        });
        true
    }

    /// The last entry that was added, or that a restored filter covers.
    pub fn last(&self) -> Seq {
        let newest = self.entries.back().map(|entry| entry.seq);
        newest
            .or_else(|| self.blocks.last().map(|block| *block.range.end()))
            .unwrap_or(Seq::ZERO)
    }

    /// The lines of the group that begins with an entry.
    fn group(&self, first: Seq) -> Option<InlineVec<Entry>> {
        let oldest = self.entries.front()?.seq;
        let idx = usize::try_from(first.distance_from(oldest)).ok()?;
        let count = self.entries.get(idx)?.line.count();
        Some(self.entries.iter().skip(idx).take(count.into()).cloned().collect())
    }

    /// Moves the order of the oldest entries into a filter.
    fn evict_oldest_group(&mut self) {
        while let Some(oldest) = self.entries.pop_front() {
            self.evict(&oldest);
            if oldest.line.is_last() {
                return;
            }
        }
    }

    /// Adds an entry to the last block.
    fn evict(&mut self, entry: &Entry) {
        let block_len = self.capacity.block_len;
        if self.blocks.last().is_none_or(|block| block.is_complete(block_len)) {
            self.blocks.push(Block {
                range: entry.seq..=entry.seq,
                orders: Filter::default(),
                is_saved: false,
            });
        }
        let Some(block) = self.blocks.last_mut() else { return };
        block.range = *block.range.start()..=entry.seq;
        if let Some(order) = entry.order.filter(|_| entry.line.is_first()) {
            self.by_order.remove(&order);
            block.orders.add(order);
        }
    }
}

impl Block {
    fn is_complete(&self, block_len: u64) -> bool {
        self.range.end().0.is_multiple_of(block_len)
    }
}

fn snapshot_name(block: u64) -> String {
    format!("orders-{block}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{GroupLine, ItemNumber, Kind, Timestamp};

    const ENTRIES_MAX: usize = 1_000_000;
    const BLOCK: u64 = 1_000_000;

    fn entry(seq: u64) -> Entry {
        Entry {
            seq: Seq(seq),
            at: Timestamp::from_micros(0),
            kind: Kind::Sold,
            item: ItemNumber::try_from(1).unwrap(),
            line: GroupLine::ONLY,
            quantity: None,
            change: -1,
            stock_after: None,
            order: Some(id(seq)),
            unit_cost: None,
            reason: None,
            title: None,
            description: None,
        }
    }

    /// An order of so many lines from `first` on.
    fn order(first: u64, count: usize) -> Vec<Entry> {
        let lines = (first..).zip(GroupLine::of_group(count));
        let of_order = |(seq, line)| Entry {
            line,
            order: Some(id(first)),
            ..entry(seq)
        };
        lines.map(of_order).collect()
    }

    fn id(n: u64) -> OrderId {
        OrderId::from(uuid::Uuid::from_u128(u128::from(n)))
    }

    #[test]
    fn pages_come_from_memory_as_far_as_it_reaches() {
        let mut index = DecisionIndex::default();
        assert_eq!(index.entries_after(Seq::ZERO, 9), Some(vec![]));
        (5..=9).for_each(|seq| index.push(entry(seq)));
        assert_eq!(index.entries_after(Seq(3), 9), None);
        let page = index.entries_after(Seq(6), 2).unwrap();
        assert_eq!(page.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(index.entries_after(Seq(9), 9), Some(vec![]));
    }

    #[test]
    fn an_order_is_found_evicted_and_read_whole() {
        let mut index = DecisionIndex::new(Capacity {
            entries_max: 6,
            block_len: 4,
        });
        let orders = [order(1, 1), order(2, 2), order(4, 3), order(7, 1)];
        orders.iter().flatten().for_each(|entry| index.push(entry.clone()));
        assert_eq!(index.lookup(id(2)), Lookup::Found(orders[1].clone().into()));
        assert_eq!(index.entries_after(Seq(1), 1), Some(orders[1].clone()));
        assert_eq!(index.entries_after(Seq(3), 4).unwrap().len(), 4);
        // The block ends within the order 4, which belongs to it.
        (8..=12).for_each(|seq| index.push(entry(seq)));
        for (first, block) in [(1, 1..=4), (2, 1..=4), (4, 1..=4)] {
            let range = Seq(*block.start())..=Seq(*block.end());
            assert_eq!(index.lookup(id(first)), Lookup::MaybeIn(vec![range]), "{first}");
        }
        assert_eq!(index.lookup(id(7)), Lookup::Found(orders[3].clone().into()));
        assert_eq!(index.entries_after(Seq(6), 1), Some(orders[3].clone()));
        assert_eq!(index.take_filter_snapshots()[0].last, Seq(4));
    }

    #[test]
    fn an_old_order_is_always_found_and_a_new_one_is_seldom_a_false_positive() {
        let mut index = DecisionIndex::default();
        let known = 2 * BLOCK + 50_000;
        (1..=known).for_each(|seq| index.push(entry(seq)));
        let oldest_kept = known - ENTRIES_MAX as u64 + 1;
        for seq in (1..oldest_kept).step_by(7) {
            let Lookup::MaybeIn(ranges) = index.lookup(id(seq)) else {
                panic!("order {seq} is not found")
            };
            assert!(ranges.iter().any(|range| range.contains(&Seq(seq))));
        }
        assert!(matches!(index.lookup(id(oldest_kept)), Lookup::Found(found) if found[0].seq == Seq(oldest_kept)));
        let false_positives = (1..=100_000)
            .filter(|n| index.lookup(id(known * 2 + n)) != Lookup::Absent)
            .count();
        assert!(
            false_positives < 3,
            "{false_positives} of 100000 new orders are false positives"
        );
    }

    #[test]
    fn a_snapshot_replaces_its_block() {
        let mut index = DecisionIndex::default();
        let known = BLOCK + ENTRIES_MAX as u64 + 10;
        (1..BLOCK + ENTRIES_MAX as u64).for_each(|seq| index.push(entry(seq)));
        assert_eq!(index.take_filter_snapshots(), [], "its last entry is still kept whole");
        (BLOCK + ENTRIES_MAX as u64..=known).for_each(|seq| index.push(entry(seq)));
        let snapshots = index.take_filter_snapshots();
        assert_eq!((snapshots.len(), index.take_filter_snapshots().len()), (1, 0));

        let mut restored = DecisionIndex::default();
        assert_eq!(restored.next_snapshot(Seq(BLOCK + ENTRIES_MAX as u64 - 1)), None);
        assert_eq!(
            restored.next_snapshot(Seq(known)),
            Some((snapshots[0].name.clone(), snapshots[0].last))
        );
        assert!(!restored.restore_filter(Seq(BLOCK), b"no snapshot"));
        assert!(restored.restore_filter(snapshots[0].last, &snapshots[0].content));
        assert_eq!(
            (restored.last(), restored.next_snapshot(Seq(known))),
            (Seq(BLOCK), None)
        );
        (BLOCK + 1..=known).for_each(|seq| restored.push(entry(seq)));
        for seq in [1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 10, BLOCK + 11, known, known + 1] {
            assert_eq!(restored.lookup(id(seq)), index.lookup(id(seq)), "{seq}");
        }
        assert_eq!(restored.take_filter_snapshots(), []);
    }
}
