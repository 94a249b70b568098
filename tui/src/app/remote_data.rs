//! Something that is read from the shop, in the four states it can be in.

use std::time::Duration;

/// After this long without an answer the shape of what will come is shown.
pub const SKELETON_AFTER: Duration = Duration::from_millis(150);
/// After this long something turns, to say that it is still being waited for.
pub const SPINNER_AFTER: Duration = Duration::from_millis(400);
/// How long a frame of the spinner stands.
pub const SPINNER_FRAME: Duration = Duration::from_millis(100);
/// The longest wait before something that failed is asked again.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// A value that was read, and how the reading stands. Event was read before stays until something newer is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteData<T> {
    /// The newest that was read.
    pub value: Option<T>,
    /// When that was.
    pub read_at: Option<Duration>,
    /// How the reading stands.
    pub state: LoadState,
}

/// How a reading stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadState {
    /// Nobody asked yet.
    NotAsked,
    /// The question is on its way.
    Loading {
        /// Since when.
        since: Duration,
        /// How many attempts failed before this one.
        failures: u32,
    },
    /// The answer is there.
    Ready,
    /// There was none.
    Failed {
        /// What happened.
        why: String,
        /// How many attempts failed, one after the other.
        failures: u32,
        /// When it is asked again.
        retry_at: Duration,
    },
}

impl<T> Default for RemoteData<T> {
    fn default() -> Self {
        Self {
            value: None,
            read_at: None,
            state: LoadState::NotAsked,
        }
    }
}

impl<T> RemoteData<T> {
    /// It is asked for.
    pub fn start(&mut self, now: Duration) {
        let failures = match self.state {
            LoadState::Failed { failures, .. } | LoadState::Loading { failures, .. } => failures,
            LoadState::NotAsked | LoadState::Ready => 0,
        };
        self.state = LoadState::Loading { since: now, failures };
    }

    /// It is there.
    pub fn succeed(&mut self, value: T, now: Duration) {
        *self = Self {
            value: Some(value),
            read_at: Some(now),
            state: LoadState::Ready,
        };
    }

    /// It is not there; the next attempt comes later each time, from one second to half a minute.
    pub fn fail(&mut self, why: String, now: Duration) {
        let failures = match self.state {
            LoadState::Failed { failures, .. } | LoadState::Loading { failures, .. } => failures.saturating_add(1),
            LoadState::NotAsked | LoadState::Ready => 1,
        };
        let pause = Duration::from_secs(1 << failures.saturating_sub(1).min(5)).min(RETRY_MAX);
        self.state = LoadState::Failed {
            why,
            failures,
            retry_at: now + pause,
        };
    }

    /// Whether the question is on its way.
    pub fn is_loading(&self) -> bool {
        matches!(self.state, LoadState::Loading { .. })
    }

    /// Whether the last attempt failed.
    pub fn is_failed(&self) -> bool {
        matches!(self.state, LoadState::Failed { .. })
    }

    /// Whether it failed and the time has come to ask again.
    pub fn is_due(&self, now: Duration) -> bool {
        matches!(self.state, LoadState::Failed { retry_at, .. } if retry_at <= now)
    }

    /// When its look changes by itself, or it is to be asked again. `still` when nothing may turn.
    pub fn wake_at(&self, now: Duration, still: bool) -> Option<Duration> {
        match &self.state {
            LoadState::NotAsked | LoadState::Ready => None,
            LoadState::Loading { since, .. } => [SKELETON_AFTER, SPINNER_AFTER]
                .into_iter()
                .map(|wait| *since + wait)
                .find(|moment| *moment > now)
                .or((!still).then(|| now + SPINNER_FRAME)),
            // Each second, for the countdown.
            LoadState::Failed { retry_at, .. } => Some((now + Duration::from_secs(1)).min(*retry_at).max(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_stays_while_it_is_read_again_and_when_that_fails() {
        let mut data = RemoteData::default();
        data.succeed(1, Duration::from_secs(1));
        data.start(Duration::from_secs(2));
        assert_eq!(data.value, Some(1));
        data.fail("gone".into(), Duration::from_secs(3));
        assert_eq!((data.value, data.read_at), (Some(1), Some(Duration::from_secs(1))));
    }

    #[test]
    fn attempts_come_later_each_time_up_to_half_a_minute() {
        let mut data = RemoteData::<()>::default();
        let waits: Vec<_> = (0..7)
            .map(|_| {
                data.start(Duration::ZERO);
                data.fail("gone".into(), Duration::ZERO);
                match data.state {
                    LoadState::Failed { retry_at, .. } => retry_at.as_secs(),
                    _ => 0,
                }
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }
}
