//! Limits what is open at the same time for each key: connections of an address, sessions of a customer.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Number of permits of each key, and the value that they share.
#[derive(Debug)]
pub(super) struct KeyedLimiter<K, V> {
    open: Mutex<HashMap<K, (usize, V)>>,
    max: usize,
}

/// Permission for one connection or session. Dropping it releases the slot.
#[derive(Debug)]
pub(super) struct KeyedPermit<K: Eq + Hash, V> {
    limiter: Arc<KeyedLimiter<K, V>>,
    key: K,
    /// Value that all permits of this key share.
    pub(super) shared: V,
}

impl<K: Eq + Hash + Clone, V: Default + Clone> KeyedLimiter<K, V> {
    /// Grants each key at most `max` permits at the same time.
    pub(super) fn new(max: usize) -> Arc<Self> {
        let open = Mutex::default();
        Arc::new(Self { open, max })
    }

    /// Takes a permit; `None` if the key has `max` permits already.
    pub(super) fn try_acquire(self: &Arc<Self>, key: K) -> Option<KeyedPermit<K, V>> {
        let mut open = self.lock();
        let (count, shared) = open.entry(key.clone()).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(KeyedPermit {
            limiter: Arc::clone(self),
            key,
            shared: shared.clone(),
        })
    }
}

impl<K, V> KeyedLimiter<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, (usize, V)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Drop for KeyedPermit<K, V> {
    fn drop(&mut self) {
        let mut open = self.limiter.lock();
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
        let limiter = KeyedLimiter::<_, Arc<()>>::new(2);
        let first = limiter.try_acquire("a").unwrap();
        let second = limiter.try_acquire("a").unwrap();
        assert!(Arc::ptr_eq(&first.shared, &second.shared));
        assert!(limiter.try_acquire("a").is_none());
        assert!(limiter.try_acquire("b").is_some());
        drop(first);
        assert!(limiter.try_acquire("a").is_some());
        drop(second);
        assert!(limiter.lock().is_empty());
    }
}
