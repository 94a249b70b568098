//! What everything is drawn with: text in cells, panels, gauges, the four states of what is read from the shop.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
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
    pub(super) look: &'a Appearance,
    pub(super) layout: FrameLayout,
    pub(super) cursor: Option<Position>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, app: &'a App, look: &'a Appearance) -> Self {
        let layout = FrameLayout {
            targets: Vec::new(),
            ..app.layout.clone()
        };
        Self {
            buffer,
            app,
            look,
            layout,
            cursor: None,
        }
    }

    pub(super) fn finish(self) -> (FrameLayout, Option<Position>) {
        (self.layout, self.cursor)
    }

    pub(super) fn palette(&self) -> &'a Palette {
        &self.look.palette
    }

    pub(super) fn glyphs(&self) -> &'a Glyphs {
        &self.look.glyphs
    }

    /// A click there means that.
    pub(super) fn place(&mut self, area: Rect, target: Target) {
        self.layout.targets.push((area, target));
    }

    /// Takes all clicks from what is below.
    pub(super) fn cover(&mut self, area: Rect) {
        self.place(area, Target::Nothing);
        self.cursor = None;
    }

    /// One line, cut where the area ends.
    pub(super) fn line(&mut self, area: Rect, line: &Line<'_>) {
        if area.height > 0 {
            self.buffer.set_line(area.x, area.y, line, area.width);
        }
    }

    pub(super) fn text(&mut self, area: Rect, text: &str, style: Style) {
        let fitted = format::truncate(text, usize::from(area.width), self.glyphs().ellipsis);
        self.line(area, &Line::from(Span::styled(fitted, style)));
    }

    pub(super) fn centered(&mut self, area: Rect, text: &str, style: Style) {
        let fitted = format::truncate(text, usize::from(area.width), self.glyphs().ellipsis);
        let indent = area.width.saturating_sub(format::cells(format::width(&fitted))) / 2;
        let area = Rect {
            x: area.x + indent,
            width: area.width - indent,
            ..area
        };
        self.line(area, &Line::from(Span::styled(fitted, style)));
    }

    /// A line at the right edge; how many cells it took.
    pub(super) fn line_right(&mut self, area: Rect, line: &Line<'_>) -> u16 {
        let taken = format::cells(line.width()).min(area.width);
        self.line(
            Rect {
                x: area.right() - taken,
                width: taken,
                ..area
            },
            line,
        );
        taken
    }

    /// Lines below one another; those that have no room are left out.
    pub(super) fn lines(&mut self, area: Rect, lines: &[Line<'_>]) {
        for (row, line) in (area.y..area.bottom()).zip(lines) {
            self.line(
                Rect {
                    y: row,
                    height: 1,
                    ..area
                },
                line,
            );
        }
    }

    /// A frame with a title and, on the right, a remark; what is inside of it.
    pub(super) fn panel(&mut self, area: Rect, title: &str, remark: &Line<'_>, focused: bool) -> Rect {
        let palette = self.palette();
        let (border, name) = if focused {
            (palette.accent, palette.accent)
        } else {
            (palette.border, palette.strong)
        };
        // The frame itself stays thin; bold line drawing looks broken in many fonts.
        let border = border.remove_modifier(Modifier::BOLD | Modifier::UNDERLINED);
        let block = Block::bordered().border_set(self.glyphs().border).border_style(border);
        let inner = block.inner(area);
        block.render(area, self.buffer);
        let room = usize::from(area.width.saturating_sub(6));
        let remark_width = remark.width();
        let shows_remark = remark_width > 0 && remark_width + 8 <= room;
        let title_room = if shows_remark {
            room.saturating_sub(remark_width + 3)
        } else {
            room
        };
        if !title.is_empty() && area.width > 6 {
            let title = format::truncate(title, title_room, self.glyphs().ellipsis);
            let span = Line::from(vec![Span::raw(" "), Span::styled(title, name), Span::raw(" ")]);
            self.line(
                Rect {
                    x: area.x + 1,
                    y: area.y,
                    width: area.width - 2,
                    height: 1,
                },
                &span,
            );
        }
        if shows_remark {
            let mut spans = vec![Span::raw(" ")];
            spans.extend(remark.spans.iter().cloned());
            spans.push(Span::raw(" "));
            let top = Rect {
                x: area.x + 1,
                y: area.y,
                width: area.width - 3,
                height: 1,
            };
            self.line_right(top, &Line::from(spans));
        }
        inner
    }

    /// A panel over what is there, in the middle of an area and never larger than it.
    pub(super) fn popup(&mut self, within: Rect, (columns, rows): (u16, u16), title: &str, remark: &Line<'_>) -> Rect {
        let area = middle(within, columns, rows);
        Clear.render(area, self.buffer);
        self.panel(area, title, remark, true)
    }

    /// A gauge of that many cells.
    pub(super) fn gauge(&self, part: u32, whole: u32, columns: usize) -> [Span<'static>; 2] {
        let columns_u64 = u64::try_from(columns).unwrap_or(0);
        let filled = (u64::from(part) * columns_u64 + u64::from(whole) / 2)
            .checked_div(u64::from(whole))
            .unwrap_or(0)
            .min(columns_u64);
        // The last copies are still to be seen.
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

    /// The marker before a row, where it is the selected one.
    pub(super) fn marker(&self, selected: bool, focused: bool) -> Span<'static> {
        match (selected, focused) {
            // It is a line by itself.
            (true, true) => Span::styled(
                self.glyphs().marker,
                self.palette().accent.remove_modifier(Modifier::UNDERLINED),
            ),
            (true, false) => Span::styled(self.glyphs().marker, self.palette().dim),
            _ => Span::raw(" "),
        }
    }
}

/// An area of that size in the middle of another one, and never larger.
pub(super) fn middle(within: Rect, columns: u16, rows: u16) -> Rect {
    let (width, height) = (columns.min(within.width), rows.min(within.height));
    Rect {
        x: within.x + (within.width - width) / 2,
        y: within.y + (within.height - height) / 2,
        width,
        height,
    }
}

/// An area without its first row.
pub(super) fn below(area: Rect) -> Rect {
    Rect {
        y: area.y + area.height.min(1),
        height: area.height.saturating_sub(1),
        ..area
    }
}
