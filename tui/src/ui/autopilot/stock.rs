//! The stock of the run's books.

use autopilot::BookStock;
use common::text::sanitize;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};

use super::{GAP, RunView, fitted};
use crate::columns::{NOT_DROPPED, Shrinking};
use crate::format::{align_left, align_right, thousands};

/// Columns of a book: item number, title, gauge, stock.
const STOCK_SHRINKING: [Shrinking; 4] = [
    Shrinking::DropLast,
    Shrinking::Truncate {
        min: 10,
        rank: NOT_DROPPED,
    },
    Shrinking::Truncate { min: 6, rank: 1 },
    Shrinking::Never,
];

impl RunView<'_> {
    pub(super) fn stock(&self, area: Rect) -> Text<'static> {
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
        let [item, title, gauge, numbers] = fitted(STOCK_SHRINKING, &rows, width);
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

/// The filled columns of the gauge; 0 only if no copy is left.
fn filled(book: &BookStock, columns: usize) -> usize {
    let (left, start) = (u64::from(book.left.get()), u64::from(book.start.get()));
    let columns = u64::try_from(columns).unwrap_or(0);
    usize::try_from((left * columns).div_ceil(start.max(left).max(1))).unwrap_or(0)
}
