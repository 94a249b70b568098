//! The rows around the body: where one is, how the shop is connected, what happened, which keys work.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use crate::app::{
    App, Breakpoint, Chip, Focus, Hint, LoadState, RemoteData, SPINNER_AFTER, Screen, Severity, StreamState, Target,
};
use crate::format;

/// Two rows: the screens and the connection; the path and the counts.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let first = Rect { height: 1, ..area };
    let second = Rect {
        y: area.y + 1,
        height: 1,
        ..area
    };
    let inside = Rect {
        width: first.width.saturating_sub(1),
        ..first
    };
    let chip = chip(canvas);
    let taken = canvas.line_right(inside, &chip);
    tabs(
        canvas,
        Rect {
            width: inside.width.saturating_sub(taken + 1),
            ..inside
        },
    );
    let inside = Rect {
        x: second.x + 1,
        width: second.width.saturating_sub(2),
        ..second
    };
    let counts = Line::from(Span::styled(counts(canvas.app), canvas.palette().dim));
    let taken = canvas.line_right(inside, &counts);
    path(
        canvas,
        Rect {
            width: inside.width.saturating_sub(taken + 2),
            ..inside
        },
    );
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
        x += 1;
        canvas.text(Rect { x, width: 10, ..area }, "bookstore", palette.strong);
        x += 11;
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
        let marker = Line::from(canvas.marker(active, true));
        canvas.line(Rect { x, width: 1, ..area }, &marker);
        canvas.text(
            Rect {
                x: x + 1,
                width,
                ..area
            },
            &name,
            style,
        );
        canvas.place(
            Rect {
                x,
                width: width + 1,
                ..area
            },
            Target::Tab(screen),
        );
        x += width + 3;
    }
}

fn path(canvas: &mut Canvas<'_>, area: Rect) {
    let palette = canvas.palette();
    let app = canvas.app;
    let mut names = vec![app.connection.store_name.clone()];
    match app.screen {
        Screen::Shop => {
            if let Some(find) = app.shop.search.as_ref().filter(|find| !find.text().is_empty()) {
                names.push(format!("/{}", find.text()));
            } else if let Some(topic) = app
                .shop
                .topics
                .value
                .as_ref()
                .and_then(|topics| topics.get(app.shop.topic))
            {
                names.push(topic.display_name.clone());
            }
            if app.shop.focus == Focus::Detail
                && let Some(book) = app.shop.selected().and_then(|item| app.books.get(item))
            {
                names.push(book.title.clone());
            }
        }
        screen => names.push(screen.name().to_owned()),
    }
    let cut = canvas.glyphs().ellipsis;
    let between = format!(" {} ", canvas.glyphs().path);
    let last = names.len() - 1;
    let mut room = usize::from(area.width).saturating_sub(last * format::width(&between));
    // The last name matters most; the ones before share what it leaves, two fifths of the row at least.
    let mut wanted = names.last().map_or(0, |name| format::width(name)).min(room * 3 / 5);
    let mut spans = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            spans.push(Span::styled(between.clone(), palette.dim));
        }
        let (share, style) = if place == last {
            (room, palette.text)
        } else {
            (room.saturating_sub(wanted) / (last - place), palette.dim)
        };
        let name = format::truncate(name, share, cut).into_owned();
        room = room.saturating_sub(format::width(&name));
        wanted = wanted.min(room);
        spans.push(Span::styled(name, style));
    }
    canvas.line(area, &Line::from(spans));
}

fn counts(app: &App) -> String {
    let many = |number: usize, thing| format::plural(u64::try_from(number).unwrap_or(u64::MAX), thing);
    match app.screen {
        Screen::Shop => {
            let topic = app
                .shop
                .topics
                .value
                .as_ref()
                .and_then(|topics| topics.get(app.shop.topic));
            match (&app.shop.search, topic) {
                (Some(find), _) if !find.text().is_empty() => {
                    many(app.shop.rows.len(), "match").replace("matchs", "matches")
                }
                (_, Some(topic)) => format::plural(topic.books, "book"),
                _ => String::new(),
            }
        }
        Screen::Orders => many(app.orders.list.len(), "order"),
        Screen::Services => format!("entry {}", format::thousands(app.connection.head.0)),
        Screen::Autopilot => String::new(),
    }
}

/// The row that says what happened, and on the right what is on its way.
pub(super) fn status(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let (glyphs, palette) = (canvas.glyphs(), canvas.palette());
    let area = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let busy = busy(app).map(|what| {
        Line::from(vec![
            Span::styled(canvas.spinner(), palette.accent),
            Span::styled(format!(" {what}"), palette.dim),
        ])
    });
    let taken = busy.map_or(0, |busy| canvas.line_right(area, &busy) + 2);
    let area = Rect {
        width: area.width.saturating_sub(taken),
        ..area
    };
    if let Some((notice, _)) = &app.notices.toast {
        let (sign, style) = match notice.severity {
            Severity::Info => (glyphs.dot, palette.text),
            Severity::Success => (glyphs.done, palette.good),
            Severity::Warning => ("!", palette.warn),
            Severity::Error => ("!", palette.bad),
        };
        canvas.text(area, &format!("{sign} {}", notice.text), style);
    } else if let Some(why) = &app.connection.store_closed {
        canvas.text(area, &format!("! The shop's store is closed: {why}"), palette.bad);
    } else if let StreamState::Waiting { reason: why, .. } = &app.connection.stream {
        canvas.text(area, &format!("! {why}"), palette.dim);
    }
}

fn busy(app: &App) -> Option<&'static str> {
    fn slow<T>(data: &RemoteData<T>, app: &App) -> bool {
        matches!(data.state, LoadState::Loading { since, .. } if app.now.elapsed.saturating_sub(since) >= SPINNER_AFTER)
    }
    let found = app.shop.search.as_ref().and_then(|find| find.results.as_ref());
    if app.connection.url.is_empty() && app.now.elapsed >= SPINNER_AFTER {
        Some("opening the store")
    } else if found.is_some_and(|found| slow(&found.data, app)) {
        Some("searching")
    } else if slow(&app.shop.topics, app)
        || app
            .shop
            .topic_listing
            .as_ref()
            .is_some_and(|shelf| slow(&shelf.data, app))
    {
        Some("loading")
    } else {
        None
    }
}

/// The keys that work here and now.
pub(super) fn hints(canvas: &mut Canvas<'_>, area: Rect) {
    let palette = canvas.palette();
    let hints = canvas.app.hints();
    let width = |hint: &Hint| format::cells(format::width(&hint.keys) + 1 + format::width(&hint.label));
    // Help and the way out are never pushed out of the row by the others.
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
        let place = Rect {
            x,
            width: width(hint),
            ..area
        };
        canvas.line(place, &line);
        if let Some(target) = hint.target {
            canvas.place(place, target);
        }
        x += place.width + 2;
    }
}
