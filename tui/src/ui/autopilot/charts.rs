//! What the charts show: how far back, one of them over everything, or the moment at which they are held still.

use autopilot::SERIES_SECONDS_MAX;

/// How far back, in seconds.
const WINDOWS_S: [u32; 5] = [30, 60, 120, 300, WHOLE_S];
/// As far back as is known.
#[expect(clippy::cast_possible_truncation, reason = "a few hundred")]
const WHOLE_S: u32 = SERIES_SECONDS_MAX as u32;

/// What the charts show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charts {
    /// Seconds across them.
    pub window_s: u32,
    /// The one that takes the whole screen.
    pub large: Option<Large>,
    /// Whether they are held still.
    pub held: bool,
}

/// A chart that can take the whole screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Large {
    /// Requests and sales a second.
    Throughput,
    /// Quantiles of the answers' times.
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
    /// Looks further back.
    pub fn longer(&mut self) {
        let longer = WINDOWS_S.into_iter().find(|window_s| *window_s > self.window_s);
        self.window_s = longer.unwrap_or(self.window_s);
    }

    /// Looks less far back.
    pub fn shorter(&mut self) {
        let shorter = WINDOWS_S.into_iter().rev().find(|window_s| *window_s < self.window_s);
        self.window_s = shorter.unwrap_or(self.window_s);
    }

    /// Looks back as far as is known.
    pub fn whole(&mut self) {
        self.window_s = WHOLE_S;
    }

    /// The next chart over the whole screen, then all of them again.
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
