//! A line of text that is being typed.

use ratatui::layout::{Position, Rect};

use super::canvas::Canvas;
use crate::format;

/// A line of text being typed, after a sign.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, sign: &str, input: &tui_input::Input, editing: bool) {
    let palette = canvas.palette();
    canvas.text(
        Rect {
            x: area.x + 1,
            width: 1.min(area.width),
            ..area
        },
        sign,
        palette.accent,
    );
    let place = Rect {
        x: area.x + 3,
        width: area.width.saturating_sub(4),
        ..area
    };
    let room = usize::from(place.width);
    let scroll = input.visual_scroll(room.saturating_sub(1));
    let mut skipped = 0;
    let shown: String = input
        .value()
        .chars()
        .skip_while(|c| {
            let here = skipped;
            skipped += format::width(c.encode_utf8(&mut [0; 4]));
            here < scroll
        })
        .collect();
    let shown: String = format::truncate(&shown, room, " ").into_owned();
    canvas.text(place, &shown, if editing { palette.strong } else { palette.text });
    if editing {
        let column = format::cells(input.visual_cursor().max(scroll) - scroll);
        canvas.cursor = Some(Position::new(
            (place.x + column).min(area.right().saturating_sub(1)),
            area.y,
        ));
    }
}
