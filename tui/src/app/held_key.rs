//! Suppresses the repeats of a key that is held down.

use std::time::Duration;

use crate::input::Key;

/// A key pressed again within this time counts as held down: most terminals do not report key repeat.
const HELD_TIMEOUT: Duration = Duration::from_secs(1);

/// The key that opened a dialog or confirmed it, and the time of its last repeat. Its repeats are ignored.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeldKey(Option<(Key, Duration)>);

impl HeldKey {
    /// A key pressed at `now`; `None` for a click.
    pub(super) fn pressed(key: Option<Key>, now: Duration) -> Self {
        Self(key.map(|key| (key, now)))
    }

    /// Whether a key press is a repeat of the held key. Any other key ends the suppression.
    pub(super) fn filter_repeat(&mut self, key: Key, now: Duration) -> bool {
        self.0 = self
            .0
            .filter(|(held, last)| *held == key && now.saturating_sub(*last) < HELD_TIMEOUT)
            .map(|(held, _)| (held, now));
        self.0.is_some()
    }
}
