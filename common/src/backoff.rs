//! How long to wait before the next try: full jitter over a doubling limit, so that many clients do not come back at
//! the same moment.

use std::time::Duration;

/// Pauses between tries, each a random part of a limit that doubles.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    limit: Duration,
}

impl Backoff {
    /// For a connection that is opened again and again: a quarter of a second to eight.
    pub const RECONNECT: Self = Self::new(Duration::from_millis(250), Duration::from_secs(8));
    /// For a request that is sent again: fifty milliseconds to two seconds.
    pub const RESEND: Self = Self::new(Duration::from_millis(50), Duration::from_secs(2));

    /// From a first limit to the longest one.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            limit: first,
        }
    }

    /// The next pause. Never zero, so that a loop that waits for it cannot spin.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.limit.mul_f64(rand::random::<f64>());
        self.limit = self.limit.saturating_mul(2).min(self.longest);
        pause.max(Duration::from_millis(5))
    }

    /// Starts from the first limit again, after a success.
    pub fn reset(&mut self) {
        self.limit = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_under_a_limit_that_doubles_up_to_the_longest() {
        let mut backoff = Backoff::RECONNECT;
        for limit_ms in [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            let pause = backoff.next_pause();
            assert!(!pause.is_zero() && pause <= Duration::from_millis(limit_ms));
        }
        backoff.reset();
        assert!(backoff.next_pause() <= Duration::from_millis(250));
    }
}
