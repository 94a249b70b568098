//! The difference between a dependency's clock and this machine's.

use std::fmt;
use std::time::Duration;

use common::{Timestamp, limits};

/// The offset of another clock, measured by one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockDifference {
    /// The other clock's time minus this clock's time at the midpoint of the probe.
    offset_us: i64,
    /// Half the round trip: the answer was written at most this long before or after the midpoint.
    uncertainty_us: i64,
}

impl ClockDifference {
    /// `at` is the time in the answer, by the other clock; `sent_at` is the time of the probe, by this clock.
    pub(super) fn measure(at: Timestamp, sent_at: Timestamp, round_trip: Duration) -> Self {
        let uncertainty_us = i64::try_from(round_trip.as_micros() / 2).unwrap_or(i64::MAX);
        let middle_us = sent_at.as_micros().saturating_add(uncertainty_us);
        Self {
            offset_us: at.as_micros().saturating_sub(middle_us),
            uncertainty_us,
        }
    }

    /// In seconds, with six decimals.
    pub(super) fn seconds(self) -> String {
        let sign = if self.offset_us < 0 { "-" } else { "" };
        let us = self.offset_us.unsigned_abs();
        format!("{sign}{}.{:06}", us / 1_000_000, us % 1_000_000)
    }

    /// Whether the clocks certainly differ by more than [`limits::CLOCK_DIFFERENCE_MAX`].
    pub(super) fn is_too_large(self) -> bool {
        let offset = Duration::from_micros(self.offset_us.unsigned_abs());
        let uncertainty = Duration::from_micros(self.uncertainty_us.unsigned_abs());
        offset.saturating_sub(uncertainty) > limits::CLOCK_DIFFERENCE_MAX
    }
}

impl fmt::Display for ClockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = Duration::from_micros(self.offset_us.unsigned_abs()).as_secs_f64();
        let direction = if self.offset_us < 0 { "behind" } else { "ahead of" };
        write!(f, "its clock is {seconds:.1} s {direction} this service's")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The difference if the other clock is `ahead_ms` ahead of this one at the midpoint of a probe.
    fn measured(ahead_ms: i64, round_trip_ms: u64) -> ClockDifference {
        let round_trip = Duration::from_millis(round_trip_ms);
        let middle_us = 5_000_000_i64 + i64::try_from(round_trip_ms).unwrap() * 500;
        let at = Timestamp::from_micros(middle_us + ahead_ms * 1_000);
        ClockDifference::measure(at, Timestamp::from_micros(5_000_000), round_trip)
    }

    #[test]
    fn a_difference_counts_beyond_a_second_and_half_the_round_trip() {
        for (ahead_ms, round_trip_ms, expected) in [
            (0, 10, false),
            (1_000, 0, false),
            (1_001, 0, true),
            (-1_001, 0, true),
            (1_400, 800, false),
            (1_401, 800, true),
            (-1_401, 800, true),
            (3_600_000, 10, true),
        ] {
            let difference = measured(ahead_ms, round_trip_ms);
            assert_eq!(
                difference.is_too_large(),
                expected,
                "{ahead_ms} ms in {round_trip_ms} ms"
            );
        }
        let text = measured(-3_600_000, 10).to_string();
        assert_eq!(text, "its clock is 3600.0 s behind this service's");
    }

    #[test]
    fn times_at_the_ends_of_their_range_do_not_overflow() {
        for at in [i64::MIN, i64::MAX] {
            let at = Timestamp::from_micros(at);
            assert!(
                ClockDifference::measure(at, Timestamp::from_micros(0), Duration::MAX)
                    .to_string()
                    .contains("its clock")
            );
            assert!(ClockDifference::measure(at, Timestamp::now(), Duration::ZERO).is_too_large());
        }
    }
}
