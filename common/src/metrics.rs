//! Counters and histograms of hot paths. A record costs one or two atomic additions to a shard that few threads share; a
//! read sums the shards.

use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The number of copies of a value, over which threads are spread so that they seldom write to the same cache line.
const SHARDS: usize = 4;
/// The number of bounds of a histogram.
const BOUNDS: usize = 15;

/// Upper bounds for durations, in nanoseconds: 100 µs to 5 s.
pub const DURATION_BOUNDS_NS: [u64; BOUNDS] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
];
/// Upper bounds for numbers of lines: the powers of two from 1 to 16,384.
pub const LINE_BOUNDS: [u64; BOUNDS] = [
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384,
];

/// The index of the shard that this thread writes to.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static SHARD: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
    SHARD.with(|shard| *shard)
}

/// A value aligned to two cache lines, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Aligned<T>(T);

/// A monotonic counter.
#[derive(Debug, Default)]
pub struct Counter([Aligned<AtomicU64>; SHARDS]);

impl Counter {
    /// Adds to the counter.
    pub fn add(&self, count: u64) {
        if let Some(Aligned(value)) = self.0.get(shard()) {
            value.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// The sum over all shards.
    pub fn get(&self) -> u64 {
        self.0.iter().map(|Aligned(value)| value.load(Ordering::Relaxed)).sum()
    }
}

/// The number of values in each bucket, and the sum of all values.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64; BOUNDS],
    shards: [Aligned<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    /// A count for each bound, and one for values beyond the last bound.
    buckets: [AtomicU64; BOUNDS + 1],
    sum: AtomicU64,
}

impl Histogram {
    /// A histogram of durations.
    pub fn of_durations() -> Self {
        Self::new(&DURATION_BOUNDS_NS)
    }

    /// A histogram of line counts.
    pub fn of_lines() -> Self {
        Self::new(&LINE_BOUNDS)
    }

    fn new(bounds: &'static [u64; BOUNDS]) -> Self {
        Self {
            bounds,
            shards: array::from_fn(|_| Aligned::default()),
        }
    }

    /// Records a duration.
    pub fn record_duration(&self, duration: Duration) {
        self.record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records a value, in the unit of the bounds.
    pub fn record(&self, value: u64) {
        let Some(Aligned(shard)) = self.shards.get(shard()) else {
            return;
        };
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        if let Some(count) = shard.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        shard.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// The values recorded so far.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            bounds: self.bounds,
            buckets: [0; BOUNDS + 1],
            sum: 0,
        };
        for Aligned(shard) in &self.shards {
            for (total, count) in snapshot.buckets.iter_mut().zip(&shard.buckets) {
                *total += count.load(Ordering::Relaxed);
            }
            snapshot.sum = snapshot.sum.wrapping_add(shard.sum.load(Ordering::Relaxed));
        }
        snapshot
    }
}

/// The values of a histogram at one time.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The upper bounds of the buckets.
    pub bounds: &'static [u64; BOUNDS],
    /// The number of values in each bucket; the last bucket has the values beyond the last bound.
    pub buckets: [u64; BOUNDS + 1],
    /// The sum of all values.
    pub sum: u64,
}

impl Snapshot {
    /// The number of values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Adds the values of another histogram, which must have the same bounds.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (total, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *total += count;
        }
        self.sum = self.sum.wrapping_add(other.sum);
        self
    }

    /// The upper bound of the bucket with this percentile, or the last bound if the percentile is beyond it; `None` without
    /// values.
    pub fn quantile(&self, percent: u64) -> Option<u64> {
        let target = self.count().saturating_mul(percent).div_ceil(100);
        let mut total: u64 = 0;
        let mut cumulative = self.buckets.iter().map(|count| {
            total = total.saturating_add(*count);
            total
        });
        let bucket = cumulative.position(|reached| target > 0 && reached >= target)?;
        self.bounds.get(bucket).or(self.bounds.last()).copied()
    }
}

/// Metrics of a batching queue.
#[derive(Debug)]
pub struct BatchMetrics {
    /// The number of lines of each batch.
    pub lines: Histogram,
    /// The time that the first item of each batch was queued.
    pub wait: Histogram,
    /// The time from the removal of a batch from the queue to its results.
    pub duration: Histogram,
    /// The number of rejected items.
    pub rejected: Counter,
}

impl Default for BatchMetrics {
    fn default() -> Self {
        Self {
            lines: Histogram::of_lines(),
            wait: Histogram::of_durations(),
            duration: Histogram::of_durations(),
            rejected: Counter::default(),
        }
    }
}

impl BatchMetrics {
    /// Records a batch that was removed from the queue at `taken`, and whose first item was enqueued at `enqueued`.
    pub fn record_taken(&self, lines: usize, enqueued: Instant, taken: Instant) {
        self.lines.record(u64::try_from(lines).unwrap_or(u64::MAX));
        self.wait.record_duration(taken.saturating_duration_since(enqueued));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_rounded_up_to_their_bucket() {
        let histogram = Histogram::of_durations();
        assert_eq!(histogram.snapshot().quantile(50), None);
        for _ in 0..98 {
            histogram.record_duration(Duration::from_micros(100));
        }
        histogram.record_duration(Duration::from_micros(101));
        histogram.record_duration(Duration::from_secs(60));
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count(), 100);
        assert_eq!(
            [50, 98, 99, 100].map(|percent| snapshot.quantile(percent)),
            [Some(100_000), Some(100_000), Some(250_000), Some(5_000_000_000)]
        );
        assert_eq!(snapshot.clone().and(&snapshot).count(), 200);
    }

    #[test]
    fn values_of_several_threads_are_summed() {
        let (counter, histogram) = (Counter::default(), Histogram::of_lines());
        std::thread::scope(|scope| {
            for _ in 0..2 * SHARDS {
                scope.spawn(|| {
                    counter.add(3);
                    histogram.record(5);
                });
            }
        });
        assert_eq!(counter.get(), 24);
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.buckets[3], snapshot.count(), snapshot.sum), (8, 8, 40));
    }
}
