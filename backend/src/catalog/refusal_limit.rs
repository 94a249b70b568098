//! The limit on recorded refusals: a flood of purchases with fresh keys must not fill the disk with them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use common::limits;

/// The time over which refusals are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// Counts the refusals that were recorded within the last second, in entries.
#[derive(Debug, Default)]
pub(super) struct RefusalLimit {
    /// When how many were recorded; at most one element for each of them.
    recorded: VecDeque<(Instant, usize)>,
    total: usize,
}

impl RefusalLimit {
    /// How many may be recorded at `now`, which never goes back.
    pub(super) fn remaining(&mut self, now: Instant) -> usize {
        while let Some(&(at, count)) = self.recorded.front()
            && now.saturating_duration_since(at) >= WINDOW
        {
            self.recorded.pop_front();
            self.total -= count;
        }
        limits::RECORDED_REFUSALS_MAX.saturating_sub(self.total)
    }

    /// Counts those that were recorded at `now`.
    pub(super) fn count(&mut self, now: Instant, recorded: usize) {
        if recorded > 0 {
            self.recorded.push_back((now, recorded));
            self.total += recorded;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_than_a_thousand() {
        let (mut limit, start) = (RefusalLimit::default(), Instant::now());
        let mut recorded = Vec::new();
        // Every seven milliseconds as many as a whole batch may have.
        for at in (0..10_000).step_by(7).map(|ms| start + Duration::from_millis(ms)) {
            let count = limit.remaining(at).min(300);
            limit.count(at, count);
            recorded.push((at, count));
        }
        for &(from, _) in &recorded {
            let within = recorded.iter().filter(|&&(at, _)| at >= from && at < from + WINDOW);
            assert!(within.map(|&(_, count)| count).sum::<usize>() <= 1_000);
        }
        let total: usize = recorded.iter().map(|&(_, count)| count).sum();
        assert!(total >= 9_000, "only {total} in ten seconds");
        assert!(limit.recorded.len() <= limits::RECORDED_REFUSALS_MAX);
    }
}
