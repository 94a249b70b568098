//! A text field.

use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthChar;

use super::area::{first_columns, skip_columns};
use super::canvas::Canvas;
use crate::format;

/// Draws a prompt and the text being typed; scrolls so that the cursor is visible.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, prompt: &str, input: &tui_input::Input, editing: bool) {
    let palette = canvas.palette();
    canvas.text(first_columns(skip_columns(area, 1), 1), prompt, palette.accent);
    let field = skip_columns(first_columns(area, area.width.saturating_sub(1)), 3);
    let room = usize::from(field.width);
    let scroll = input.visual_scroll(room.saturating_sub(1));
    let mut skipped = 0;
    let visible: String = input
        .value()
        .chars()
        .skip_while(|c| {
            let column = skipped;
            skipped += c.width().unwrap_or(0);
            column < scroll
        })
        .collect();
    let visible = format::truncate(&visible, room, " ");
    canvas.text(field, &visible, if editing { palette.strong } else { palette.text });
    if editing {
        let column = format::cells(input.visual_cursor().max(scroll) - scroll);
        let x = (field.x + column).min(area.right().saturating_sub(1));
        canvas.cursor = Some(Position::new(x, area.y));
    }
}
