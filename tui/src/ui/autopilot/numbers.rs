//! The numbers of a run: operations and outcomes.

use autopilot::{OperationKind, ms};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};

use super::{GAP, OPERATION_ROWS, RunView, fitted};
use crate::columns::Shrinking;
use crate::format::{align_left, align_right, latency, thousands};

/// Columns of an operation: name, share, requests, failures, p50, p99.
const OPERATION_SHRINKING: [Shrinking; 6] = [
    Shrinking::Never,
    Shrinking::Drop { rank: 2 },
    Shrinking::Never,
    Shrinking::Never,
    Shrinking::Drop { rank: 1 },
    Shrinking::Never,
];
/// Rows of the outcomes, without the title; two more for the lines of the orders.
const OUTCOME_ROWS: u16 = 2;

impl RunView<'_> {
    pub(super) fn draw_numbers(&self, frame: &mut Frame<'_>, area: Rect) {
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
        let widths = fitted(OPERATION_SHRINKING, &rows, usize::from(area.width));
        let mut lines = vec![Line::styled("Operations", self.palette.strong)];
        for (row, cells) in rows.iter().enumerate() {
            let style = if row == 0 { self.palette.dim } else { Style::new() };
            lines.push(Line::styled(aligned(cells, &widths, 1), style));
        }
        frame.render_widget(Text::from(lines), operations);
        frame.render_widget(Line::styled("Outcomes", self.palette.strong), title);
        frame.render_widget(self.outcomes(), outcomes);
    }

    pub(super) fn outcome_rows(&self) -> u16 {
        OUTCOME_ROWS + 2 * u16::from(self.snapshot.baskets.is_some())
    }

    pub(super) fn outcomes(&self) -> Paragraph<'static> {
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
}

/// A row of cells; the first `left` are left-aligned.
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
