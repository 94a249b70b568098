//! A key that may still be held down.

use std::time::Duration;

use crate::input::Key;

/// A key that repeats within this time counts as held down: most terminals do not report key repeat.
const HELD_TIMEOUT: Duration = Duration::from_secs(1);

/// The key that opened a dialog or confirmed it, and when it was pressed last. It is ignored until it was released.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeldKey(Option<(Key, Duration)>);

impl HeldKey {
    /// A key pressed at a time; `None` if a click did it.
    pub(super) fn pressed(key: Option<Key>, now: Duration) -> Self {
        Self(key.map(|key| (key, now)))
    }

    /// Whether a key press only says that the key is still held down.
    pub(super) fn ignores(&mut self, key: Key, now: Duration) -> bool {
        self.0 = self
            .0
            .filter(|(held, last)| *held == key && now.saturating_sub(*last) < HELD_TIMEOUT)
            .map(|(held, _)| (held, now));
        self.0.is_some()
    }
}
