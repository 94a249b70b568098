//! What a book's stock did since it was first seen.

use std::collections::VecDeque;
use std::time::Duration;

/// The most moments kept of one book's stock.
const POINTS_MAX: usize = 256;

/// What a book's stock did since it was first seen.
#[derive(Debug, Clone, Default)]
pub struct StockHistory {
    /// The most copies seen; a full gauge.
    pub peak: u32,
    /// When it moved, and to how many copies.
    pub points: VecDeque<(Duration, u32)>,
    /// Until when it stands out, and whether it rose.
    pub highlight: Option<(Duration, bool)>,
}

impl StockHistory {
    pub(super) fn push(&mut self, now: Duration, stock: u32) {
        if self.points.len() >= POINTS_MAX {
            // Every second moment is enough for what is long ago.
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.points.push_back((now, stock));
    }

    /// The stock in `columns` steps up to now; nothing for the time before the book was first seen. A `window` of
    /// nothing means: since it was first seen.
    pub fn sample(&self, window: Option<Duration>, columns: usize, now: Duration) -> Vec<Option<u32>> {
        let first = self.points.front().map_or(now, |(at, _)| *at);
        let window = window
            .unwrap_or_else(|| now.saturating_sub(first))
            .max(Duration::from_secs(1));
        let start = now.checked_sub(window);
        let mut points = self.points.iter().peekable();
        let mut stock = None;
        (1..=columns)
            .map(|column| {
                let share = u32::try_from(column).unwrap_or(u32::MAX);
                let all = u32::try_from(columns).unwrap_or(u32::MAX).max(1);
                let passed = window.saturating_mul(share) / all;
                // A window that begins before the program did has nothing to show there.
                let until = match start {
                    Some(start) => start + passed,
                    None => match (now + passed).checked_sub(window) {
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
    fn history_ends_now_and_is_empty_before_the_book_was_seen() {
        let mut track = StockHistory::default();
        track.push(Duration::from_secs(10), 5);
        track.push(Duration::from_secs(18), 3);
        let window = Some(Duration::from_secs(20));
        assert_eq!(
            track.sample(window, 4, Duration::from_secs(20)),
            [None, Some(5), Some(5), Some(3)]
        );
        assert_eq!(track.sample(window, 2, Duration::from_secs(10)), [None, Some(5)]);
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
