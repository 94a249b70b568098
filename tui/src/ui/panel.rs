//! Panels, popups and buttons.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};

use super::area::padded;
use super::canvas::Canvas;
use crate::app::{ScrolledText, Target};
use crate::format;

/// A button of a dialog.
pub(super) struct Button {
    pub(super) target: Target,
    pub(super) name: &'static str,
    /// The key with the same effect.
    pub(super) key: &'static str,
    pub(super) focused: bool,
    pub(super) enabled: bool,
}

impl Canvas<'_> {
    /// Draws a frame with a title and a short status in the right corner; returns the area inside it.
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

    /// Draws the empty panel of an overlay; returns the area inside it.
    pub(super) fn popup(&mut self, area: Rect, title: &str, corner: Line<'static>) -> Rect {
        Clear.render(area, self.buffer);
        self.add_target(area, Target::Overlay);
        self.panel(area, title, corner, true)
    }

    /// Draws buttons in a row, with smaller gaps if they do not fit otherwise.
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

    /// Draws a panel with scrolled lines. The last scroll position fills the panel. The corner shows the range of lines.
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

    /// The range of visible lines; empty if all are visible.
    pub(super) fn position(&self, first: usize, shown: usize, all: usize) -> Line<'static> {
        if all <= shown {
            return Line::default();
        }
        let text = format!("{}-{} of {all}", first + 1, (first + shown).min(all));
        Span::styled(text, self.palette().dim).into()
    }
}
