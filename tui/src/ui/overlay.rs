//! What lies over the screen: help, palette, messages, a large chart. Each is clamped to the frame.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, below, middle};
use super::{chart as charts, input};
use crate::app::{Command, Picker, Severity, Target, palette as commands};
use crate::format;

/// How wide the names of the commands are.
const LABEL_COLUMNS: usize = 12;
/// How wide the help is, where there is room.
const HELP_COLUMNS: u16 = 76;

/// Every key, by what it is for; what cannot run now says why.
pub(super) fn help(canvas: &mut Canvas<'_>, within: Rect, scroll: usize) {
    let (palette, cut) = (canvas.palette(), canvas.glyphs().ellipsis);
    let mut lines = Vec::new();
    let mut group = "";
    for command in Command::ALL {
        let info = command.info();
        if info.group != group {
            if !group.is_empty() {
                lines.push(Line::default());
            }
            group = info.group;
            lines.push(Line::from(Span::styled(format!(" {group}"), palette.strong)));
        }
        let objection = command.disabled_reason(canvas.app);
        let style = if objection.is_some() { palette.dim } else { palette.text };
        let key = if objection.is_some() { palette.dim } else { palette.key };
        let room = usize::from(within.width.min(HELP_COLUMNS)).saturating_sub(15);
        let mut help = info.help.to_owned();
        if let Some(why) = &objection {
            help += &format!(": {why}");
            // Why it cannot run matters more than the whole sentence.
            if format::width(&help) > room {
                help = format!("{}: {why}", info.label);
            }
        }
        let spans = vec![
            Span::styled(
                format!("   {}", format::align_left(canvas.app.keymap.keys(command), 9, cut)),
                key,
            ),
            Span::styled(format::truncate(&help, room, cut).into_owned(), style),
        ];
        lines.push(Line::from(spans));
    }
    let rows = format::cells(lines.len()) + 2;
    let area = middle(within, HELP_COLUMNS, rows);
    let shown = usize::from(area.height.saturating_sub(2));
    let first = scroll.min(lines.len().saturating_sub(shown));
    let remark = position(canvas, first, shown, lines.len());
    let inner = canvas.popup(within, (HELP_COLUMNS, rows), "Keys", &remark);
    canvas.place(area, Target::Overlay);
    canvas.lines(inner, lines.get(first..).unwrap_or_default());
}

fn position(canvas: &Canvas<'_>, first: usize, shown: usize, all: usize) -> Line<'static> {
    if all <= shown {
        return Line::default();
    }
    Line::from(Span::styled(
        format!("{}-{} of {all}", first + 1, (first + shown).min(all)),
        canvas.palette().dim,
    ))
}

/// Commands by name.
pub(super) fn palette(canvas: &mut Canvas<'_>, within: Rect, picker: &Picker) {
    let (palette, cut) = (canvas.palette(), canvas.glyphs().ellipsis);
    let found = commands(picker.input.value());
    let area = middle(within, 64, 20);
    let inner = canvas.popup(within, (64, 20), "Commands", &Line::default());
    canvas.place(area, Target::Overlay);
    input::draw(canvas, Rect { height: 1, ..inner }, ":", &picker.input, true);
    let body = below(inner);
    let window = canvas
        .app
        .layout
        .palette
        .around(picker.selected, usize::from(body.height), found.len());
    canvas.layout.palette = window;
    if found.is_empty() {
        let inside = Rect {
            x: body.x + 1,
            width: body.width.saturating_sub(2),
            ..body
        };
        canvas.text(inside, "No command has such a name. Esc closes.", palette.dim);
        return;
    }
    let visible = found.iter().enumerate().skip(window.first);
    for (y, (row, command)) in (body.y..body.bottom()).zip(visible) {
        let info = command.info();
        let selected = row == picker.selected;
        let objection = command.disabled_reason(canvas.app);
        let style = match (selected, &objection) {
            (true, _) => palette.selected,
            (false, Some(_)) => palette.dim,
            (false, None) => palette.text,
        };
        let room = usize::from(body.width).saturating_sub(10 + LABEL_COLUMNS);
        let help = match &objection {
            Some(why) => format!("not now: {why}"),
            None => info.help.to_owned(),
        };
        let line = Line::from(vec![
            canvas.marker(selected, true),
            Span::styled(
                format!(" {}", format::align_left(info.label, LABEL_COLUMNS, cut)),
                style,
            ),
            Span::styled(
                format::align_left(&help, room, cut),
                if selected { palette.text } else { palette.dim },
            ),
            Span::styled(
                format!("{} ", format::align_right(canvas.app.keymap.keys(*command), 7, cut)),
                palette.dim,
            ),
        ]);
        let place = Rect { y, height: 1, ..body };
        canvas.line(place, &line);
        canvas.place(place, Target::Palette(row));
    }
}

/// The messages, the newest first, each as long as it is.
pub(super) fn log(canvas: &mut Canvas<'_>, within: Rect, scroll: usize) {
    let size = (
        within.width.saturating_sub(4).min(100),
        within.height.saturating_sub(2).min(30),
    );
    let area = middle(within, size.0, size.1);
    let (columns, rows) = (
        area.width.saturating_sub(14),
        usize::from(area.height.saturating_sub(2)),
    );
    let messages: Vec<_> = canvas
        .app
        .notices
        .log
        .iter()
        .rev()
        .map(|notice| {
            let cut = canvas.glyphs().ellipsis;
            (notice, format::wrap(&notice.text, usize::from(columns), rows, cut))
        })
        .collect();
    let heights: Vec<_> = messages.iter().map(|(_, lines)| lines.len()).collect();
    let (first, shown) = stretch(&heights, scroll, rows);
    let remark = position(canvas, first, shown, messages.len());
    let inner = canvas.popup(within, size, "Messages", &remark);
    canvas.place(area, Target::Overlay);
    if messages.is_empty() {
        let inside = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            ..inner
        };
        canvas.text(inside, "Nothing to tell yet. Esc closes.", canvas.palette().dim);
        return;
    }
    let lines = messages.iter().skip(first).flat_map(|(notice, lines)| {
        let clocks = std::iter::once(format::time_of_day(notice.at)).chain(std::iter::repeat(String::new()));
        clocks.zip(lines).map(|(clock, line)| (notice.severity, clock, line))
    });
    let palette = canvas.palette();
    for (y, (tone, clock, text)) in (inner.y..inner.bottom()).zip(lines) {
        let style = match tone {
            Severity::Info => palette.text,
            Severity::Success => palette.good,
            Severity::Warning => palette.warn,
            Severity::Error => palette.bad,
        };
        let line = Line::from(vec![
            Span::styled(format!(" {clock:8}  "), palette.dim),
            Span::styled(text.clone(), style),
        ]);
        canvas.line(Rect { y, height: 1, ..inner }, &line);
    }
}

/// The first of the messages that are shown, and how many begin on the rows there are. The last ones fill the rows.
fn stretch(heights: &[usize], scroll: usize, rows: usize) -> (usize, usize) {
    let fit = |heights: &mut dyn Iterator<Item = &usize>| {
        let mut left = rows;
        heights
            .take_while(|height| left.checked_sub(**height).map(|rest| left = rest).is_some())
            .count()
    };
    let first = scroll.min(heights.len() - fit(&mut heights.iter().rev()));
    (first, fit(&mut heights.iter().skip(first)).max(1))
}

/// The selected book's stock over the whole frame.
pub(super) fn chart(canvas: &mut Canvas<'_>, within: Rect) {
    let size = (within.width.saturating_sub(4), within.height.saturating_sub(2));
    let Some(book) = canvas.app.shop.selected().and_then(|item| canvas.app.books.get(item)) else {
        return;
    };
    let remark = charts::title(canvas, "Stock");
    let inner = canvas.popup(within, size, &book.title, &remark);
    let inside = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    };
    charts::stock(canvas, inside, book.item);
}
