//! The state of the charts: time window and expanded chart.

use autopilot::SERIES_SECONDS_MAX;

const WINDOWS_S: [u32; 5] = [30, 60, 120, 300, SERIES_SECONDS_MAX];

/// The state of the charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charts {
    pub(super) window_s: u32,
    /// The chart that is expanded to the whole screen.
    pub(super) expanded: Option<ExpandedChart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpandedChart {
    Throughput,
    Latency,
}

impl Default for Charts {
    fn default() -> Self {
        Self {
            window_s: 60,
            expanded: None,
        }
    }
}

impl Charts {
    pub(super) fn longer(&mut self) {
        let longer = WINDOWS_S.into_iter().find(|window_s| *window_s > self.window_s);
        self.window_s = longer.unwrap_or(self.window_s);
    }

    pub(super) fn shorter(&mut self) {
        let shorter = WINDOWS_S.into_iter().rev().find(|window_s| *window_s < self.window_s);
        self.window_s = shorter.unwrap_or(self.window_s);
    }

    pub(super) fn whole(&mut self) {
        self.window_s = SERIES_SECONDS_MAX;
    }

    /// Expands the next chart, or shows all charts again after the last.
    pub(super) fn expand(&mut self) {
        self.expanded = match self.expanded {
            None => Some(ExpandedChart::Throughput),
            Some(ExpandedChart::Throughput) => Some(ExpandedChart::Latency),
            Some(ExpandedChart::Latency) => None,
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
        assert_eq!(charts.window_s, SERIES_SECONDS_MAX);
        charts.shorter();
        charts.whole();
        assert_eq!(charts.window_s, SERIES_SECONDS_MAX);
    }

    #[test]
    fn each_chart_takes_the_screen_in_turn() {
        let mut charts = Charts::default();
        let expanded = [0; 3].map(|_| {
            charts.expand();
            charts.expanded
        });
        assert_eq!(
            expanded,
            [Some(ExpandedChart::Throughput), Some(ExpandedChart::Latency), None]
        );
    }
}
