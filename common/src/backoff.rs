//! Exponential backoff with full jitter, so that many clients do not retry at the same time
//! (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

use std::time::Duration;

/// The shortest delay, which prevents busy loops.
const DELAY_MIN: Duration = Duration::from_millis(1);

/// Random delays between attempts, uniform from zero to a limit that doubles with every attempt.
#[derive(Debug, Clone)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    /// Number of delays since the start or the last reset.
    attempts: u32,
}

impl Backoff {
    /// The backoff of reconnects, with limits from 250 ms to 8 s.
    pub const RECONNECT: Self = Self::new(Duration::from_millis(250), Duration::from_secs(8));
    /// The backoff of request retries, with limits from 50 ms to 2 s.
    pub const RESEND: Self = Self::new(Duration::from_millis(50), Duration::from_secs(2));

    /// A backoff whose limit starts at `initial` and doubles up to `max`.
    pub const fn new(initial: Duration, max: Duration) -> Self {
        Self {
            initial,
            max,
            attempts: 0,
        }
    }

    /// The longest possible next delay.
    pub fn limit(&self) -> Duration {
        self.limit_after(self.attempts)
    }

    /// The longest delay after this number of earlier ones, for a caller that has no source of randomness.
    pub fn limit_after(&self, attempts: u32) -> Duration {
        self.initial
            .saturating_mul(2_u32.saturating_pow(attempts))
            .min(self.max)
    }

    /// The next delay, at least a millisecond.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.limit().mul_f64(rand::random());
        self.attempts = self.attempts.saturating_add(1);
        delay.max(DELAY_MIN)
    }

    /// Resets the limit to its initial value, after a success.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stay_under_a_limit_that_doubles_up_to_the_maximum() {
        let mut backoff = Backoff::RECONNECT;
        for limit_ms in [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            let limit = Duration::from_millis(limit_ms);
            assert_eq!(backoff.limit(), limit);
            assert!((DELAY_MIN..=limit).contains(&backoff.next_delay()));
        }
        assert_eq!(Backoff::RECONNECT.limit_after(3), Duration::from_secs(2));
        assert_eq!(Backoff::RECONNECT.limit_after(u32::MAX), Duration::from_secs(8));
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(250));
    }

    #[test]
    fn delays_differ_and_are_never_zero() {
        let delays: std::collections::HashSet<_> = (0..100).map(|_| Backoff::RECONNECT.clone().next_delay()).collect();
        assert!(delays.len() > 1);
        assert!(Backoff::new(Duration::ZERO, Duration::ZERO).next_delay() >= DELAY_MIN);
    }
}
