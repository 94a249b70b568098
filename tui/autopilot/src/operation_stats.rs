//! Counts and latencies of one kind of operation.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Counts and latencies of one kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OperationStats {
    /// Operations that ended.
    pub requests: u64,
    /// Operations that succeeded.
    pub ok: u64,
    /// Operations that ended without success.
    pub failed: u64,
    /// Latencies; a purchase's includes its retries.
    pub latency_us: Latency,
}

/// Percentiles of latencies in microseconds; 0 without an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// The 95th percentile.
    pub p95: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The 99.9th percentile.
    pub p999: u64,
    /// The maximum.
    pub max: u64,
}

impl Latency {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            p50: histogram.value_at_quantile(0.5),
            p95: histogram.value_at_quantile(0.95),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}
