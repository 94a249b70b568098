//! The number of a service's requests and their latency quantiles, for its health.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds.
pub(super) const BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000,
];

/// The latencies of one service's requests.
#[derive(Debug, Default)]
pub(super) struct LatencyHistogram {
    /// One count for each bound, and one for latencies beyond the last.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
}

impl LatencyHistogram {
    pub(super) fn record(&self, latency: Duration) {
        let bucket = BOUNDS_US.partition_point(|bound_us| Duration::from_micros(*bound_us) < latency);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of requests.
    pub(super) fn requests(&self) -> u64 {
        self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// The upper bound of the bucket that holds this percentile; the last bound also stands for anything beyond it.
    pub(super) fn quantile_us(&self, percent: u64) -> Option<u64> {
        let target = self.requests().saturating_mul(percent).div_ceil(100);
        let mut total: u64 = 0;
        let mut cumulative = self.buckets.iter().map(|count| {
            total = total.saturating_add(count.load(Ordering::Relaxed));
            total
        });
        let bucket = cumulative.position(|reached| target > 0 && reached >= target)?;
        BOUNDS_US.get(bucket).or(BOUNDS_US.last()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_rounded_up_to_their_bucket() {
        let histogram = LatencyHistogram::default();
        assert_eq!((histogram.requests(), histogram.quantile_us(50)), (0, None));
        for _ in 0..98 {
            histogram.record(Duration::from_micros(100));
        }
        histogram.record(Duration::from_micros(101));
        histogram.record(Duration::from_secs(60));
        assert_eq!(histogram.requests(), 100);
        assert_eq!(
            [50, 98, 99, 100].map(|percent| histogram.quantile_us(percent)),
            [Some(100), Some(100), Some(250), Some(5_000_000)]
        );
    }
}
