//! A sorted sequence that shares its memory with its clones.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The size of a full chunk, in bytes. A change copies one chunk.
const CHUNK_BYTES: usize = 4 * 1024;

/// A sorted sequence in chunks. A clone increments one reference count. A change copies one chunk and, if a clone shares it,
/// the list of chunks; clones do not change.
pub(super) struct Chunks<T> {
    /// No chunk is empty.
    chunks: Arc<Vec<Arc<[T]>>>,
}

impl<T> Clone for Chunks<T> {
    fn clone(&self) -> Self {
        Self {
            chunks: Arc::clone(&self.chunks),
        }
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Arc::default() }
    }
}

impl<T> fmt::Debug for Chunks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} chunks", self.chunks.len())
    }
}

impl<T: Clone> FromIterator<T> for Chunks<T> {
    /// From items in order.
    fn from_iter<I: IntoIterator<Item = T>>(sorted: I) -> Self {
        let mut sorted = sorted.into_iter();
        let mut chunks = Vec::new();
        loop {
            let chunk: Arc<[T]> = sorted.by_ref().take(Self::CHUNK_MAX).collect();
            if chunk.is_empty() {
                chunks.shrink_to_fit();
                return Self {
                    chunks: Arc::new(chunks),
                };
            }
            chunks.push(chunk);
        }
    }
}

impl<T: Clone> Chunks<T> {
    /// Maximum number of items in a chunk.
    const CHUNK_MAX: usize = CHUNK_BYTES / size_of::<T>();

    /// The number of items.
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// The item for which `order` returns `Equal`; `order` compares an item with the requested one.
    pub(super) fn get(&self, order: impl Fn(&T) -> Ordering) -> Option<&T> {
        let chunk = self.chunks.get(self.chunk_of(&order))?;
        chunk.get(chunk.binary_search_by(order).ok()?)
    }

    /// The items after the leading ones for which `is_before` is true.
    pub(super) fn iter_from(&self, is_before: impl Fn(&T) -> bool) -> impl Iterator<Item = &T> {
        let first = self
            .chunks
            .partition_point(|chunk| chunk.last().is_some_and(&is_before));
        let (head, rest) = match self.chunks.get(first..) {
            Some([chunk, rest @ ..]) => (chunk.get(chunk.partition_point(is_before)..).unwrap_or_default(), rest),
            _ => (&[][..], &[][..]),
        };
        head.iter().chain(rest.iter().flat_map(|chunk| chunk.iter()))
    }

    /// All items.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Replaces the item for which `order` returns `Equal` by the result of `change`. `change` gets `None` if there is no such
    /// item, and returns `None` to remove it.
    pub(super) fn update(&mut self, order: impl Fn(&T) -> Ordering, change: impl FnOnce(Option<&T>) -> Option<T>) {
        // An item after the last one is added to the last chunk.
        let index = self.chunk_of(&order).min(self.chunks.len().saturating_sub(1));
        let chunk = self.chunks.get(index).map_or(&[][..], |chunk| &**chunk);
        let (position, found) = match chunk.binary_search_by(order) {
            Ok(position) => (position, chunk.get(position)),
            Err(position) => (position, None),
        };
        let changed = change(found);
        if found.is_none() && changed.is_none() {
            return;
        }
        let (before, after) = chunk.split_at(position);
        let after = after.get(usize::from(found.is_some())..).unwrap_or_default();
        let items = || before.iter().chain(&changed).chain(after).cloned();
        let length = before.len() + usize::from(changed.is_some()) + after.len();
        let replacement: Vec<Arc<[T]>> = match length {
            0 => Vec::new(),
            length if length <= Self::CHUNK_MAX => vec![items().collect()],
            length => {
                // If items are added in order, chunks stay full.
                let first = if after.is_empty() { Self::CHUNK_MAX } else { length / 2 };
                vec![items().take(first).collect(), items().skip(first).collect()]
            }
        };
        let replaced = index..self.chunks.len().min(index + 1);
        Arc::make_mut(&mut self.chunks).splice(replaced, replacement);
    }

    /// The index of the first chunk whose last item is not before the requested one.
    fn chunk_of(&self, order: impl Fn(&T) -> Ordering) -> usize {
        self.chunks
            .partition_point(|chunk| chunk.last().is_some_and(|last| order(last) == Ordering::Less))
    }

    /// The number of chunks, and how many of them `other` does not share.
    #[cfg(test)]
    pub(super) fn chunks_not_in(&self, other: &Self) -> (usize, usize) {
        let others: std::collections::HashSet<_> = other.chunks.iter().map(Arc::as_ptr).collect();
        let own = self.chunks.iter().filter(|chunk| !others.contains(&Arc::as_ptr(chunk)));
        (self.chunks.len(), own.count())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunks_have_the_items_of_a_set_and_their_clones_keep_theirs(
            start in proptest::collection::btree_set(0_u64..6_000, 0..3_000),
            changes in proptest::collection::vec(0_u64..6_000, 0..400),
            from in 0_u64..6_000,
        ) {
            let mut expected = start.clone();
            let mut chunks: Chunks<u64> = start.iter().copied().collect();
            let clone = chunks.clone();
            for item in changes {
                let before = chunks.clone();
                let is_present = expected.contains(&item);
                chunks.update(|other| other.cmp(&item), |found| {
                    assert_eq!(found.is_some(), is_present);
                    (!is_present).then_some(item)
                });
                if is_present {
                    expected.remove(&item);
                } else {
                    expected.insert(item);
                }
                prop_assert!(chunks.chunks_not_in(&before).1 <= 2);
            }
            prop_assert!(chunks.iter().eq(&expected));
            prop_assert_eq!(chunks.len(), expected.len());
            prop_assert!(chunks.iter_from(|&item| item < from).eq(expected.range(from..)));
            prop_assert_eq!(chunks.get(|item| item.cmp(&from)), expected.get(&from));
            prop_assert_eq!(BTreeSet::from_iter(clone.iter().copied()), start);
        }
    }

    #[test]
    fn chunks_stay_full_if_items_are_added_in_order() {
        let mut chunks = Chunks::<u64>::default();
        for item in 0..10_000 {
            chunks.update(|other| other.cmp(&item), |_| Some(item));
        }
        assert_eq!(chunks.chunks.len(), 10_000_usize.div_ceil(Chunks::<u64>::CHUNK_MAX));
    }
}
