//! A value that is loaded from the shop, and the state of loading it.

use std::time::Duration;

use common::backoff::Backoff;

use super::sanitize::sanitized;

/// A skeleton is shown after this time without an answer.
pub(crate) const SKELETON_AFTER: Duration = Duration::from_millis(150);
/// A spinner is shown after this time without an answer.
pub(crate) const SPINNER_AFTER: Duration = Duration::from_millis(400);
/// The time between two frames of the spinner.
pub(crate) const SPINNER_FRAME: Duration = Duration::from_millis(100);
/// Delays before a failed load is retried.
const RETRY_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// A loaded value and the state of loading it. The old value stays until a newer one is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteData<T> {
    pub(crate) value: Option<T>,
    pub(crate) read_at: Option<Duration>,
    pub(crate) state: LoadState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LoadState {
    NotRequested,
    Loading {
        since: Duration,
        /// The number of failed attempts before this one.
        failures: u32,
    },
    Ready,
    Failed {
        why: String,
        /// The number of failed attempts in a row.
        failures: u32,
        retry_at: Duration,
    },
}

impl<T> Default for RemoteData<T> {
    fn default() -> Self {
        Self {
            value: None,
            read_at: None,
            state: LoadState::NotRequested,
        }
    }
}

impl<T> RemoteData<T> {
    pub(crate) fn start(&mut self, now: Duration) {
        self.state = LoadState::Loading {
            since: now,
            failures: self.failures(),
        };
    }

    pub(crate) fn succeed(&mut self, value: T, now: Duration) {
        *self = Self {
            value: Some(value),
            read_at: Some(now),
            state: LoadState::Ready,
        };
    }

    /// Schedules a retry after a failed request, without jitter: updates draw no random numbers.
    pub(crate) fn fail(&mut self, error: &impl ToString, now: Duration) {
        let earlier = self.failures();
        self.state = LoadState::Failed {
            why: sanitized(error),
            failures: earlier.saturating_add(1),
            retry_at: now + RETRY_BACKOFF.limit_after(earlier),
        };
    }

    fn failures(&self) -> u32 {
        match self.state {
            LoadState::Failed { failures, .. } | LoadState::Loading { failures, .. } => failures,
            LoadState::NotRequested | LoadState::Ready => 0,
        }
    }

    pub(crate) fn is_loading(&self) -> bool {
        matches!(self.state, LoadState::Loading { .. })
    }

    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.state, LoadState::Failed { .. })
    }

    /// Whether the last attempt failed and the next one is due.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        matches!(self.state, LoadState::Failed { retry_at, .. } if retry_at <= now)
    }

    /// When the display changes with time, or the next attempt is due. `still` disables the spinner.
    pub(crate) fn next_wake(&self, now: Duration, still: bool) -> Option<Duration> {
        match &self.state {
            LoadState::NotRequested | LoadState::Ready => None,
            LoadState::Loading { since, .. } => [SKELETON_AFTER, SPINNER_AFTER]
                .into_iter()
                .map(|wait| *since + wait)
                .find(|moment| *moment > now)
                .or((!still).then(|| now + SPINNER_FRAME)),
            // Every second, for the countdown.
            LoadState::Failed { retry_at, .. } => Some((now + Duration::from_secs(1)).min(*retry_at).max(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_value_stays_during_a_load_and_after_a_failure() {
        let mut data = RemoteData::default();
        data.succeed(1, Duration::from_secs(1));
        data.start(Duration::from_secs(2));
        assert_eq!(data.value, Some(1));
        data.fail(&"gone", Duration::from_secs(3));
        assert_eq!((data.value, data.read_at), (Some(1), Some(Duration::from_secs(1))));
    }

    #[test]
    fn the_delay_between_attempts_doubles_up_to_30_s() {
        let mut data = RemoteData::<()>::default();
        let waits: Vec<_> = (0..7)
            .map(|_| {
                data.start(Duration::ZERO);
                data.fail(&"gone", Duration::ZERO);
                match data.state {
                    LoadState::Failed { retry_at, .. } => retry_at.as_secs(),
                    _ => 0,
                }
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }
}
