//! The autopilot's screen: a pure function of a snapshot.

mod ascii;
mod chart;
mod charts;
mod numbers;
pub(crate) mod pane;
mod stock;

use autopilot::{Phase, Snapshot};
use common::text::sanitize;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};

use crate::columns::{Shrinking, fill, wanted};
use crate::format::{elapsed, plural, thousands, width};
use crate::theme::{Appearance, Palette};

use charts::{Charts, ExpandedChart};

/// The least width for charts side by side.
const COLUMNS_TWO: u16 = 90;
/// The least width for charts and numbers in separate columns.
const COLUMNS_WIDE: u16 = 140;
/// Below this height only one chart is drawn.
const ROWS_LOW: u16 = 18;
/// The blanks between two columns.
const GAP: usize = 2;
/// Rows of the operations' table, with its header.
const OPERATION_ROWS: u16 = 5;

#[derive(Debug)]
struct RunView<'a> {
    snapshot: &'a Snapshot,
    charts: &'a Charts,
    is_frozen: bool,
    palette: &'a Palette,
}

fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    appearance: &Appearance,
    snapshot: &Snapshot,
    charts: &Charts,
    is_frozen: bool,
) {
    let view = RunView {
        snapshot,
        charts,
        is_frozen,
        palette: &appearance.palette,
    };
    view.draw(frame, area);
    if appearance.glyphs.marker.is_ascii() {
        ascii::to_ascii(frame.buffer_mut(), area);
    }
}

impl RunView<'_> {
    fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        let head = self.head(area.width);
        let rows = u16::try_from(head.height()).unwrap_or(u16::MAX);
        let [head_area, body] = Layout::vertical([Constraint::Length(rows), Constraint::Min(0)]).areas(area);
        frame.render_widget(head, head_area);
        match self.charts.expanded {
            Some(ExpandedChart::Throughput) => return self.draw_throughput(frame, body),
            Some(ExpandedChart::Latency) => return self.draw_latency(frame, body),
            None => {}
        }
        let [throughput, latency, numbers, stock] = match body.width {
            0..COLUMNS_TWO => self.one_column(body),
            COLUMNS_TWO..COLUMNS_WIDE => charts_above_numbers(body),
            COLUMNS_WIDE.. => charts_beside_numbers(body, OPERATION_ROWS + 1 + self.outcome_rows()),
        };
        self.draw_throughput(frame, throughput);
        self.draw_latency(frame, latency);
        if body.width < COLUMNS_TWO {
            frame.render_widget(self.outcomes(), numbers);
        } else {
            self.draw_numbers(frame, numbers);
        }
        frame.render_widget(self.stock(stock), stock);
    }

    fn one_column(&self, area: Rect) -> [Rect; 4] {
        let stock_rows = u16::try_from(self.snapshot.stock.len()).unwrap_or(u16::MAX).clamp(1, 4) + 1;
        // One readable chart instead of two unreadable ones; of the latency only the numbers are shown.
        let latency_rows = if area.height < ROWS_LOW {
            Constraint::Length(1)
        } else {
            Constraint::Fill(1)
        };
        let rows = [
            Constraint::Fill(1),
            latency_rows,
            Constraint::Length(self.outcome_rows()),
            Constraint::Length(stock_rows),
        ];
        Layout::vertical(rows).areas(area)
    }

    /// The phase and the progress, and the store's error if there is one.
    fn head(&self, width: u16) -> Text<'static> {
        let (snapshot, palette) = (self.snapshot, self.palette);
        let (shape, style) = match snapshot.phase {
            Phase::Starting | Phase::Closing => ("◐", palette.warn),
            Phase::Running => ("●", palette.good),
            Phase::Paused => ("‖", palette.warn),
            Phase::Ended => ("○", palette.dim),
            Phase::Failed => ("○", palette.bad),
        };
        let mut time = elapsed(snapshot.elapsed);
        if let Some(duration) = snapshot.settings.duration {
            time = format!("{time} of {}", elapsed(duration));
        }
        let requests = match snapshot.settings.requests {
            Some(most) => format!("{} of {} requests", thousands(snapshot.requests), thousands(most)),
            None => format!("{} requests", thousands(snapshot.requests)),
        };
        // Ordered by importance: what does not fit is dropped from the end.
        let mut spans = vec![
            Span::styled(format!("{shape} {}", snapshot.phase), style),
            Span::styled(if self.is_frozen { "  ‖ frozen" } else { "" }, palette.warn),
            Span::raw(format!("  {time}")),
            Span::raw(format!("  {}", plural(snapshot.shoppers, "shopper"))),
            Span::styled(format!("  mix {}", snapshot.settings.mix.name), palette.dim),
            Span::styled(format!("  seed {}", snapshot.settings.seed), palette.dim),
            Span::raw(format!("  {requests}")),
        ];
        if let Some(verdict) = snapshot.verdict {
            spans.insert(2, Span::raw(format!("  audit {verdict}")));
        }
        if snapshot.violations > 0 {
            let violations = format!("  {} violations", thousands(snapshot.violations));
            spans.insert(2, Span::styled(violations, palette.bad));
        }
        let error = snapshot.last_error.as_deref();
        let error = error.map(|error| Line::styled(format!("! {}", sanitize(error)), palette.bad));
        [fitting(spans, width)].into_iter().chain(error).collect()
    }
}

/// The widths of a table's columns. The first text takes the remaining room.
fn fitted<const N: usize>(shrinking: [Shrinking; N], rows: &[[String; N]], room: usize) -> [usize; N] {
    fill(wanted(shrinking, rows.iter(), |cell| width(cell)), GAP, room)
}

fn charts_above_numbers(area: Rect) -> [Rect; 4] {
    let rows = Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]).spacing(1);
    let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2);
    let [charts, numbers] = rows.areas(area);
    let ([throughput, latency], [numbers, stock]) = (halves.areas(charts), halves.areas(numbers));
    [throughput, latency, numbers, stock]
}

fn charts_beside_numbers(area: Rect, table_rows: u16) -> [Rect; 4] {
    let columns = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).spacing(2);
    let charts_rows = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).spacing(1);
    let numbers_rows = [Constraint::Length(table_rows), Constraint::Fill(1)];
    let [charts, numbers] = columns.areas(area);
    let [throughput, latency] = charts_rows.areas(charts);
    let [numbers, stock] = Layout::vertical(numbers_rows).spacing(1).areas(numbers);
    [throughput, latency, numbers, stock]
}

/// A line of the leading spans that fit completely.
fn fitting(spans: Vec<Span<'_>>, columns: u16) -> Line<'_> {
    let mut room = usize::from(columns);
    let fits = |span: &Span<'_>| match room.checked_sub(span.width()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    Line::from(spans.into_iter().take_while(fits).collect::<Vec<_>>())
}

#[cfg(test)]
pub(crate) mod tests;
