//! The autopilot's screen: a pure function of a snapshot.

mod ascii;
mod chart;
mod charts;
pub(crate) mod pane;

use autopilot::{BookStock, OperationKind, Phase, Snapshot, ms};
use common::text::sanitize;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};

use crate::columns::{Need, STAYS, fill, wanted};
use crate::format::{align_left, align_right, elapsed, latency, plural, thousands, width};
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
/// Name, share, requests, failed ones and two latencies of an operation.
const OPERATION_NEEDS: [Need; 6] = [
    Need::Keep,
    Need::Whole { rank: 2 },
    Need::Keep,
    Need::Keep,
    Need::Whole { rank: 1 },
    Need::Keep,
];
/// Item number, title, gauge and stock of a book.
const STOCK_NEEDS: [Need; 4] = [
    Need::Key,
    Need::Text { min: 10, rank: STAYS },
    Need::Text { min: 6, rank: 1 },
    Need::Keep,
];
/// Rows of the outcomes, without the title; two more for the lines of the orders.
const OUTCOME_ROWS: u16 = 2;
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

    fn draw_numbers(&self, frame: &mut Frame<'_>, area: Rect) {
        let rows = [OPERATION_ROWS, 1, self.outcome_rows()].map(Constraint::Length);
        let [operations, title, outcomes] = Layout::vertical(rows).areas(area);
        let mut rows = vec![["", "mix", "requests", "failed", "p50", "p99"].map(str::to_owned)];
        let mix = &self.snapshot.settings.mix;
        let shares = OperationKind::ALL.map(|kind| mix.share(kind) * 100.0);
        for ((name, stats), share) in self.snapshot.operations.named().into_iter().zip(shares) {
            rows.push([
                name.to_string(),
                format!("{share:.0}%"),
                thousands(stats.requests),
                thousands(stats.failed),
                ms(stats.latency_us.p50),
                ms(stats.latency_us.p99),
            ]);
        }
        let widths = fitted(OPERATION_NEEDS, &rows, usize::from(area.width));
        let mut lines = vec![Line::styled("Operations", self.palette.strong)];
        for (row, cells) in rows.iter().enumerate() {
            let style = if row == 0 { self.palette.dim } else { Style::new() };
            lines.push(Line::styled(aligned(cells, &widths, 1), style));
        }
        frame.render_widget(Text::from(lines), operations);
        frame.render_widget(Line::styled("Outcomes", self.palette.strong), title);
        frame.render_widget(self.outcomes(), outcomes);
    }

    fn outcome_rows(&self) -> u16 {
        OUTCOME_ROWS + 2 * u16::from(self.snapshot.baskets.is_some())
    }

    fn outcomes(&self) -> Paragraph<'static> {
        let (outcomes, palette) = (&self.snapshot.outcomes, self.palette);
        let mut spans = Vec::new();
        let alarming = |count: u64| if count > 0 { palette.bad } else { palette.dim };
        for (name, number, style) in [
            ("sold", outcomes.sold, palette.good),
            ("sold out", outcomes.sold_out, palette.warn),
            ("unavailable", outcomes.unavailable, alarming(outcomes.unavailable)),
            ("unknown", outcomes.unknown, alarming(outcomes.unknown)),
            ("error", outcomes.error, alarming(outcomes.error)),
        ] {
            // A no-break space keeps a number beside its label.
            let pair = format!("{name} {}", thousands(number)).replace(' ', "\u{a0}");
            spans.extend([Span::styled(pair, style), Span::raw("  ")]);
        }
        if let Some(baskets) = self.snapshot.baskets {
            let refused = thousands(baskets.refused_for_one_line);
            for text in [
                format!("{:.2} lines an order", baskets.lines_per_order()),
                format!("refused for one line {refused}"),
            ] {
                spans.extend([Span::raw(text.replace(' ', "\u{a0}")), Span::raw("  ")]);
            }
        }
        if let Some(schedule) = self.snapshot.schedule.filter(|schedule| schedule.not_begun > 0) {
            let (waiting, age) = (thousands(schedule.not_begun), latency(schedule.oldest_unfinished_us));
            let overdue = format!("not begun {waiting} of {}, oldest {age}", thousands(schedule.due));
            spans.push(Span::styled(overdue.replace(' ', "\u{a0}"), palette.warn));
        }
        Paragraph::new(Line::from(spans)).wrap(Wrap { trim: true })
    }

    fn stock(&self, area: Rect) -> Text<'static> {
        let snapshot = self.snapshot;
        let (left, start) = (thousands(snapshot.copies_left), thousands(snapshot.copies_start));
        let head = Line::from(vec![
            Span::styled("Stock ", self.palette.strong),
            Span::raw(format!("{left} of {start} left")),
        ]);
        let room = usize::from(area.height.saturating_sub(1));
        // If some books have no row, the last row states how many.
        let shown = room.saturating_sub(usize::from(snapshot.books > room));
        let books: Vec<_> = snapshot.stock.iter().take(shown).collect();
        let books = self.stock_lines(&books, usize::from(area.width));
        let hidden = snapshot.books.saturating_sub(shown.min(snapshot.stock.len()));
        let hidden = (hidden > 0).then(|| Line::styled(format!("and {hidden} more books"), self.palette.dim));
        [head].into_iter().chain(books).chain(hidden).collect()
    }

    /// Item number, title, gauge of the stock left, and its numbers.
    fn stock_lines(&self, books: &[&BookStock], width: usize) -> Vec<Line<'static>> {
        let palette = self.palette;
        let gauge_columns = (width / 4).clamp(6, 24);
        let rows: Vec<_> = books
            .iter()
            .map(|book| {
                [
                    book.item.to_string(),
                    sanitize(&book.title).into_owned(),
                    "g".repeat(gauge_columns),
                    format!("{} of {}", thousands(book.left.get()), thousands(book.start.get())),
                ]
            })
            .collect();
        let [item, title, gauge, numbers] = fitted(STOCK_NEEDS, &rows, width);
        let line = |(book, [number, name, _, copies]): (&&BookStock, &[String; 4])| {
            let full = filled(book, gauge);
            let style: Style = if book.left.get() == 0 {
                palette.warn
            } else {
                palette.good
            };
            let blank = |columns: usize| Span::raw(" ".repeat(if columns > 0 { GAP } else { 0 }));
            let number = if item > 0 {
                align_right(number, item)
            } else {
                String::new()
            };
            Line::from(vec![
                Span::styled(number, palette.dim),
                blank(item),
                Span::raw(align_left(name, title, "…")),
                blank(title),
                Span::styled("█".repeat(full), style),
                Span::styled("░".repeat(gauge.saturating_sub(full)), palette.dim),
                blank(gauge),
                Span::raw(align_right(copies, numbers)),
            ])
        };
        books.iter().zip(&rows).map(line).collect()
    }
}

/// The widths of the columns of a table with these cells. Its texts take what is left.
fn fitted<const N: usize>(needs: [Need; N], rows: &[[String; N]], room: usize) -> [usize; N] {
    fill(wanted(needs, rows.iter(), |cell| width(cell)), GAP, room)
}

/// A row of cells, of which the first `left` are aligned on the left.
fn aligned<const N: usize>(cells: &[String; N], widths: &[usize; N], left: usize) -> String {
    let cells = cells
        .iter()
        .zip(widths)
        .enumerate()
        .filter(|(_, (_, width))| **width > 0);
    let cells: Vec<_> = cells
        .map(|(column, (cell, width))| match column < left {
            true => align_left(cell, *width, "…"),
            false => align_right(cell, *width),
        })
        .collect();
    cells.join(&" ".repeat(GAP))
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

/// The filled columns of the gauge; 0 only if no copy is left.
fn filled(book: &BookStock, columns: usize) -> usize {
    let (left, start) = (u64::from(book.left.get()), u64::from(book.start.get()));
    let columns = u64::try_from(columns).unwrap_or(0);
    usize::try_from((left * columns).div_ceil(start.max(left).max(1))).unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod tests;
