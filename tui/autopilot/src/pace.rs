//! The pace of operations.

use std::str::FromStr;
use std::time::Duration;

use common::time::parse_duration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// The mean think time of TPC-W (specification 1.8, clause 5.3.2.1).
const TPCW_MEAN: Duration = Duration::from_secs(7);
/// The maximum think time of TPC-W: ten times the mean.
const TPCW_MAX: Duration = Duration::from_secs(70);

/// The think time of a shopper after each answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Think {
    /// No think time.
    #[default]
    None,
    /// A constant think time.
    Fixed(Duration),
    /// Exponentially distributed with a mean of 7 s and a maximum of 70 s, as in TPC-W.
    Tpcw,
}

impl Think {
    /// Draws the next think time.
    pub(super) fn pause(self, rng: &mut ChaCha8Rng) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Fixed(pause) => pause,
            Self::Tpcw => {
                // A number in (0, 1] with 53 bits.
                let bits = u32::try_from(rng.next_u64() >> 32).unwrap_or(0);
                let part = (f64::from(bits) + 1.0) / (f64::from(u32::MAX) + 1.0);
                TPCW_MEAN.mul_f64(-part.ln().min(0.0)).min(TPCW_MAX)
            }
        }
    }
}

impl FromStr for Think {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "none" => Ok(Self::None),
            "tpcw" => Ok(Self::Tpcw),
            _ => parse_duration(text)
                .map(Self::Fixed)
                .map_err(|_| "expected none, tpcw, or a time like 500ms or 2s"),
        }
    }
}

impl std::fmt::Display for Think {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Fixed(pause) => write!(f, "{pause:?}"),
            Self::Tpcw => f.write_str("tpcw"),
        }
    }
}

/// The arrival of operations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// Closed loop: a shopper sends its next operation after its answer and think time, so a slow store gets fewer requests.
    Closed(Think),
    /// Open loop: operations begin at this rate, in operations per second, regardless of the answers. Latency counts from
    /// the scheduled start, so that a pause of the store shows in every operation that it delayed.
    Open(f64),
}

impl Pace {
    /// The time between two operations of one shopper; `None` in a closed loop.
    pub(super) fn period(self, shoppers: u32) -> Option<Duration> {
        match self {
            Self::Closed(_) => None,
            Self::Open(rate) => Duration::try_from_secs_f64(f64::from(shoppers) / rate).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_think_time_is_read_as_it_is_written() {
        for think in [Think::None, Think::Tpcw, Think::Fixed(Duration::from_millis(500))] {
            assert_eq!(think.to_string().parse(), Ok(think));
        }
        assert!("often".parse::<Think>().is_err());
    }

    #[test]
    fn tpcw_think_times_have_a_mean_of_seven_seconds_and_a_maximum_of_seventy() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let pauses: Vec<_> = (0..20_000).map(|_| Think::Tpcw.pause(&mut rng)).collect();
        let mean = pauses.iter().sum::<Duration>().as_secs_f64() / 20_000.0;
        assert!((6.8..7.2).contains(&mean), "{mean}");
        assert!(pauses.iter().all(|pause| *pause <= TPCW_MAX));
    }

    #[test]
    fn shoppers_share_the_rate() {
        assert_eq!(Pace::Open(500.0).period(10), Some(Duration::from_millis(20)));
        assert_eq!(Pace::Closed(Think::None).period(10), None);
    }
}
