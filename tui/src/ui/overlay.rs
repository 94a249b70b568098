//! The overlays: help, command palette, message log and large chart. Each is clamped to the frame.

use std::iter;

use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use super::area::{middle, padded, skip_rows};
use super::canvas::Canvas;
use super::{chart as charts, input};
use crate::app::{Command, Picker, Target, palette as commands};
use crate::format;

const LABEL_COLUMNS: usize = 12;
const HELP_COLUMNS: u16 = 76;

/// Every command with its keys, by group; a disabled command has its reason.
pub(super) fn help(canvas: &mut Canvas<'_>, within: Rect, scroll: usize) {
    let (palette, cut) = (canvas.palette(), canvas.glyphs().ellipsis);
    let mut lines = Vec::new();
    let mut group = "";
    // Keys are never cut; the configuration may give a command many.
    let keys = Command::all().map(|command| format::width(canvas.app.keymap.keys(command)));
    let keys_columns = keys.max().unwrap_or(0) + 1;
    for command in Command::all() {
        let info = command.info();
        if info.group != group {
            if !group.is_empty() {
                lines.push(Line::default());
            }
            group = info.group;
            lines.push(Line::styled(format!(" {group}"), palette.strong));
        }
        let disabled = command.disabled_reason(canvas.app);
        let (key, style) = match &disabled {
            Some(_) => (palette.dim, palette.dim),
            None => (palette.key, palette.text),
        };
        let room = usize::from(within.width.min(HELP_COLUMNS)).saturating_sub(keys_columns + 6);
        let mut help = info.help.to_owned();
        if let Some(why) = &disabled {
            help += &format!(": {why}");
            // The reason matters more than the full sentence.
            if format::width(&help) > room {
                help = format!("{}: {why}", info.label);
            }
        }
        let keys = format::align_left(canvas.app.keymap.keys(command), keys_columns, cut);
        lines.push(Line::from(vec![
            Span::styled(format!("   {keys}"), key),
            Span::styled(format::truncate(&help, room, cut).into_owned(), style),
        ]));
    }
    let rows = format::cells(lines.len()) + 2;
    let area = middle(within, HELP_COLUMNS, rows);
    let shown = usize::from(area.height.saturating_sub(2));
    let first = scroll.min(lines.len().saturating_sub(shown));
    let corner = canvas.position(first, shown, lines.len());
    let inner = canvas.popup(area, "Keys", corner);
    canvas.lines(inner, lines.get(first..).unwrap_or_default());
}

/// The command palette.
pub(super) fn palette(canvas: &mut Canvas<'_>, within: Rect, picker: &Picker) {
    let (palette, cut) = (canvas.palette(), canvas.glyphs().ellipsis);
    let found = commands(picker.input.value());
    let area = middle(within, 64, 20);
    let inner = canvas.popup(area, "Commands", Line::default());
    input::draw(canvas, inner, ":", &picker.input, true);
    let body = skip_rows(inner, 1);
    let viewport = canvas.app.layout.palette;
    let window = viewport.around(picker.selected, usize::from(body.height), found.len());
    canvas.layout.palette = window;
    if found.is_empty() {
        canvas.text(padded(body), "No command matches. Esc closes.", palette.dim);
        return;
    }
    let visible = found.iter().enumerate().skip(window.first);
    let keys = found
        .iter()
        .map(|command| format::width(canvas.app.keymap.keys(*command)));
    let keys_columns = keys.max().unwrap_or(0).max(7);
    for (row, (index, command)) in body.rows().zip(visible) {
        let info = command.info();
        let selected = index == picker.selected;
        let disabled = command.disabled_reason(canvas.app);
        let style = canvas.row_style(selected, disabled.is_some());
        let help_style = if selected { palette.text } else { palette.dim };
        let room = usize::from(body.width).saturating_sub(keys_columns + 3 + LABEL_COLUMNS);
        let help = disabled.map_or(info.help.to_owned(), |why| format!("not now: {why}"));
        let label = format::align_left(info.label, LABEL_COLUMNS, cut);
        let keys = format::align_right(canvas.app.keymap.keys(*command), keys_columns);
        let line = Line::from(vec![
            canvas.marker(selected, true),
            Span::styled(format!(" {label}"), style),
            Span::styled(format::align_left(&help, room, cut), help_style),
            Span::styled(format!("{keys} "), palette.dim),
        ]);
        canvas.clickable_line(row, &line, Target::Palette(index));
    }
}

/// The message log, newest first.
pub(super) fn log(canvas: &mut Canvas<'_>, within: Rect, scroll: usize) {
    const CLOCK_COLUMNS: u16 = 11;
    let area = middle(within.inner(Margin::new(2, 1)), 100, 30);
    let columns = usize::from(area.width.saturating_sub(CLOCK_COLUMNS + 3));
    let (rows, palette) = (usize::from(area.height.saturating_sub(2)), canvas.palette());
    let newest_first = canvas.app.notices.log.iter().rev();
    let messages: Vec<Vec<_>> = newest_first
        .map(|notice| {
            let (_, style) = canvas.severity(notice.severity);
            let clocks =
                iter::once(format::time_of_day(notice.at, &canvas.app.zone)).chain(iter::repeat(String::new()));
            let lines = format::wrap(&notice.text, columns, rows, canvas.glyphs().ellipsis);
            let clocks = clocks.map(|clock| Span::styled(format!(" {clock:8}  "), palette.dim));
            clocks
                .zip(lines)
                .map(|(clock, text)| clock + Span::styled(text, style))
                .collect()
        })
        .collect();
    let heights: Vec<_> = messages.iter().map(Vec::len).collect();
    let (first, shown) = visible_messages(&heights, scroll, rows);
    let corner = canvas.position(first, shown, messages.len());
    let inner = canvas.popup(area, "Messages", corner);
    if messages.is_empty() {
        canvas.text(padded(inner), "No messages yet. Esc closes.", palette.dim);
        return;
    }
    let lines: Vec<_> = messages.into_iter().skip(first).flatten().collect();
    canvas.lines(inner, &lines);
}

/// Index of the first visible message, and the number of visible messages. The last scroll position fills the rows.
fn visible_messages(heights: &[usize], scroll: usize, rows: usize) -> (usize, usize) {
    let fit = |heights: &mut dyn Iterator<Item = &usize>| {
        let mut left = rows;
        heights
            .take_while(|height| left.checked_sub(**height).map(|rest| left = rest).is_some())
            .count()
    };
    let first = scroll.min(heights.len() - fit(&mut heights.iter().rev()));
    (first, fit(&mut heights.iter().skip(first)).max(1))
}

/// The stock of the selected book over time, as large as the frame.
pub(super) fn chart(canvas: &mut Canvas<'_>, within: Rect) {
    let Some(book) = canvas.app.shop.selected().and_then(|item| canvas.app.books.get(item)) else {
        return;
    };
    let corner = charts::title(canvas, "Stock", book.item);
    let inner = canvas.popup(within.inner(Margin::new(2, 1)), &book.title, corner);
    charts::stock(canvas, padded(inner), book.item);
}
