//! The newest entries and the decided orders, in 4 MB of memory for each million older entries.
//!
//! The newest million entries are kept in memory. Older ones are in blocks of a million, each with a filter of its orders. The
//! filter has no false negatives; after a positive the store is searched in that block. An order belongs to the block of its
//! first line.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use ahash::RandomState;
use common::{Entry, InlineVec, OrderId, Seq};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

use super::filter::Filter;

/// The result of looking up an order in memory.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// These entries decided it, one for each line.
    Found(InlineVec<Entry>),
    /// The order is not decided.
    Absent,
    /// Old entries may have decided it: search the store in these ranges.
    MaybeIn(Vec<RangeInclusive<Seq>>),
}

/// The newest entries, and filters of the orders of older ones.
#[derive(Debug)]
pub struct DecisionIndex {
    capacity: Capacity,
    entries: VecDeque<Entry>,
    /// The first lines of the orders in `entries`. The ids of the orders are only in the entries, which halves the memory.
    by_order: HashTable<ShortSeq>,
    hasher: RandomState,
    blocks: Vec<Block>,
}

/// The lower half of a `seq`, which is unique among the entries in memory.
type ShortSeq = u32;

/// The sizes of an index; tests use small ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    /// Maximum number of entries in memory, apart from the lines that complete a group.
    pub(super) entries_max: usize,
    /// Number of entries of a block. Blocks end at its multiples, so that a filter depends only on the ledger.
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

/// A million entries that are no longer in memory, and the filter of their order ids.
#[derive(Debug)]
struct Block {
    /// From the block's first entry to its last one so far.
    range: RangeInclusive<Seq>,
    orders: Filter,
    is_saved: bool,
}

/// Entries of one block that a start does not keep in memory: the whole block, or the rest of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OldEntries {
    /// The name of the blob with the block's filter; `None` if newer entries of the block are kept in memory.
    pub(super) filter: Option<String>,
    pub(super) range: RangeInclusive<Seq>,
}

/// The filter of a complete block, which is saved in the store, so that the next start does not read the block.
#[derive(Debug, PartialEq, Eq)]
pub struct SavedFilter {
    /// The name of the blob in the store.
    pub name: String,
    /// The block's last entry, which identifies the history.
    pub last: Seq,
    /// The filter's bytes.
    pub content: Vec<u8>,
}

impl DecisionIndex {
    pub(super) fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            entries: VecDeque::new(),
            by_order: HashTable::new(),
            hasher: RandomState::new(),
            blocks: Vec::new(),
        }
    }

    /// Makes `first` the next entry. The entries before it, which have no orders, are not kept.
    pub(super) fn skip_to(&mut self, first: Seq) {
        let mut skipped = self.last().next();
        while skipped < first {
            self.evict(skipped, None);
            skipped = skipped.next();
        }
    }

    /// Allocates memory for the next entries up to `head`.
    pub(super) fn reserve_until(&mut self, head: Seq) {
        let entries = usize::try_from(head.distance_from(self.last())).unwrap_or(usize::MAX);
        let entries = entries.min(self.capacity.entries_max);
        self.entries.reserve(entries);
        let (known, hasher) = (&self.entries, &self.hasher);
        self.by_order
            .reserve(entries, |&first| hasher.hash_one(order_at(known, first)));
    }

    /// Adds the next entry.
    pub fn push(&mut self, entry: Entry) {
        if self.entries.len() >= self.capacity.entries_max {
            self.evict_oldest_group();
        }
        let order = entry.order.filter(|_| entry.line.is_first());
        let first = short(entry.seq);
        self.entries.push_back(entry);
        if order.is_some() {
            let (entries, hasher) = (&self.entries, &self.hasher);
            let known = |&first: &ShortSeq| order_at(entries, first);
            let slot = self.by_order.entry(
                hasher.hash_one(order),
                |first| known(first) == order,
                |first| hasher.hash_one(known(first)),
            );
            match slot {
                Slot::Occupied(mut slot) => *slot.get_mut() = first,
                Slot::Vacant(slot) => drop(slot.insert(first)),
            }
        }
    }

    /// At most `limit` entries after `after`, and those that complete the last group; `None` if the first of them is no longer
    /// in memory.
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
        let is_first = |&first: &ShortSeq| order_at(&self.entries, first) == Some(order);
        let first = self.by_order.find(self.hasher.hash_one(Some(order)), is_first);
        if let Some(entries) = first.and_then(|&first| self.group(first)) {
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

    /// The filters of the blocks that became complete since the last call.
    pub fn take_unsaved_filters(&mut self) -> Vec<SavedFilter> {
        let block_len = self.capacity.block_len;
        let complete = self
            .blocks
            .iter_mut()
            .filter(|block| !block.is_saved && block.is_complete(block_len));
        complete
            .map(|block| {
                block.is_saved = true;
                SavedFilter {
                    name: filter_name(block.range.start().0 / block_len),
                    last: *block.range.end(),
                    content: block.orders.to_bytes(),
                }
            })
            .collect()
    }

    /// The next entries that a start with a ledger up to `head` does not keep in memory; `None` if it keeps all others.
    pub(super) fn next_old_entries(&self, head: Seq) -> Option<OldEntries> {
        let Capacity { entries_max, block_len } = self.capacity;
        let first = self.last().next();
        let block = (first.0 - 1) / block_len;
        let end = (block + 1).saturating_mul(block_len);
        let last = end.min(head.0.saturating_sub(entries_max as u64));
        (first.0 <= last && self.entries.is_empty()).then(|| OldEntries {
            filter: (last == end).then(|| filter_name(block)),
            range: first..=Seq(last),
        })
    }

    /// Restores the filter of the orders in a complete block; `false` if the content has the wrong length.
    pub(super) fn restore_filter(&mut self, range: RangeInclusive<Seq>, content: &[u8]) -> bool {
        let Some(orders) = Filter::from_bytes(content) else {
            return false;
        };
        self.blocks.push(Block {
            range,
            orders,
            is_saved: true,
        });
        true
    }

    /// Adds a block for these entries; returns its empty filter, to which the caller adds their orders. Never `None`.
    pub(super) fn begin_block(&mut self, range: RangeInclusive<Seq>) -> Option<&mut Filter> {
        self.blocks.push(Block {
            range,
            orders: Filter::default(),
            is_saved: false,
        });
        self.blocks.last_mut().map(|block| &mut block.orders)
    }

    /// The last entry that was added, or that a restored filter covers.
    pub fn last(&self) -> Seq {
        let newest = self.entries.back().map(|entry| entry.seq);
        newest
            .or_else(|| self.blocks.last().map(|block| *block.range.end()))
            .unwrap_or(Seq::ZERO)
    }

    /// The lines of the group that begins with an entry.
    fn group(&self, first: ShortSeq) -> Option<InlineVec<Entry>> {
        let idx = position(&self.entries, first)?;
        let count = self.entries.get(idx)?.line.count();
        Some(self.entries.iter().skip(idx).take(count.into()).cloned().collect())
    }

    /// Removes the oldest group from memory and adds its order to a filter.
    fn evict_oldest_group(&mut self) {
        while let Some(oldest) = self.entries.front() {
            let (seq, line, order) = (oldest.seq, oldest.line, oldest.order);
            self.evict(seq, order.filter(|_| line.is_first()));
            self.entries.pop_front();
            if line.is_last() {
                return;
            }
        }
    }

    /// Adds an entry to the last block. `order` is the order whose first line it is.
    fn evict(&mut self, seq: Seq, order: Option<OrderId>) {
        let block_len = self.capacity.block_len;
        if self.blocks.last().is_none_or(|block| block.is_complete(block_len)) {
            self.blocks.push(Block {
                range: seq..=seq,
                orders: Filter::default(),
                is_saved: false,
            });
        }
        let Some(block) = self.blocks.last_mut() else { return };
        block.range = *block.range.start()..=seq;
        if let Some(order) = order {
            let matches = |&first: &ShortSeq| first == short(seq);
            if let Ok(slot) = self.by_order.find_entry(self.hasher.hash_one(Some(order)), matches) {
                slot.remove();
            }
            block.orders.add(order);
        }
    }
}

impl Block {
    fn is_complete(&self, block_len: u64) -> bool {
        self.range.end().0.is_multiple_of(block_len)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the upper half is cut off")]
fn short(seq: Seq) -> ShortSeq {
    seq.0 as ShortSeq
}

/// The index of an entry in `entries`. Wraps correctly, because fewer than 2^32 entries are in memory.
fn position(entries: &VecDeque<Entry>, seq: ShortSeq) -> Option<usize> {
    Some(seq.wrapping_sub(short(entries.front()?.seq)) as usize)
}

fn order_at(entries: &VecDeque<Entry>, first: ShortSeq) -> Option<OrderId> {
    entries.get(position(entries, first)?)?.order
}

fn filter_name(block: u64) -> String {
    format!("orders-{block}")
}

#[cfg(test)]
mod tests;
