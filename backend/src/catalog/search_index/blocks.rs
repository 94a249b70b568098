//! A sorted sequence that shares its memory with its clones.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The size of a full block, in bytes. A change copies one block.
const BLOCK_BYTES: usize = 4 * 1024;

/// A sorted sequence in blocks. A clone increments one reference count. A change copies one block and, if a clone shares it,
/// the list of blocks; clones do not change.
pub(super) struct Blocks<T> {
    /// No block is empty.
    blocks: Arc<Vec<Arc<[T]>>>,
}

impl<T> Clone for Blocks<T> {
    fn clone(&self) -> Self {
        Self {
            blocks: Arc::clone(&self.blocks),
        }
    }
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { blocks: Arc::default() }
    }
}

impl<T> fmt::Debug for Blocks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocks", self.blocks.len())
    }
}

impl<T: Clone> FromIterator<T> for Blocks<T> {
    /// From items in order.
    fn from_iter<I: IntoIterator<Item = T>>(sorted: I) -> Self {
        let mut sorted = sorted.into_iter();
        let mut blocks = Vec::new();
        loop {
            let block: Arc<[T]> = sorted.by_ref().take(Self::BLOCK_MAX).collect();
            if block.is_empty() {
                blocks.shrink_to_fit();
                return Self {
                    blocks: Arc::new(blocks),
                };
            }
            blocks.push(block);
        }
    }
}

impl<T: Clone> Blocks<T> {
    /// Maximum number of items in a block.
    const BLOCK_MAX: usize = BLOCK_BYTES / size_of::<T>();

    /// The number of items.
    pub(super) fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.len()).sum()
    }

    /// The item for which `order` returns `Equal`; `order` compares an item with the requested one.
    pub(super) fn get(&self, order: impl Fn(&T) -> Ordering) -> Option<&T> {
        let block = self.blocks.get(self.block_of(&order))?;
        block.get(block.binary_search_by(order).ok()?)
    }

    /// The items after the leading ones for which `is_before` is true.
    pub(super) fn iter_from(&self, is_before: impl Fn(&T) -> bool) -> impl Iterator<Item = &T> {
        let first = self
            .blocks
            .partition_point(|block| block.last().is_some_and(&is_before));
        let (head, rest) = match self.blocks.get(first..) {
            Some([block, rest @ ..]) => (block.get(block.partition_point(is_before)..).unwrap_or_default(), rest),
            _ => (&[][..], &[][..]),
        };
        head.iter().chain(rest.iter().flat_map(|block| block.iter()))
    }

    /// All items.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| block.iter())
    }

    /// Replaces the item for which `order` returns `Equal` by the result of `change`. `change` gets `None` if there is no such
    /// item, and returns `None` to remove it.
    pub(super) fn update(&mut self, order: impl Fn(&T) -> Ordering, change: impl FnOnce(Option<&T>) -> Option<T>) {
        // An item after the last one is added to the last block.
        let index = self.block_of(&order).min(self.blocks.len().saturating_sub(1));
        let block = self.blocks.get(index).map_or(&[][..], |block| &**block);
        let (position, found) = match block.binary_search_by(order) {
            Ok(position) => (position, block.get(position)),
            Err(position) => (position, None),
        };
        let changed = change(found);
        if found.is_none() && changed.is_none() {
            return;
        }
        let (before, after) = block.split_at(position);
        let after = after.get(usize::from(found.is_some())..).unwrap_or_default();
        let items = || before.iter().chain(&changed).chain(after).cloned();
        let length = before.len() + usize::from(changed.is_some()) + after.len();
        let replacement: Vec<Arc<[T]>> = match length {
            0 => Vec::new(),
            length if length <= Self::BLOCK_MAX => vec![items().collect()],
            length => {
                // If items are added in order, blocks stay full.
                let first = if after.is_empty() { Self::BLOCK_MAX } else { length / 2 };
                vec![items().take(first).collect(), items().skip(first).collect()]
            }
        };
        let replaced = index..self.blocks.len().min(index + 1);
        Arc::make_mut(&mut self.blocks).splice(replaced, replacement);
    }

    /// The index of the first block whose last item is not before the requested one.
    fn block_of(&self, order: impl Fn(&T) -> Ordering) -> usize {
        self.blocks
            .partition_point(|block| block.last().is_some_and(|last| order(last) == Ordering::Less))
    }

    /// The number of blocks, and how many of them `other` does not share.
    #[cfg(test)]
    pub(super) fn blocks_not_in(&self, other: &Self) -> (usize, usize) {
        let others: std::collections::HashSet<_> = other.blocks.iter().map(Arc::as_ptr).collect();
        let own = self.blocks.iter().filter(|block| !others.contains(&Arc::as_ptr(block)));
        (self.blocks.len(), own.count())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_have_the_items_of_a_set_and_their_clones_keep_theirs(
            start in proptest::collection::btree_set(0_u64..6_000, 0..3_000),
            changes in proptest::collection::vec(0_u64..6_000, 0..400),
            from in 0_u64..6_000,
        ) {
            let mut expected = start.clone();
            let mut blocks: Blocks<u64> = start.iter().copied().collect();
            let clone = blocks.clone();
            for item in changes {
                let before = blocks.clone();
                let is_present = expected.contains(&item);
                blocks.update(|other| other.cmp(&item), |found| {
                    assert_eq!(found.is_some(), is_present);
                    (!is_present).then_some(item)
                });
                if is_present {
                    expected.remove(&item);
                } else {
                    expected.insert(item);
                }
                prop_assert!(blocks.blocks_not_in(&before).1 <= 2);
            }
            prop_assert!(blocks.iter().eq(&expected));
            prop_assert_eq!(blocks.len(), expected.len());
            prop_assert!(blocks.iter_from(|&item| item < from).eq(expected.range(from..)));
            prop_assert_eq!(blocks.get(|item| item.cmp(&from)), expected.get(&from));
            prop_assert_eq!(BTreeSet::from_iter(clone.iter().copied()), start);
        }
    }

    #[test]
    fn blocks_stay_full_if_items_are_added_in_order() {
        let mut blocks = Blocks::<u64>::default();
        for item in 0..10_000 {
            blocks.update(|other| other.cmp(&item), |_| Some(item));
        }
        assert_eq!(blocks.blocks.len(), 10_000_usize.div_ceil(Blocks::<u64>::BLOCK_MAX));
    }
}
