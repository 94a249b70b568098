//! The drawing surface: text, table rows, markers, and the targets of clicks.

use std::iter;

use ratatui::buffer::Buffer;
use ratatui::layout::{HorizontalAlignment, Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::area::skip_columns;
use crate::app::{App, FrameLayout, Severity, Target};
use crate::format;
use crate::fuzzy::Searcher;
use crate::theme::{Appearance, Glyphs, Palette};

pub(super) struct Canvas<'a> {
    pub(super) buffer: &'a mut Buffer,
    pub(super) app: &'a App,
    pub(super) appearance: &'a Appearance,
    pub(super) layout: FrameLayout,
    pub(super) cursor: Option<Position>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, app: &'a App, appearance: &'a Appearance) -> Self {
        let layout = FrameLayout {
            targets: Vec::new(),
            ..app.layout.clone()
        };
        Self {
            buffer,
            app,
            appearance,
            layout,
            cursor: None,
        }
    }

    pub(super) fn palette(&self) -> &'a Palette {
        &self.appearance.palette
    }

    pub(super) fn glyphs(&self) -> &'a Glyphs {
        &self.appearance.glyphs
    }

    /// Makes `target` the meaning of a click on `area`; later targets lie over earlier ones.
    pub(super) fn add_target(&mut self, area: Rect, target: Target) {
        self.layout.targets.push((area, target));
    }

    /// Draws one line in the first row of the area, clipped at the right edge.
    pub(super) fn line(&mut self, area: Rect, line: &Line<'_>) {
        if area.height > 0 {
            self.buffer.set_line(area.x, area.y, line, area.width);
        }
    }

    /// Draws one line and makes the area the target of clicks.
    pub(super) fn clickable_line(&mut self, area: Rect, line: &Line<'_>, target: Target) {
        self.line(area, line);
        self.add_target(area, target);
    }

    /// Draws one line of text; truncates it with an ellipsis.
    pub(super) fn text(&mut self, area: Rect, text: &str, style: Style) {
        let text = format::truncate(text, usize::from(area.width), self.glyphs().ellipsis);
        self.line(area, &Line::from(Span::styled(text, style)));
    }

    /// Draws a line at the right edge; returns its width in cells.
    pub(super) fn line_right(&mut self, area: Rect, line: &Line<'_>) -> u16 {
        let taken = format::cells(line.width()).min(area.width);
        self.line(skip_columns(area, area.width - taken), line);
        taken
    }

    /// Draws the lines that fit.
    pub(super) fn lines(&mut self, area: Rect, lines: &[Line<'_>]) {
        for (row, line) in area.rows().zip(lines) {
            self.line(row, line);
        }
    }

    /// Wraps a text into at most `lines_max` lines of one style.
    pub(super) fn wrapped(
        &self,
        text: &str,
        width: usize,
        lines_max: usize,
        style: Style,
    ) -> impl Iterator<Item = Line<'static>> + use<> {
        let lines = format::wrap(text, width, lines_max, self.glyphs().ellipsis);
        lines.into_iter().map(move |line| Line::styled(line, style))
    }

    /// Draws a wrapped text; returns its number of rows.
    pub(super) fn paragraph(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        let lines: Vec<_> = self
            .wrapped(text, usize::from(area.width), usize::from(area.height), style)
            .collect();
        self.lines(area, &lines);
        format::cells(lines.len())
    }

    /// A dimmed name in a column of `columns` cells, and its value.
    pub(super) fn field(&self, name: &str, columns: usize, value: Span<'static>) -> Line<'static> {
        let name = format::align_left(name, columns, self.glyphs().ellipsis);
        Line::from(vec![Span::styled(name, self.palette().dim), value])
    }

    /// A dimmed name in a column of `columns` cells, and its wrapped value.
    pub(super) fn long_field(
        &self,
        name: &str,
        columns: usize,
        value: &str,
        width: usize,
        style: Style,
    ) -> impl Iterator<Item = Line<'static>> + use<> {
        let values = self.wrapped(value, width.saturating_sub(columns), usize::MAX, style);
        let name = format::align_left(name, columns, self.glyphs().ellipsis);
        let names = iter::once(name).chain(iter::repeat(" ".repeat(columns)));
        let dim = self.palette().dim;
        names
            .zip(values)
            .map(move |(name, line)| Line::from(vec![Span::styled(name, dim), Span::styled(line.to_string(), style)]))
    }

    /// A row of a table: a marker, and the cells with `gap` blanks between them. Each cell is padded to the alignment and the
    /// width of its column; a left-aligned cell is also truncated. Columns of width 0 are left out.
    pub(super) fn table_row<const N: usize>(
        &self,
        marker: Span<'static>,
        columns: &[(HorizontalAlignment, usize); N],
        gap: usize,
        cells: [Line<'static>; N],
    ) -> Line<'static> {
        let mut row = Line::from(marker);
        for ((alignment, width), cell) in columns.iter().zip(cells).filter(|((_, width), _)| *width > 0) {
            if row.spans.len() > 1 {
                row.push_span(" ".repeat(gap));
            }
            let blank = Span::raw(" ".repeat(width.saturating_sub(cell.width())));
            if *alignment == HorizontalAlignment::Right {
                row.push_span(blank);
                row.extend(cell.spans);
            } else {
                row.extend(self.truncated(cell, *width).spans);
                row.push_span(blank);
            }
        }
        row
    }

    /// A line of at most `columns` cells. A truncated line ends in an ellipsis.
    fn truncated(&self, line: Line<'static>, columns: usize) -> Line<'static> {
        if line.width() <= columns {
            return line;
        }
        let mut room = columns;
        let mut cut = Line::default();
        for span in line.spans {
            let width = span.width();
            if width < room {
                room -= width;
                cut.push_span(span);
                continue;
            }
            // The ellipsis replaces the end of this span and the spans after it.
            let text = format!("{}{}", span.content, self.glyphs().ellipsis);
            let text = format::truncate(&text, room, self.glyphs().ellipsis).into_owned();
            cut.push_span(Span::styled(text, span.style));
            break;
        }
        cut
    }

    /// A text with the matches of a search highlighted.
    pub(super) fn highlighted(&self, text: &str, style: Style, searcher: Option<&mut Searcher>) -> Line<'static> {
        let ranges = searcher.map_or_else(Vec::new, |searcher| searcher.highlights(text));
        let matched = style.patch(self.palette().matched);
        let mut line = Line::default();
        let mut end = 0;
        for range in ranges {
            line.push_span(Span::styled(
                text.get(end..range.start).unwrap_or_default().to_owned(),
                style,
            ));
            line.push_span(Span::styled(
                text.get(range.clone()).unwrap_or_default().to_owned(),
                matched,
            ));
            end = range.end;
        }
        line.push_span(Span::styled(text.get(end..).unwrap_or_default().to_owned(), style));
        line
    }

    /// The marker before the selected row, a blank before the others.
    pub(super) fn marker(&self, selected: bool, focused: bool) -> Span<'static> {
        match (selected, focused) {
            // An underlined marker looks like two signs.
            (true, true) => Span::styled(self.glyphs().marker, self.palette().accent.not_underlined()),
            (true, false) => Span::styled(self.glyphs().marker, self.palette().dim),
            _ => Span::raw(" "),
        }
    }

    /// The style of a row's main text; `dimmed` for old data or a disabled command.
    pub(super) fn row_style(&self, selected: bool, dimmed: bool) -> Style {
        match (selected, dimmed) {
            (true, _) => self.palette().selected,
            (false, true) => self.palette().dim,
            (false, false) => self.palette().text,
        }
    }

    /// The sign and the style of a notice.
    pub(super) fn severity(&self, severity: Severity) -> (&'static str, Style) {
        match severity {
            Severity::Info => (self.glyphs().dot, self.palette().text),
            Severity::Success => (self.glyphs().done, self.palette().good),
            Severity::Warning => ("!", self.palette().warn),
            Severity::Error => ("!", self.palette().bad),
        }
    }
}

/// Drops lines that do not fit: first blank lines, then the last lines.
pub(super) fn fit_rows(lines: &mut Vec<Line<'_>>, rows: usize) {
    let mut surplus = lines.len().saturating_sub(rows);
    lines.retain(|line| {
        let drop = surplus > 0 && line.width() == 0;
        surplus -= usize::from(drop);
        !drop
    });
    lines.truncate(rows);
}
