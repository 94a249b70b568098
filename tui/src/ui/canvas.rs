//! The drawing surface: text, panels, popups, gauges, and the targets of clicks.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};

use crate::app::{App, FrameLayout, Target};
use crate::format;
use crate::theme::{Appearance, Glyphs, Palette};

/// A frame being drawn.
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

    pub(super) fn finish(self) -> (FrameLayout, Option<Position>) {
        (self.layout, self.cursor)
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

    /// Blocks the cursor and the targets drawn so far.
    pub(super) fn block_input(&mut self, area: Rect) {
        self.add_target(area, Target::Nothing);
        self.cursor = None;
    }

    /// Draws one line; it is cut at the right edge of the area.
    pub(super) fn line(&mut self, area: Rect, line: &Line<'_>) {
        if area.height > 0 {
            self.buffer.set_line(area.x, area.y, line, area.width);
        }
    }

    /// Draws one line of text; a long one ends in an ellipsis.
    pub(super) fn text(&mut self, area: Rect, text: &str, style: Style) {
        let text = format::truncate(text, usize::from(area.width), self.glyphs().ellipsis);
        self.line(area, &Line::from(Span::styled(text, style)));
    }

    pub(super) fn centered(&mut self, area: Rect, text: &str, style: Style) {
        let indent = area.width.saturating_sub(format::cells(format::width(text))) / 2;
        self.text(skip_columns(area, indent), text, style);
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

    /// A dimmed name in a column of `columns` cells.
    pub(super) fn label(&self, name: &str, columns: usize) -> Span<'static> {
        Span::styled(
            format::align_left(name, columns, self.glyphs().ellipsis),
            self.palette().dim,
        )
    }

    /// Draws a frame with a title and, in its right corner, a short status; returns the area inside it.
    pub(super) fn panel(&mut self, area: Rect, title: &str, corner: &Line<'_>, focused: bool) -> Rect {
        let palette = self.palette();
        let (border, name) = if focused {
            (palette.accent, palette.accent)
        } else {
            (palette.border, palette.strong)
        };
        // Bold line drawing looks broken in many fonts.
        let border = border.remove_modifier(Modifier::BOLD | Modifier::UNDERLINED);
        let block = Block::bordered().border_set(self.glyphs().border).border_style(border);
        let inner = block.inner(area);
        block.render(area, self.buffer);
        let room = usize::from(area.width.saturating_sub(6));
        let corner_width = corner.width();
        let shows_corner = corner_width > 0 && corner_width + 8 <= room;
        let title_room = if shows_corner {
            room.saturating_sub(corner_width + 3)
        } else {
            room
        };
        let top = skip_columns(Rect { height: 1, ..area }, 1);
        if !title.is_empty() && area.width > 6 {
            let title = format::truncate(title, title_room, self.glyphs().ellipsis);
            let span = Line::from(vec![Span::raw(" "), Span::styled(title, name), Span::raw(" ")]);
            self.line(top, &span);
        }
        if shows_corner {
            let mut spans = vec![Span::raw(" ")];
            spans.extend(corner.spans.iter().map(|span| span.clone().patch_style(corner.style)));
            spans.push(Span::raw(" "));
            let top = Rect {
                width: area.width - 3,
                ..top
            };
            self.line_right(top, &Line::from(spans));
        }
        inner
    }

    /// Draws an empty panel in the middle of `within`, clamped to it; returns the area inside it.
    pub(super) fn popup(&mut self, within: Rect, (columns, rows): (u16, u16), title: &str, corner: &Line<'_>) -> Rect {
        let area = middle(within, columns, rows);
        Clear.render(area, self.buffer);
        self.panel(area, title, corner, true)
    }

    /// A gauge of `columns` cells that shows `part` of `whole`.
    pub(super) fn gauge(&self, part: u32, whole: u32, columns: usize) -> [Span<'static>; 2] {
        let columns_u64 = u64::try_from(columns).unwrap_or(0);
        let filled = (u64::from(part) * columns_u64 + u64::from(whole) / 2)
            .checked_div(u64::from(whole))
            .unwrap_or(0)
            .min(columns_u64);
        // One cell stays filled as long as a copy is left.
        let filled = usize::try_from(filled)
            .unwrap_or(0)
            .max(usize::from(part > 0 && columns > 0));
        let style = match u64::from(part) * 10 {
            0 => self.palette().dim,
            tenths if tenths <= u64::from(whole) => self.palette().warn,
            _ => self.palette().chart,
        };
        [
            Span::styled(self.glyphs().full.repeat(filled), style),
            Span::styled(self.glyphs().empty.repeat(columns - filled), self.palette().dim),
        ]
    }

    /// The marker before the selected row, a blank before the others.
    pub(super) fn marker(&self, selected: bool, focused: bool) -> Span<'static> {
        match (selected, focused) {
            // An underlined marker looks like two signs.
            (true, true) => Span::styled(
                self.glyphs().marker,
                self.palette().accent.remove_modifier(Modifier::UNDERLINED),
            ),
            (true, false) => Span::styled(self.glyphs().marker, self.palette().dim),
            _ => Span::raw(" "),
        }
    }
}

/// An area of this size in the middle of `within`, clamped to it.
pub(super) fn middle(within: Rect, columns: u16, rows: u16) -> Rect {
    let (width, height) = (columns.min(within.width), rows.min(within.height));
    Rect {
        x: within.x + (within.width - width) / 2,
        y: within.y + (within.height - height) / 2,
        width,
        height,
    }
}

/// The area without its first rows.
pub(super) fn skip_rows(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    }
}

/// The area without its first columns.
pub(super) fn skip_columns(area: Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    Rect {
        x: area.x + columns,
        width: area.width - columns,
        ..area
    }
}

/// The first row of an area.
pub(super) fn first_row(area: Rect) -> Rect {
    Rect {
        height: area.height.min(1),
        ..area
    }
}

/// The area without its first and last column.
pub(super) fn padded(area: Rect) -> Rect {
    area.inner(Margin::new(1, 0))
}
