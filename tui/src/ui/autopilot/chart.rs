//! Throughput and latency over time; the right edge is the current time.

use autopilot::axis::{mark, marks};
use autopilot::{Second, ms};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Span;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType};

use super::{RunView, fitting};
use crate::format::thousands;

/// Least height of a chart, in rows.
const ROWS_MIN: u16 = 4;

impl RunView<'_> {
    pub(super) fn draw_throughput(&self, frame: &mut Frame<'_>, area: Rect) {
        let (snapshot, palette) = (self.snapshot, self.palette);
        let last = snapshot.last_second();
        let peak = snapshot.series.iter().map(|second| second.requests).max().unwrap_or(0);
        let title = vec![
            Span::styled("Throughput ", palette.strong),
            Span::styled(format!("now {}/s", thousands(last.requests)), palette.chart),
            Span::styled(format!("  sold {}/s", thousands(last.sold)), palette.warn),
            Span::styled(format!("  mean {:.1}/s", snapshot.rate()), palette.dim),
            Span::styled(format!("  peak {}/s", thousands(peak)), palette.dim),
        ];
        let lines = [
            (palette.chart, self.points(|second| second.requests as f64)),
            (palette.warn, self.points(|second| second.sold as f64)),
        ];
        self.plot(frame, area, title, &lines);
    }

    pub(super) fn draw_latency(&self, frame: &mut Frame<'_>, area: Rect) {
        let last = self.snapshot.last_second();
        let [p50, p95, p99] = [self.palette.chart, self.palette.warn, self.palette.bad];
        let title = vec![
            Span::styled("Latency ms ", self.palette.strong),
            Span::styled(format!("p50 {}", ms(last.p50_us)), p50),
            Span::styled(format!("  p95 {}", ms(last.p95_us)), p95),
            Span::styled(format!("  p99 {}", ms(last.p99_us)), p99),
        ];
        let lines = [
            (p99, self.points(|second| second.p99_us as f64 / 1_000.0)),
            (p95, self.points(|second| second.p95_us as f64 / 1_000.0)),
            (p50, self.points(|second| second.p50_us as f64 / 1_000.0)),
        ];
        self.plot(frame, area, title, &lines);
    }

    fn plot(&self, frame: &mut Frame<'_>, area: Rect, title: Vec<Span<'_>>, lines: &[(Style, Vec<(f64, f64)>)]) {
        let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
        frame.render_widget(fitting(title, head.width), head);
        if body.height < ROWS_MIN {
            return;
        }
        let values = lines.iter().flat_map(|(_, points)| points).map(|(_, value)| *value);
        let ticks = marks(values.fold(0.0, f64::max), u32::from(body.height / 3).clamp(1, 5));
        let step = ticks.get(1).copied().unwrap_or(1.0);
        let top = ticks.last().copied().unwrap_or(1.0);
        let datasets = lines.iter().map(|(style, points)| {
            Dataset::default()
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(*style)
                .data(points)
        });
        let window_s = self.charts.window_s;
        let ages = [format!("-{window_s}s"), format!("-{}s", window_s / 2), "now".to_owned()];
        let x_axis = Axis::default().bounds([-f64::from(window_s), 0.0]).labels(ages);
        let labels = ticks.iter().map(|value| mark(*value, step));
        let y_axis = Axis::default().bounds([0.0, top]).labels(labels);
        let chart = Chart::new(datasets.collect())
            .legend_position(None)
            .x_axis(x_axis.style(self.palette.dim))
            .y_axis(y_axis.style(self.palette.dim));
        frame.render_widget(chart, body);
    }

    /// The seconds of the window as pairs of negative age and value.
    fn points(&self, value: impl Fn(&Second) -> f64) -> Vec<(f64, f64)> {
        let newest_first = self.snapshot.series.iter().rev();
        let points = (0..=self.charts.window_s).zip(newest_first);
        let mut points: Vec<_> = points
            .map(|(age_s, second)| (-f64::from(age_s), value(second)))
            .collect();
        points.reverse();
        points
    }
}
