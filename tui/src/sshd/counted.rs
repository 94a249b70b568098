//! Counts what is open at once, by address and by key, and refuses more than a limit.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many sessions each key has, and what they share.
#[derive(Debug)]
pub(super) struct Counted<K, V> {
    open: Mutex<HashMap<K, (usize, V)>>,
    max: usize,
}

/// One session; dropping it ends the count of it.
#[derive(Debug)]
pub(super) struct Entry<K: Eq + Hash, V> {
    counted: Arc<Counted<K, V>>,
    key: K,
    /// What the sessions of this key share.
    pub(super) shared: V,
}

impl<K: Eq + Hash + Clone, V: Default + Clone> Counted<K, V> {
    /// At most `max` sessions of one key.
    pub(super) fn new(max: usize) -> Arc<Self> {
        let open = Mutex::default();
        Arc::new(Self { open, max })
    }

    /// Counts a session; `None` if the key has as many as it may have.
    pub(super) fn enter(self: &Arc<Self>, key: K) -> Option<Entry<K, V>> {
        let mut open = self.lock();
        let (count, shared) = open.entry(key.clone()).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Entry {
            counted: Arc::clone(self),
            key,
            shared: shared.clone(),
        })
    }
}

impl<K, V> Counted<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, (usize, V)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Drop for Entry<K, V> {
    fn drop(&mut self) {
        let mut open = self.counted.lock();
        if let Some((count, _)) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_at_most_its_limit_at_once_and_nothing_is_kept_of_it_afterwards() {
        let counted = Counted::<_, Arc<()>>::new(2);
        let first = counted.enter("a").unwrap();
        let second = counted.enter("a").unwrap();
        assert!(Arc::ptr_eq(&first.shared, &second.shared));
        assert!(counted.enter("a").is_none());
        assert!(counted.enter("b").is_some());
        drop(first);
        assert!(counted.enter("a").is_some());
        drop(second);
        assert!(counted.lock().is_empty());
    }
}
