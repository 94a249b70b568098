//! The state of the charts: time window, expanded chart, frozen or not.

use autopilot::SERIES_SECONDS_MAX;

/// The time windows, in seconds.
const WINDOWS_S: [u32; 5] = [30, 60, 120, 300, WHOLE_S];
/// The longest window: everything that is kept.
#[expect(clippy::cast_possible_truncation, reason = "a few hundred")]
const WHOLE_S: u32 = SERIES_SECONDS_MAX as u32;

/// The state of the charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charts {
    /// The time window in seconds.
    pub window_s: u32,
    /// The chart that is expanded to the whole screen.
    pub large: Option<Large>,
    /// Whether the charts are frozen.
    pub held: bool,
}

/// A chart that can be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Large {
    /// Requests and sales per second.
    Throughput,
    /// Latency quantiles.
    Latency,
}

impl Default for Charts {
    fn default() -> Self {
        Self {
            window_s: 60,
            large: None,
            held: false,
        }
    }
}

impl Charts {
    /// Selects the next longer window.
    pub fn longer(&mut self) {
        let longer = WINDOWS_S.into_iter().find(|window_s| *window_s > self.window_s);
        self.window_s = longer.unwrap_or(self.window_s);
    }

    /// Selects the next shorter window.
    pub fn shorter(&mut self) {
        let shorter = WINDOWS_S.into_iter().rev().find(|window_s| *window_s < self.window_s);
        self.window_s = shorter.unwrap_or(self.window_s);
    }

    /// Selects the longest window.
    pub fn whole(&mut self) {
        self.window_s = WHOLE_S;
    }

    /// Expands the next chart, or shows all charts again after the last.
    pub fn expand(&mut self) {
        self.large = match self.large {
            None => Some(Large::Throughput),
            Some(Large::Throughput) => Some(Large::Latency),
            Some(Large::Latency) => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_has_ends() {
        let mut charts = Charts::default();
        for _ in 0..10 {
            charts.shorter();
        }
        assert_eq!(charts.window_s, 30);
        charts.longer();
        assert_eq!(charts.window_s, 60);
        for _ in 0..10 {
            charts.longer();
        }
        assert_eq!(charts.window_s, WHOLE_S);
        charts.shorter();
        charts.whole();
        assert_eq!(charts.window_s, WHOLE_S);
    }

    #[test]
    fn each_chart_takes_the_screen_in_turn() {
        let mut charts = Charts::default();
        let seen = [0; 3].map(|_| {
            charts.expand();
            charts.large
        });
        assert_eq!(seen, [Some(Large::Throughput), Some(Large::Latency), None]);
    }
}
