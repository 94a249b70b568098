//! The rows around the body: tabs, connection, breadcrumbs, counts, the status row and the key hints.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, first_row, padded, skip_columns, skip_rows};
use crate::app::{
    App, Breakpoint, Chip, Focus, Hint, LoadState, RemoteData, SPINNER_AFTER, Screen, Severity, StreamState, Target,
};
use crate::format;

/// Draws two rows: tabs and connection, then breadcrumbs and counts.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let row = shortened(first_row(area), 1);
    let chip = chip(canvas);
    let taken = canvas.line_right(row, &chip);
    tabs(canvas, shortened(row, taken + 1));
    let row = padded(first_row(skip_rows(area, 1)));
    let counts = Line::styled(counts(canvas.app), canvas.palette().dim);
    let taken = canvas.line_right(row, &counts);
    breadcrumbs(canvas, shortened(row, taken + 2));
}

/// The area without its last columns.
fn shortened(area: Rect, columns: u16) -> Rect {
    Rect {
        width: area.width.saturating_sub(columns),
        ..area
    }
}

fn chip(canvas: &Canvas<'_>) -> Line<'static> {
    let (glyphs, palette) = (canvas.glyphs(), canvas.palette());
    let app = canvas.app;
    let (sign, word, style) = match app.connection.chip(app.books.is_frozen(), app.now.elapsed) {
        Chip::Live => (glyphs.live, "live".to_owned(), palette.good),
        Chip::Connecting => (glyphs.reconnecting, "connecting".to_owned(), palette.warn),
        Chip::Reconnecting { seconds, attempt } => (
            glyphs.reconnecting,
            format!("reconnecting {seconds}s (#{attempt})"),
            palette.warn,
        ),
        Chip::Offline => (glyphs.offline, "offline".to_owned(), palette.bad),
        Chip::Frozen => (glyphs.frozen, "frozen".to_owned(), palette.accent),
    };
    Line::from(vec![Span::styled(sign, style), Span::styled(format!(" {word}"), style)])
}

fn tabs(canvas: &mut Canvas<'_>, area: Rect) {
    let palette = canvas.palette();
    let mut x = area.x;
    let wide = canvas.app.breakpoint() != Breakpoint::OnePane;
    if wide {
        canvas.text(skip_columns(area, 1), "bookstore", palette.strong);
        x += 12;
    }
    for (number, screen) in (1..).zip(Screen::ALL) {
        let active = screen == canvas.app.screen;
        let unsettled = if screen == Screen::Orders {
            canvas.app.orders.unsettled()
        } else {
            0
        };
        let mark = if unsettled > 0 {
            format!(" {}{unsettled}", canvas.glyphs().unknown)
        } else {
            String::new()
        };
        let name = if active || wide {
            format!("{number} {}{mark}", screen.name())
        } else {
            format!("{number}{mark}")
        };
        let closed = screen == Screen::Autopilot && canvas.app.autopilot.available.is_err();
        let style = match (active, closed) {
            (true, _) => palette.accent,
            (false, true) => palette.dim,
            (false, false) => palette.text,
        };
        let width = format::cells(format::width(&name));
        if x + width + 2 > area.right() {
            break;
        }
        let tab = Rect {
            x,
            width: width + 1,
            ..area
        };
        let marker = canvas.marker(active, true);
        canvas.line(tab, &Line::from(vec![marker, Span::styled(name, style)]));
        canvas.add_target(tab, Target::Tab(screen));
        x += width + 3;
    }
}

fn breadcrumbs(canvas: &mut Canvas<'_>, area: Rect) {
    let palette = canvas.palette();
    let app = canvas.app;
    let mut names = vec![app.connection.store_name.clone()];
    if app.screen == Screen::Shop {
        let search = app.shop.search.as_ref().filter(|search| !search.text().is_empty());
        match (search, app.shop.selected_topic()) {
            (Some(search), _) => names.push(format!("/{}", search.text())),
            (None, Some(topic)) => names.push(topic.display_name.clone()),
            (None, None) => {}
        }
        if app.shop.focus == Focus::Detail
            && let Some(book) = app.shop.selected().and_then(|item| app.books.get(item))
        {
            names.push(book.title.clone());
        }
    } else {
        names.push(app.screen.name().to_owned());
    }
    let cut = canvas.glyphs().ellipsis;
    let separator = format!(" {} ", canvas.glyphs().breadcrumb);
    let last = names.len() - 1;
    let mut room = usize::from(area.width).saturating_sub(last * format::width(&separator));
    // The last name matters most, but the others share at least two fifths of the row.
    let mut wanted = names.last().map_or(0, |name| format::width(name)).min(room * 3 / 5);
    let mut spans = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            spans.push(Span::styled(separator.clone(), palette.dim));
        }
        let (share, style) = if index == last {
            (room, palette.text)
        } else {
            (room.saturating_sub(wanted) / (last - index), palette.dim)
        };
        let name = format::truncate(name, share, cut).into_owned();
        room = room.saturating_sub(format::width(&name));
        wanted = wanted.min(room);
        spans.push(Span::styled(name, style));
    }
    canvas.line(area, &Line::from(spans));
}

fn counts(app: &App) -> String {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    match app.screen {
        Screen::Shop => match (&app.shop.search, app.shop.selected_topic()) {
            (Some(search), _) if !search.text().is_empty() => match app.shop.rows.len() {
                1 => "1 match".to_owned(),
                rows => format!("{} matches", format::thousands(count(rows))),
            },
            (_, Some(topic)) => format::plural(topic.books, "book"),
            _ => String::new(),
        },
        Screen::Orders => format::plural(count(app.orders.list.len()), "order"),
        Screen::Services => format!("entry {}", format::thousands(app.connection.head.0)),
        Screen::Autopilot => String::new(),
    }
}

/// Draws the status row: the last notice and, on the right, what is loading.
pub(super) fn status(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let (glyphs, palette) = (canvas.glyphs(), canvas.palette());
    let area = padded(area);
    let busy = busy(app).map(|what| {
        Line::from(vec![
            Span::styled(canvas.spinner(), palette.accent),
            Span::styled(format!(" {what}"), palette.dim),
        ])
    });
    let taken = busy.map_or(0, |busy| canvas.line_right(area, &busy) + 2);
    let area = shortened(area, taken);
    if let Some((notice, _)) = &app.notices.toast {
        let (sign, style) = match notice.severity {
            Severity::Info => (glyphs.dot, palette.text),
            Severity::Success => (glyphs.done, palette.good),
            Severity::Warning => ("!", palette.warn),
            Severity::Error => ("!", palette.bad),
        };
        canvas.text(area, &format!("{sign} {}", notice.text), style);
    } else if let Some(why) = &app.connection.store_closed {
        canvas.text(area, &format!("! The store is closed: {why}"), palette.bad);
    } else if let StreamState::Waiting { reason, .. } = &app.connection.stream {
        canvas.text(area, &format!("! {reason}"), palette.dim);
    }
}

fn busy(app: &App) -> Option<&'static str> {
    fn slow<T>(data: &RemoteData<T>, app: &App) -> bool {
        matches!(data.state, LoadState::Loading { since, .. } if app.now.elapsed.saturating_sub(since) >= SPINNER_AFTER)
    }
    let results = app.shop.search.as_ref().and_then(|search| search.results.as_ref());
    let listing = app.shop.topic_listing.as_ref();
    if app.connection.url.is_empty() && app.now.elapsed >= SPINNER_AFTER {
        Some("opening the store")
    } else if results.is_some_and(|results| slow(&results.data, app)) {
        Some("searching")
    } else if slow(&app.shop.topics, app) || listing.is_some_and(|listing| slow(&listing.data, app)) {
        Some("loading")
    } else {
        None
    }
}

/// Draws the hint row: the keys that work now.
pub(super) fn hints(canvas: &mut Canvas<'_>, area: Rect) {
    let palette = canvas.palette();
    let hints = canvas.app.hints();
    let width = |hint: &Hint| format::cells(format::width(&hint.keys) + 1 + format::width(&hint.label));
    // The last two hints, help and back, always stay.
    let kept = if canvas.app.overlays.is_empty() && !canvas.app.is_editing_search() {
        2
    } else {
        0
    };
    let (others, last) = hints.split_at(hints.len().saturating_sub(kept));
    let reserved: u16 = last.iter().map(|hint| width(hint) + 2).sum();
    let mut x = area.x + 1;
    let fits = |hint: &&Hint, x: &mut u16, right: u16| {
        let fits = *x + width(hint) <= right;
        *x += if fits { width(hint) + 2 } else { 0 };
        fits
    };
    let mut end = x;
    let right = area.right().saturating_sub(reserved);
    let mut shown: Vec<_> = others.iter().filter(|hint| fits(hint, &mut end, right)).collect();
    shown.extend(last.iter().filter(|hint| fits(hint, &mut end, area.right())));
    for hint in shown {
        let (key, label) = if hint.enabled {
            (palette.key, palette.text)
        } else {
            (palette.dim, palette.dim)
        };
        let line = Line::from(vec![
            Span::styled(hint.keys.clone(), key),
            Span::styled(format!(" {}", hint.label), label),
        ]);
        let button = Rect {
            x,
            width: width(hint),
            ..area
        };
        canvas.line(button, &line);
        if let Some(target) = hint.target {
            canvas.add_target(button, target);
        }
        x += button.width + 2;
    }
}
