//! How much each service of this process did, for its health: a count and quantiles, next to nothing to keep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets of durations, in microseconds.
pub(super) const BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000,
];

static CATALOG: Traffic = Traffic::new();
static ORDER: Traffic = Traffic::new();
static FRONTEND: Traffic = Traffic::new();

/// The requests of a service.
#[derive(Debug)]
pub(super) struct Traffic {
    /// One count a bound, and one for what is beyond the last.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
}

/// The requests of the service of that name in this process.
pub(super) fn traffic(service: &str) -> Option<&'static Traffic> {
    match service {
        "catalog" => Some(&CATALOG),
        "order" => Some(&ORDER),
        "frontend" => Some(&FRONTEND),
        _ => None,
    }
}

impl Traffic {
    const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BOUNDS_US.len() + 1],
        }
    }

    pub(super) fn record(&self, took: Duration) {
        let bucket = BOUNDS_US.partition_point(|bound_us| Duration::from_micros(*bound_us) < took);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many requests were answered.
    pub(super) fn requests(&self) -> u64 {
        self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// The bound of the bucket that holds that many of a hundred; what is beyond the last bound counts for it.
    pub(super) fn quantile_us(&self, percent: u64) -> Option<u64> {
        let wanted = self.requests().saturating_mul(percent).div_ceil(100);
        let mut so_far: u64 = 0;
        let mut reached = self.buckets.iter().map(|count| {
            so_far = so_far.saturating_add(count.load(Ordering::Relaxed));
            so_far
        });
        let bucket = reached.position(|reached| wanted > 0 && reached >= wanted)?;
        BOUNDS_US.get(bucket).or(BOUNDS_US.last()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_rounded_up_to_their_bucket() {
        let traffic = Traffic::new();
        assert_eq!((traffic.requests(), traffic.quantile_us(50)), (0, None));
        for _ in 0..98 {
            traffic.record(Duration::from_micros(100));
        }
        traffic.record(Duration::from_micros(101));
        traffic.record(Duration::from_secs(60));
        assert_eq!(traffic.requests(), 100);
        assert_eq!(
            [50, 98, 99, 100].map(|percent| traffic.quantile_us(percent)),
            [Some(100), Some(100), Some(250), Some(5_000_000)]
        );
    }
}
