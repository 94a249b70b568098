//! The autopilot's screen: a pure function of a snapshot, for the command and for the interactive shop.

mod chart;
mod charts;
mod look;
pub mod pane;

use autopilot::{Phase, Snapshot, StockRow, ms};
use common::text::sanitize;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use crate::format::{align_left, elapsed, thousands};

pub use charts::{Charts, Large};
pub use look::Look;

/// The least width for charts side by side.
const COLUMNS_TWO: u16 = 90;
/// The least width for charts and numbers in separate columns.
const COLUMNS_WIDE: u16 = 140;
/// Below this height only one chart is drawn.
const ROWS_LOW: u16 = 18;
/// Rows of the outcomes, without the title.
const OUTCOME_ROWS: u16 = 2;
/// Rows of the verbs' table, with its header.
const VERB_ROWS: u16 = 5;

/// Draws a run in the default colours.
pub fn draw(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    draw_with(frame, area, snapshot, &Look::COLOUR, &Charts::default());
}

/// Draws a run with the given styles and chart state.
pub fn draw_with(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look, charts: &Charts) {
    let head_rows = if snapshot.last_error.is_some() { 2 } else { 1 };
    let [head, body] = Layout::vertical([Constraint::Length(head_rows), Constraint::Min(0)]).areas(area);
    draw_head(frame, head, snapshot, look, charts);
    match (charts.large, body.width) {
        (Some(Large::Throughput), _) => chart::throughput(frame, body, snapshot, look, charts),
        (Some(Large::Latency), _) => chart::latency(frame, body, snapshot, look, charts),
        (None, 0..COLUMNS_TWO) => draw_narrow(frame, body, snapshot, look, charts),
        (None, COLUMNS_TWO..COLUMNS_WIDE) => draw_two(frame, body, snapshot, look, charts),
        (None, COLUMNS_WIDE..) => draw_wide(frame, body, snapshot, look, charts),
    }
    if look.ascii {
        look::to_ascii(frame.buffer_mut(), area);
    }
}

fn draw_narrow(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look, charts: &Charts) {
    let stock_rows = u16::try_from(snapshot.stock.len()).unwrap_or(u16::MAX).clamp(1, 4) + 1;
    // One readable chart instead of two unreadable ones; of the latency only the numbers are shown.
    let latency_rows = if area.height < ROWS_LOW {
        Constraint::Length(1)
    } else {
        Constraint::Fill(1)
    };
    let [throughput, latency, outcomes, stock] = Layout::vertical([
        Constraint::Fill(1),
        latency_rows,
        Constraint::Length(OUTCOME_ROWS),
        Constraint::Length(stock_rows),
    ])
    .areas(area);
    chart::throughput(frame, throughput, snapshot, look, charts);
    chart::latency(frame, latency, snapshot, look, charts);
    frame.render_widget(outcomes_wrapped(snapshot, look), outcomes);
    draw_stock(frame, stock, snapshot, look);
}

fn draw_two(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look, charts: &Charts) {
    let [plots, numbers] = Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)])
        .spacing(1)
        .areas(area);
    let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2);
    let [throughput, latency] = halves.areas(plots);
    let [left, right] = halves.areas(numbers);
    chart::throughput(frame, throughput, snapshot, look, charts);
    chart::latency(frame, latency, snapshot, look, charts);
    draw_verbs_and_outcomes(frame, left, snapshot, look);
    draw_stock(frame, right, snapshot, look);
}

fn draw_wide(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look, charts: &Charts) {
    let [plots, numbers] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)])
        .spacing(2)
        .areas(area);
    let [throughput, latency] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)])
        .spacing(1)
        .areas(plots);
    let [top, bottom] = Layout::vertical([Constraint::Length(VERB_ROWS + 1 + OUTCOME_ROWS), Constraint::Fill(1)])
        .spacing(1)
        .areas(numbers);
    chart::throughput(frame, throughput, snapshot, look, charts);
    chart::latency(frame, latency, snapshot, look, charts);
    draw_verbs_and_outcomes(frame, top, snapshot, look);
    draw_stock(frame, bottom, snapshot, look);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look, charts: &Charts) {
    let (shape, style) = match snapshot.phase {
        Phase::Starting | Phase::Closing => ("◐", look.mild),
        Phase::Running => ("●", look.good),
        Phase::Paused => ("‖", look.mild),
        Phase::Ended => ("○", look.dim),
        Phase::Failed => ("○", look.bad),
    };
    let held = if charts.held { "  ‖ frozen" } else { "" };
    let mut time = elapsed(snapshot.elapsed);
    if let Some(duration) = snapshot.duration {
        time = format!("{time} of {}", elapsed(duration));
    }
    let requests = match snapshot.requests_max {
        Some(most) => format!("{} of {} requests", thousands(snapshot.requests), thousands(most)),
        None => format!("{} requests", thousands(snapshot.requests)),
    };
    // Ordered by importance: what does not fit is dropped from the end.
    let mut spans = vec![
        Span::styled(format!("{shape} {}", snapshot.phase.word()), style),
        Span::styled(held, look.mild),
        Span::raw(format!("  {time}")),
        Span::raw(format!("  {}", shoppers(snapshot.shoppers))),
        Span::styled(format!("  mix {}", snapshot.mix), look.dim),
        Span::styled(format!("  seed {}", snapshot.seed), look.dim),
        Span::raw(format!("  {requests}")),
    ];
    if let Some(verdict) = snapshot.verdict {
        spans.insert(2, Span::raw(format!("  audit {verdict}")));
    }
    if snapshot.violations > 0 {
        let violations = format!("  {} violations", thousands(snapshot.violations));
        spans.insert(2, Span::styled(violations, look.bad));
    }
    let mut lines = vec![fitting(spans, area.width)];
    if let Some(last_error) = &snapshot.last_error {
        lines.push(Line::styled(format!("! {}", sanitize(last_error)), look.bad));
    }
    frame.render_widget(ratatui::text::Text::from(lines), area);
}

fn shoppers(number: u32) -> String {
    match number {
        1 => "1 shopper".to_owned(),
        more => format!("{} shoppers", thousands(u64::from(more))),
    }
}

fn draw_verbs_and_outcomes(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look) {
    let [verbs, outcomes] =
        Layout::vertical([Constraint::Length(VERB_ROWS), Constraint::Length(1 + OUTCOME_ROWS)]).areas(area);
    let head = format!(
        "{:8}{:>6}{:>10}{:>9}{:>7}{:>7}",
        "", "mix", "requests", "failed", "p50", "p99"
    );
    let mut lines = vec![Line::styled("Operations", look.title), Line::styled(head, look.dim)];
    for row in &snapshot.verbs {
        lines.push(Line::raw(format!(
            "{:8}{:>5.0}%{:>10}{:>9}{:>7}{:>7}",
            row.verb.name(),
            row.share * 100.0,
            thousands(row.requests),
            thousands(row.requests.saturating_sub(row.ok)),
            ms(row.latency.p50),
            ms(row.latency.p99),
        )));
    }
    frame.render_widget(ratatui::text::Text::from(lines), verbs);
    draw_outcomes(frame, outcomes, snapshot, look);
}

fn draw_outcomes(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look) {
    let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(Line::styled("Outcomes", look.title), head);
    frame.render_widget(outcomes_wrapped(snapshot, look), body);
}

fn outcomes_wrapped(snapshot: &Snapshot, look: &Look) -> Paragraph<'static> {
    let outcomes = &snapshot.outcomes;
    let mut spans = Vec::new();
    let alarming = |count: u64| if count > 0 { look.bad } else { look.dim };
    for (name, number, style) in [
        ("sold", outcomes.sold, look.good),
        ("sold out", outcomes.sold_out, look.mild),
        ("unavailable", outcomes.unavailable, alarming(outcomes.unavailable)),
        ("unknown", outcomes.unknown, alarming(outcomes.unknown)),
        ("error", outcomes.error, alarming(outcomes.error)),
    ] {
        // A no-break space keeps a number beside its label.
        let pair = format!("{name} {}", thousands(number)).replace(' ', "\u{a0}");
        spans.extend([Span::styled(pair, style), Span::raw("  ")]);
    }
    Paragraph::new(Line::from(spans)).wrap(Wrap { trim: true })
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

fn draw_stock(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, look: &Look) {
    let head = Line::from(vec![
        Span::styled("Stock ", look.title),
        Span::raw(format!(
            "{} of {} left",
            thousands(snapshot.copies_left),
            thousands(snapshot.copies_start)
        )),
    ]);
    let mut lines = vec![head];
    let room = usize::from(area.height.saturating_sub(1));
    // If some books have no row, the last row states how many.
    let shown = if snapshot.books > room {
        room.saturating_sub(1)
    } else {
        room
    };
    for row in snapshot.stock.iter().take(shown) {
        lines.push(stock_line(row, usize::from(area.width), look));
    }
    let hidden = snapshot.books.saturating_sub(shown.min(snapshot.stock.len()));
    if hidden > 0 {
        lines.push(Line::styled(format!("and {hidden} more books"), look.dim));
    }
    frame.render_widget(ratatui::text::Text::from(lines), area);
}

/// Item number, title, gauge of the stock left, and its numbers.
fn stock_line(row: &StockRow, width: usize, look: &Look) -> Line<'static> {
    let numbers = format!(" {:>5} of {:<5}", row.left, row.start);
    let gauge_columns = (width / 4).clamp(6, 24);
    let title_columns = width.saturating_sub(numbers.len() + gauge_columns + 7);
    let title = align_left(&sanitize(&row.title), title_columns, "…");
    let full = filled(row, gauge_columns);
    let style: Style = if row.left == 0 { look.mild } else { look.good };
    Line::from(vec![
        Span::styled(format!("{:>5} ", row.item), look.dim),
        Span::raw(format!("{title} ")),
        Span::styled("█".repeat(full), style),
        Span::styled("░".repeat(gauge_columns.saturating_sub(full)), look.dim),
        Span::raw(numbers),
    ])
}

/// The filled columns of the gauge; 0 only if no copy is left.
fn filled(row: &StockRow, columns: usize) -> usize {
    let (left, full) = (u64::from(row.left), u64::from(row.start.max(row.left).max(1)));
    let columns = u64::try_from(columns).unwrap_or(0);
    usize::try_from((left * columns).div_ceil(full)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
