//! The history of a book's stock.

use std::collections::VecDeque;
use std::time::Duration;

const POINTS_MAX: usize = 256;

/// The history of a book's stock since the book was first loaded.
#[derive(Debug, Clone, Default)]
pub(crate) struct StockHistory {
    /// The highest stock: a full gauge.
    pub(crate) peak: u32,
    /// The times of changes, and the new stock.
    pub(crate) points: VecDeque<(Duration, u32)>,
    /// The end of the stock's highlight, and whether the stock rose.
    pub(crate) highlight: Option<(Duration, bool)>,
}

impl StockHistory {
    pub(super) fn push(&mut self, now: Duration, stock: u32) {
        if self.points.len() >= POINTS_MAX {
            // Old changes need less resolution: drop every second point.
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.points.push_back((now, stock));
    }

    /// The stock at the end of each of `columns` equal steps up to now; `None` before the book was first loaded. The
    /// steps span `range`, or the whole history.
    pub(crate) fn sample(&self, range: Option<Duration>, columns: usize, now: Duration) -> Vec<Option<u32>> {
        let first = self.points.front().map_or(now, |(at, _)| *at);
        let range = range
            .unwrap_or_else(|| now.saturating_sub(first))
            .max(Duration::from_secs(1));
        let start = now.checked_sub(range);
        let mut points = self.points.iter().peekable();
        let mut stock = None;
        (1..=columns)
            .map(|column| {
                let share = u32::try_from(column).unwrap_or(u32::MAX);
                let all = u32::try_from(columns).unwrap_or(u32::MAX).max(1);
                let passed = range.saturating_mul(share) / all;
                // The range may begin before the program did.
                let until = match start {
                    Some(start) => start + passed,
                    None => match (now + passed).checked_sub(range) {
                        Some(until) => until,
                        None => return None,
                    },
                };
                while let Some((_, copies)) = points.next_if(|(at, _)| *at <= until) {
                    stock = Some(*copies);
                }
                stock
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_ends_now_and_is_empty_before_the_book_was_loaded() {
        let mut track = StockHistory::default();
        track.push(Duration::from_secs(10), 5);
        track.push(Duration::from_secs(18), 3);
        let range = Some(Duration::from_secs(20));
        assert_eq!(
            track.sample(range, 4, Duration::from_secs(20)),
            [None, Some(5), Some(5), Some(3)]
        );
        assert_eq!(track.sample(range, 2, Duration::from_secs(10)), [None, Some(5)]);
    }

    #[test]
    fn the_history_of_a_busy_book_stays_bounded() {
        let mut track = StockHistory::default();
        for second in 0..10_000 {
            track.push(Duration::from_secs(second), 1);
        }
        assert!(track.points.len() <= POINTS_MAX);
    }
}
