//! Charts in SVG.

use maud::{Markup, html};

use crate::axis::{mark, marks};

/// Size and margins of a line chart in SVG user units.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 8.0;
/// The most steps of each axis.
const STEPS: u32 = 5;

pub(super) struct Line {
    pub(super) name: &'static str,
    /// The CSS class that sets the color.
    pub(super) class: &'static str,
    pub(super) values: Vec<f64>,
}

/// A line chart over time.
pub(super) struct LineChart<'a> {
    pub(super) title: &'static str,
    pub(super) lines: [Line; 3],
    /// Seconds between two values.
    pub(super) stride_s: u64,
    /// Times marked by a vertical line, in seconds.
    pub(super) events_s: &'a [f64],
}

impl LineChart<'_> {
    pub(super) fn markup(&self) -> Markup {
        let values = self.lines.iter().flat_map(|line| &line.values).copied();
        let ticks = marks(values.fold(0.0, f64::max), STEPS);
        let step = ticks.get(1).copied().unwrap_or(1.0);
        let top = ticks.last().copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
        let count = self.lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
        let end_s = self.seconds(count.saturating_sub(1));
        let x = |second: f64| tenths(LEFT + second / end_s.max(1.0) * (WIDTH - LEFT - RIGHT));
        let y = |value: f64| tenths(HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP));
        let points = |line: &Line| {
            let values = line.values.iter().enumerate();
            let points = values.map(|(index, value)| format!("{},{}", x(self.seconds(index)), y(*value)));
            points.collect::<Vec<_>>().join(" ")
        };
        let is_shown = |second: &f64| *second <= end_s;
        html! {
            h3 {
                (self.title)
                @for line in &self.lines { span class={ "key " (line.class) } { "— " (line.name) } }
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.title) {
                @for value in ticks {
                    line class="grid" x1=(LEFT) x2=(WIDTH) y1=(y(value)) y2=(y(value)) {}
                    text x=(LEFT - 6.0) y=(y(value) + 4.0) text-anchor="end" { (mark(value, step)) }
                }
                @for second in self.events_s.iter().copied().filter(is_shown) {
                    line class="mark" x1=(x(second)) x2=(x(second)) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
                }
                @for second in marks(end_s, STEPS).into_iter().filter(is_shown) {
                    text x=(x(second)) y=(HEIGHT - 6.0) text-anchor="middle" { (second) " s" }
                }
                @for line in &self.lines { polyline class={ "line " (line.class) } points=(points(line)) {} }
            }
        }
    }

    /// The end of a value's period, in seconds since the start.
    fn seconds(&self, index: usize) -> f64 {
        (index as u64 + 1).saturating_mul(self.stride_s) as f64
    }
}

/// One bar of a bar chart.
#[derive(Debug)]
pub struct Bar {
    /// The label to the left of the bar.
    pub label: String,
    /// The length relative to the goal; more than 2 is cut.
    pub length: f64,
    /// Whether the goal is reached.
    pub is_good: bool,
    /// The measured value and the goal, to the right of the bar.
    pub numbers: [String; 2],
}

/// An SVG document with a bar for each goal, and a vertical line at the goals.
pub fn goal_chart(bars: &[Bar]) -> String {
    const LABEL_WIDTH: f64 = 620.0;
    const GOAL_WIDTH: f64 = 180.0;
    const LENGTH_MAX: f64 = 2.0;
    const NUMBERS_WIDTH: f64 = 170.0;
    const ROW_HEIGHT: f64 = 26.0;
    const HEAD_HEIGHT: f64 = 44.0;
    let bottom = HEAD_HEIGHT + ROW_HEIGHT * bars.len() as f64;
    let (width, height) = (LABEL_WIDTH + GOAL_WIDTH * LENGTH_MAX + NUMBERS_WIDTH, bottom + 12.0);
    let goal_x = LABEL_WIDTH + GOAL_WIDTH;
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (width) " " (height) }
            font-family="sans-serif" font-size="13" {
            title { "What was measured, against its goal" }
            rect width=(width) height=(height) rx="6" fill="#ffffff" {}
            text x=(goal_x) y="24" text-anchor="middle" fill="#57606a" { "goal" }
            @for (index, Bar { label, length, is_good, numbers: [measured, wanted] }) in bars.iter().enumerate() {
                @let top = HEAD_HEIGHT + ROW_HEIGHT * index as f64;
                @let width = tenths(length.clamp(0.0, LENGTH_MAX) * GOAL_WIDTH);
                text x=(LABEL_WIDTH - 8.0) y=(top + 17.0) text-anchor="end" fill="#1f2328" { (label) }
                rect x=(LABEL_WIDTH) y=(top + 4.0) width=(width) height="16"
                    fill=(if *is_good { "#2da44e" } else { "#d4722e" }) {}
                text x=(LABEL_WIDTH + width.max(GOAL_WIDTH) + 8.0) y=(top + 17.0) fill="#1f2328" {
                    (measured) @if *length > LENGTH_MAX { " →" } " (" (wanted) ")"
                }
            }
            line x1=(goal_x) y1=(HEAD_HEIGHT - 12.0) x2=(goal_x) y2=(bottom) stroke="#1f2328" stroke-dasharray="4 3" {}
        }
    };
    svg.into_string()
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_long_bars_are_cut() {
        let bar = Bar {
            label: "a < b & c".to_owned(),
            length: 3.0,
            is_good: true,
            numbers: ["3.00".to_owned(), "≥ 1.00".to_owned()],
        };
        let svg = goal_chart(&[bar]);
        assert!(svg.contains(">a &lt; b &amp; c</text>"), "{svg}");
        assert!(
            svg.contains(r#"width="360""#) && svg.contains("3.00 → (≥ 1.00)"),
            "{svg}"
        );
    }
}
