//! Measurements in constant memory: latencies in HDR histograms (Gil Tene), the last seconds in a ring buffer.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::basket::BasketCounts;
use super::operation_stats::{Latency, OperationStats};
use super::outcome::{ByOperation, OperationKind, Outcome, Outcomes};
use super::schedule::ScheduleStats;

/// The number of seconds kept for the charts.
pub const SERIES_SECONDS_MAX: u32 = 600;
/// Longer latencies are recorded as one minute, twice the longest deadline of an order.
const LATENCY_US_MAX: u64 = 60_000_000;

/// One second of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Second {
    /// Operations that ended in this second.
    pub requests: u64,
    /// Purchases that were sold in this second.
    pub sold: u64,
    /// Operations that failed in this second.
    pub failed: u64,
    /// The median latency in microseconds; 0 without answers.
    pub p50_us: u64,
    /// The 95th percentile in microseconds.
    pub p95_us: u64,
    /// The 99th percentile in microseconds.
    pub p99_us: u64,
    /// Counts of the purchases that ended in this second.
    pub baskets: BasketCounts,
    /// In an open loop, the operations that were due and that were begun in this second, and at its end the overdue ones
    /// and the age of the oldest without an answer.
    pub schedule: ScheduleStats,
}

#[derive(Debug)]
struct OperationTally {
    requests: u64,
    ok: u64,
    latency: Histogram<u64>,
}

#[derive(Debug)]
pub(super) struct Tally {
    by_operation: ByOperation<OperationTally>,
    pub(super) outcomes: Outcomes,
    pub(super) baskets: BasketCounts,
    pub(super) series: VecDeque<Second>,
    current: Second,
    current_latency: Histogram<u64>,
    /// The schedule at the start of the current second.
    last_schedule: ScheduleStats,
}

impl Default for Tally {
    fn default() -> Self {
        let empty = |_| OperationTally {
            requests: 0,
            ok: 0,
            latency: histogram(),
        };
        Self {
            by_operation: ByOperation::new(empty),
            outcomes: Outcomes::default(),
            baskets: BasketCounts::default(),
            series: VecDeque::with_capacity(SERIES_SECONDS_MAX as usize),
            current: Second::default(),
            current_latency: histogram(),
            last_schedule: ScheduleStats::default(),
        }
    }
}

impl Tally {
    pub(super) fn operations(&self) -> ByOperation<OperationStats> {
        ByOperation::new(|kind| {
            let OperationTally { requests, ok, latency } = &self.by_operation[kind];
            OperationStats {
                requests: *requests,
                ok: *ok,
                failed: requests - ok,
                latency_us: Latency::of(latency),
            }
        })
    }

    pub(super) fn requests(&self) -> u64 {
        self.by_operation
            .named()
            .into_iter()
            .map(|(_, operation)| operation.requests)
            .sum()
    }

    /// Counts an operation that ended; `None` if its latency is not measured.
    pub(super) fn record(&mut self, kind: OperationKind, outcome: Outcome, latency: Option<Duration>) {
        let counted = &mut self.by_operation[kind];
        counted.requests += 1;
        counted.ok += u64::from(outcome.is_ok());
        if let Some(latency_us) = latency.map(in_us) {
            counted.latency.saturating_record(latency_us);
            self.current_latency.saturating_record(latency_us);
        }
        self.outcomes.count(outcome);
        self.current.requests += 1;
        self.current.sold += u64::from(outcome == Outcome::Sold);
        self.current.failed += u64::from(!outcome.is_ok());
    }

    /// Counts the age of `count` operations that have not ended as their latency.
    pub(super) fn record_unfinished(&mut self, kind: OperationKind, age: Duration, count: u64) {
        self.by_operation[kind].latency.saturating_record_n(in_us(age), count);
    }

    /// Counts the lines of a purchase that ended.
    pub(super) fn record_basket(&mut self, lines: usize, is_refused_for_one_line: bool) {
        for counts in [&mut self.baskets, &mut self.current.baskets] {
            counts.count(lines, is_refused_for_one_line);
        }
    }

    /// Ends the current second; `schedule` holds the statistics since the start, in an open loop.
    pub(super) fn end_second(&mut self, schedule: Option<ScheduleStats>) -> Second {
        let now = schedule.unwrap_or_default();
        let before = std::mem::replace(&mut self.last_schedule, now);
        let Latency { p50, p95, p99, .. } = Latency::of(&self.current_latency);
        let second = Second {
            p50_us: p50,
            p95_us: p95,
            p99_us: p99,
            schedule: ScheduleStats {
                due: now.due.saturating_sub(before.due),
                begun: now.begun.saturating_sub(before.begun),
                ..now
            },
            ..self.current
        };
        if self.series.len() == SERIES_SECONDS_MAX as usize {
            self.series.pop_front();
        }
        self.series.push_back(second);
        self.current = Second::default();
        self.current_latency.reset();
        second
    }
}

fn in_us(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(LATENCY_US_MAX).max(1)
}

/// A histogram from one microsecond to one minute with three significant digits.
#[expect(
    clippy::expect_used,
    reason = "constant bounds, which every test that counts anything proves valid"
)]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("valid bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_counts_the_operations_that_ended_in_it_and_the_ring_drops_the_oldest() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.record(OperationKind::Buy, Outcome::Sold, Some(Duration::from_millis(2)));
        }
        tally.record(OperationKind::Search, Outcome::Unavailable, None);
        tally.record_basket(3, true);
        tally.end_second(None);
        let second = *tally.series.back().unwrap();
        assert_eq!((second.requests, second.sold, second.failed), (4, 3, 1));
        assert_eq!((second.baskets.lines, second.baskets.refused_for_one_line), (3, 1));
        assert!(
            (1_990..=2_010).contains(&second.p99_us),
            "a missing answer has no latency"
        );
        for _ in 0..SERIES_SECONDS_MAX {
            tally.end_second(None);
        }
        assert_eq!(tally.series.len(), 600);
        assert_eq!(tally.series.front(), Some(&Second::default()));
    }

    #[test]
    fn a_latency_beyond_the_range_is_clipped_not_lost() {
        let mut tally = Tally::default();
        tally.record(OperationKind::Buy, Outcome::SoldOut, Some(Duration::from_secs(3_600)));
        let buy = tally.operations().buy;
        assert_eq!((buy.requests, buy.ok, tally.requests()), (1, 0, 1));
        assert!(buy.latency_us.max.abs_diff(LATENCY_US_MAX) < 100_000, "{buy:?}");
    }
}
