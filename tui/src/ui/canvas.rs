//! The drawing surface: text, table rows, panels, popups, gauges, and the targets of clicks.

use std::iter;

use common::ItemNumber;
use ratatui::buffer::Buffer;
use ratatui::layout::{HorizontalAlignment, Margin, Offset, Position, Rect, Size};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};

use crate::app::{App, FrameLayout, ScrolledText, Severity, Target};
use crate::format;
use crate::fuzzy::Searcher;
use crate::theme::{Appearance, Glyphs, Palette};

pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
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

    /// Draws one line in the first row of the area; it is cut at the right edge.
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

    /// Draws one line of text; a long one ends in an ellipsis.
    pub(super) fn text(&mut self, area: Rect, text: &str, style: Style) {
        let text = format::truncate(text, usize::from(area.width), self.glyphs().ellipsis);
        self.line(area, &Line::from(Span::styled(text, style)));
    }

    /// Draws a line at the right edge; returns how many cells it takes.
    pub(super) fn line_right(&mut self, area: Rect, line: &Line<'_>) -> u16 {
        let taken = format::cells(line.width()).min(area.width);
        self.line(skip_columns(area, area.width - taken), line);
        taken
    }

    /// Draws as many lines as there is room for.
    pub(super) fn lines(&mut self, area: Rect, lines: &[Line<'_>]) {
        for (row, line) in area.rows().zip(lines) {
            self.line(row, line);
        }
    }

    /// Breaks a text into at most `lines_max` lines of one style.
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

    /// Draws a text broken into lines; returns how many rows it takes.
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

    /// A dimmed name in a column of `columns` cells, and beside it a value broken into as many lines as it needs.
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

    /// Draws a panel with lines of which the first `scroll` are left out, as far as the others do not fill it; its corner says
    /// which ones are shown.
    pub(super) fn scrolled_panel(
        &mut self,
        area: Rect,
        title: &str,
        focused: bool,
        lines: &[Line<'_>],
        scroll: usize,
    ) -> ScrolledText {
        let rows = usize::from(area.height.saturating_sub(2));
        let scroll_max = lines.len().saturating_sub(rows);
        let first = scroll.min(scroll_max);
        let corner = self.position(first, rows, lines.len());
        let inner = padded(self.panel(area, title, corner, focused));
        self.lines(inner, lines.get(first..).unwrap_or_default());
        ScrolledText { rows, scroll_max }
    }

    /// Which lines are shown of more than fit.
    pub(super) fn position(&self, first: usize, shown: usize, all: usize) -> Line<'static> {
        if all <= shown {
            return Line::default();
        }
        let text = format!("{}-{} of {all}", first + 1, (first + shown).min(all));
        Span::styled(text, self.palette().dim).into()
    }

    /// A row of a table: a marker, and the cells with `gap` blanks between them. Each column has an alignment and a width,
    /// to which its cell is padded; a text on the left is cut. Columns of width 0 are left out.
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
                row.extend(self.cut(cell, *width).spans);
                row.push_span(blank);
            }
        }
        row
    }

    /// A line of at most `columns` cells. If it is cut, it ends in an ellipsis.
    fn cut(&self, line: Line<'static>, columns: usize) -> Line<'static> {
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
            // The ellipsis stands for this span's end and for the spans after it.
            let text = format!("{}{}", span.content, self.glyphs().ellipsis);
            let text = format::truncate(&text, room, self.glyphs().ellipsis).into_owned();
            cut.push_span(Span::styled(text, span.style));
            break;
        }
        cut
    }

    /// A text whose letters that match a search are underlined and bold.
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

    /// Draws a frame with a title and, in its right corner, a short status; returns the area inside it.
    pub(super) fn panel(&mut self, area: Rect, title: &str, mut corner: Line<'static>, focused: bool) -> Rect {
        let palette = self.palette();
        let (border, name) = if focused {
            (palette.accent, palette.accent)
        } else {
            (palette.dim, palette.strong)
        };
        // Bold line drawing looks broken in many fonts.
        let border = border.not_bold().not_underlined();
        let glyphs = self.glyphs();
        let mut block = Block::bordered().border_set(glyphs.border).border_style(border);
        let mut room = usize::from(area.width.saturating_sub(6));
        if (1..=room.saturating_sub(8)).contains(&corner.width()) {
            room -= corner.width() + 3;
            corner.spans.insert(0, Span::raw(" "));
            corner.extend([Span::raw(" "), Span::styled(glyphs.border.horizontal_top, border)]);
            block = block.title(corner.right_aligned());
        }
        let title = format::truncate(title, room, glyphs.ellipsis);
        let block = block.title(Line::from(vec![
            Span::raw(" "),
            Span::styled(title, name),
            Span::raw(" "),
        ]));
        let inner = block.inner(area);
        block.render(area, self.buffer);
        inner
    }

    /// Draws an empty panel of an overlay over what is there; returns the area inside it.
    pub(super) fn popup(&mut self, area: Rect, title: &str, corner: Line<'static>) -> Rect {
        Clear.render(area, self.buffer);
        self.add_target(area, Target::Overlay);
        self.panel(area, title, corner, true)
    }

    /// Draws buttons in a row, close to each other where they would not fit otherwise.
    pub(super) fn buttons(&mut self, area: Rect, buttons: &[Button]) {
        let palette = self.palette();
        let widths = buttons
            .iter()
            .map(|button| format::width(button.name) + format::width(button.key) + 2);
        let is_wide = widths.sum::<usize>() + 4 * buttons.len().saturating_sub(1) > usize::from(area.width);
        let gap = if is_wide { 1 } else { 4 };
        let mut x = area.x;
        for button in buttons {
            let style = match (button.focused, button.enabled) {
                (true, true) => palette.accent,
                (false, true) => palette.text,
                (_, false) => palette.dim,
            };
            let line = Line::from(vec![
                self.marker(button.focused, true),
                Span::styled(button.name, style),
                Span::raw(" "),
                Span::styled(button.key, if button.enabled { palette.key } else { palette.dim }),
            ]);
            let width = format::cells(line.width());
            self.clickable_line(Rect { x, width, ..area }, &line, button.target);
            x += width + gap;
        }
    }

    /// A gauge of `columns` cells that shows `part` of `whole`.
    pub(super) fn gauge(&self, part: u32, whole: u32, columns: usize) -> [Span<'static>; 2] {
        let (part, whole) = (u64::from(part), u64::from(whole).max(1));
        let cells = u64::try_from(columns).unwrap_or(0);
        // One cell stays filled as long as a copy is left.
        let filled = ((part * cells + whole / 2) / whole).max(part.min(1)).min(cells);
        let filled = usize::try_from(filled).unwrap_or(columns);
        let style = match part {
            0 => self.palette().dim,
            _ if part * 10 <= whole => self.palette().warn,
            _ => self.palette().chart,
        };
        [
            Span::styled(self.glyphs().full.repeat(filled), style),
            Span::styled(self.glyphs().empty.repeat(columns - filled), self.palette().dim),
        ]
    }

    /// The highest known stock of a book: a full gauge.
    pub(super) fn stock_peak(&self, item: ItemNumber, stock: u32) -> u32 {
        let history = self.app.books.history(item);
        history.map_or(stock, |history| history.peak.max(stock))
    }

    /// The style and the sign of a stock that changed a moment ago.
    pub(super) fn stock_change(&self, item: ItemNumber) -> Option<(Style, &'static str)> {
        let (_, rose) = self.app.books.history(item)?.highlight?;
        Some(match rose {
            true => (self.palette().rising, self.glyphs().up),
            false => (self.palette().falling, self.glyphs().down),
        })
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

    /// The style of a row's main text; `dimmed` if its data is old or its command cannot run.
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

/// A button of a dialog.
pub(super) struct Button {
    pub(super) target: Target,
    pub(super) name: &'static str,
    /// The key that does the same.
    pub(super) key: &'static str,
    pub(super) focused: bool,
    pub(super) enabled: bool,
}

/// Drops lines that do not fit: the blank ones first, then the last ones.
pub(super) fn fit_rows(lines: &mut Vec<Line<'_>>, rows: usize) {
    let mut surplus = lines.len().saturating_sub(rows);
    lines.retain(|line| {
        let drop = surplus > 0 && line.width() == 0;
        surplus -= usize::from(drop);
        !drop
    });
    lines.truncate(rows);
}

/// An area of this size in the middle of `within`, clamped to it.
pub(super) fn middle(within: Rect, columns: u16, rows: u16) -> Rect {
    let (width, height) = (columns.min(within.width), rows.min(within.height));
    let (x, y) = ((within.width - width) / 2, (within.height - height) / 2);
    Rect::new(within.x + x, within.y + y, width, height)
}

/// The area without its first rows.
pub(super) fn skip_rows(area: Rect, rows: u16) -> Rect {
    area.offset(Offset::new(0, rows.into())).intersection(area)
}

/// The area without its first columns.
pub(super) fn skip_columns(area: Rect, columns: u16) -> Rect {
    area.offset(Offset::new(columns.into(), 0)).intersection(area)
}

/// The first columns of an area, as far as there are so many.
pub(super) fn first_columns(area: Rect, columns: u16) -> Rect {
    area.resize(Size::new(columns.min(area.width), area.height))
}

/// The first rows of an area, as far as there are so many.
pub(super) fn first_rows(area: Rect, rows: u16) -> Rect {
    area.resize(Size::new(area.width, rows.min(area.height)))
}

/// The area without its first and last column.
pub(super) fn padded(area: Rect) -> Rect {
    area.inner(Margin::new(1, 0))
}
