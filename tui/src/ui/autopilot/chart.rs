//! Throughput and latency over time, with the present at the right edge.

use autopilot::axis::{mark, marks};
use autopilot::{Second, Snapshot, ms};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Span;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType};

use super::charts::Charts;
use super::fitting;
use super::look::Look;
use crate::format::thousands;

/// The least rows in which a chart is drawn.
const ROWS_MIN: u16 = 4;

/// Draws operations and sales per second.
pub(super) fn throughput(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look, charts: &Charts) {
    let last = snapshot.last_second();
    let peak = snapshot.series.iter().map(|second| second.requests).max().unwrap_or(0);
    let [all, sold, _] = look.lines;
    let title = vec![
        Span::styled("Throughput ", look.title),
        Span::styled(format!("now {}/s", thousands(last.requests)), all),
        Span::styled(format!("  sold {}/s", thousands(last.sold)), sold),
        Span::styled(format!("  mean {:.1}/s", snapshot.rate()), look.dim),
        Span::styled(format!("  peak {}/s", thousands(peak)), look.dim),
    ];
    let lines = [
        (all, points(snapshot, charts, |second| count(second.requests))),
        (sold, points(snapshot, charts, |second| count(second.sold))),
    ];
    plot(frame, area, title, &lines, look, charts);
}

/// Draws the latency quantiles.
pub(super) fn latency(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look, charts: &Charts) {
    let last = snapshot.last_second();
    let [p50, p95, p99] = look.lines;
    let title = vec![
        Span::styled("Latency ms ", look.title),
        Span::styled(format!("p50 {}", ms(last.p50_us)), p50),
        Span::styled(format!("  p95 {}", ms(last.p95_us)), p95),
        Span::styled(format!("  p99 {}", ms(last.p99_us)), p99),
    ];
    let lines = [
        (p99, points(snapshot, charts, |second| millis(second.p99_us))),
        (p95, points(snapshot, charts, |second| millis(second.p95_us))),
        (p50, points(snapshot, charts, |second| millis(second.p50_us))),
    ];
    plot(frame, area, title, &lines, look, charts);
}

fn plot(
    frame: &mut Frame<'_>,
    area: Rect,
    title: Vec<Span<'_>>,
    lines: &[(Style, Vec<(f64, f64)>)],
    look: &Look,
    charts: &Charts,
) {
    let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(fitting(title, head.width), head);
    if body.height < ROWS_MIN {
        return;
    }
    let most = lines
        .iter()
        .flat_map(|(_, points)| points)
        .map(|(_, value)| *value)
        .fold(0.0, f64::max);
    let marks = marks(most, u32::from(body.height / 3).clamp(1, 5));
    let step = marks.get(1).copied().unwrap_or(1.0);
    let top = marks.last().copied().unwrap_or(1.0);
    let datasets = lines.iter().map(|(style, points)| {
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(*style)
            .data(points)
    });
    let window = f64::from(charts.window_s);
    let ages = [
        format!("-{}s", charts.window_s),
        format!("-{}s", charts.window_s / 2),
        "now".to_owned(),
    ];
    let chart = Chart::new(datasets.collect())
        .legend_position(None)
        .x_axis(Axis::default().bounds([-window, 0.0]).labels(ages).style(look.dim))
        .y_axis(
            Axis::default()
                .bounds([0.0, top])
                .labels(marks.iter().map(|value| mark(*value, step)))
                .style(look.dim),
        );
    frame.render_widget(chart, body);
}

/// The seconds of the window, each at its age.
fn points(snapshot: &Snapshot, charts: &Charts, value: impl Fn(&Second) -> f64) -> Vec<(f64, f64)> {
    let newest_first = snapshot.series.iter().rev();
    let mut points: Vec<_> = (0..=charts.window_s)
        .zip(newest_first)
        .map(|(age_s, second)| (-f64::from(age_s), value(second)))
        .collect();
    points.reverse();
    points
}

fn count(number: u64) -> f64 {
    // Larger counts are clipped; they do not occur.
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn millis(us: u64) -> f64 {
    count(us) / 1_000.0
}
