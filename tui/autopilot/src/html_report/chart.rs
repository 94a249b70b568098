//! A line chart over time, as SVG.

use std::fmt::{self, Write};

use crate::axis::{mark, marks};

/// Size and margins in SVG user units.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 8.0;
/// The most steps of each axis.
const STEPS: u32 = 5;

/// One line of a chart.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// The CSS class that sets the colour.
    pub(super) class: &'static str,
    pub(super) values: Vec<f64>,
}

/// A chart over time.
pub(super) struct Chart<'a> {
    pub(super) title: &'static str,
    pub(super) lines: Vec<Line>,
    /// Seconds between two values.
    pub(super) stride_s: u64,
    /// Times marked by a vertical line, in seconds.
    pub(super) marks: &'a [f64],
}

impl Chart<'_> {
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        write!(out, "<h3>{}", self.title)?;
        for line in &self.lines {
            write!(out, "<span class=\"key {}\">— {}</span>", line.class, line.name)?;
        }
        writeln!(
            out,
            "</h3>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.title
        )?;
        let most = self
            .lines
            .iter()
            .flat_map(|line| &line.values)
            .copied()
            .fold(0.0, f64::max);
        let values = marks(most, STEPS);
        let step = values.get(1).copied().unwrap_or(1.0);
        let top = values.last().copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP);
        for value in values {
            writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/><text x=\"{1}\" y=\"{2:.1}\" \
                 text-anchor=\"end\">{3}</text>",
                y(value),
                LEFT - 6.0,
                y(value) + 4.0,
                mark(value, step)
            )?;
        }
        self.write_time(out)?;
        for line in &self.lines {
            write!(out, "<polyline class=\"line {}\" points=\"", line.class)?;
            for (index, value) in line.values.iter().enumerate() {
                write!(out, "{:.1},{:.1} ", self.x(self.seconds(index)), y(*value))?;
            }
            writeln!(out, "\"/>")?;
        }
        writeln!(out, "</svg>")
    }

    /// Writes the time axis and the marked times.
    fn write_time(&self, out: &mut String) -> fmt::Result {
        for mark in self.marks.iter().filter(|mark| **mark <= self.length_s()) {
            writeln!(
                out,
                "<line class=\"mark\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{1}\"/>",
                self.x(*mark),
                HEIGHT - BOTTOM
            )?;
        }
        for second in marks(self.length_s(), STEPS)
            .into_iter()
            .filter(|second| *second <= self.length_s())
        {
            writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{second} s</text>",
                self.x(second),
                HEIGHT - 6.0
            )?;
        }
        Ok(())
    }

    /// The time at which the period of a value ends, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "seconds of a run, below 2⁵³")]
    fn seconds(&self, index: usize) -> f64 {
        (index as u64 + 1).saturating_mul(self.stride_s) as f64
    }

    fn length_s(&self) -> f64 {
        let values = self.lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
        self.seconds(values.saturating_sub(1))
    }

    fn x(&self, second: f64) -> f64 {
        LEFT + second / self.length_s().max(1.0) * (WIDTH - LEFT - RIGHT)
    }
}
