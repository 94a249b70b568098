//! The limit on recorded refusals, so that a flood of refused purchases with fresh keys does not fill the disk.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use common::limits;

/// The window in which refusals are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// Counts the refusals that were recorded within the last [`WINDOW`], in entries.
#[derive(Debug, Default)]
pub(super) struct RefusalLimit {
    /// The time and number of the refusals of each batch; at most one element for each refusal.
    recorded: VecDeque<(Instant, usize)>,
    total: usize,
}

impl RefusalLimit {
    /// Number of refusals that may be recorded at `now`, which must not decrease between calls.
    pub(super) fn remaining(&mut self, now: Instant) -> usize {
        while let Some(&(at, count)) = self.recorded.front()
            && now.saturating_duration_since(at) >= WINDOW
        {
            self.recorded.pop_front();
            self.total -= count;
        }
        limits::RECORDED_REFUSALS_MAX.saturating_sub(self.total)
    }

    /// Counts the refusals that were recorded at `now`.
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
        // A batch of up to 300 refusals every seven milliseconds.
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
