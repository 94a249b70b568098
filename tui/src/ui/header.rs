//! The rows around the body: tabs, connection, breadcrumbs, counts, the status row and the key hints.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::area::{first_columns, first_rows, padded, skip_columns, skip_rows};
use super::canvas::Canvas;
use crate::app::{
    App, Breakpoint, Chip, Command, Focus, Hint, LoadState, RemoteData, RunStatus, SPINNER_AFTER, Screen, StreamState,
    Target,
};
use crate::format;

/// The least width of the breadcrumbs beside the basket and the counts.
const BREADCRUMBS_MIN: usize = 24;
/// The columns between two tabs.
const TAB_GAP: u16 = 2;

/// Draws two rows: tabs and connection, then breadcrumbs and counts.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let row = shortened(first_rows(area, 1), 1);
    let chip = chip(canvas);
    let taken = canvas.line_right(row, &chip);
    tabs(canvas, shortened(row, taken + 1));
    let row = padded(skip_rows(area, 1));
    let taken = counts_and_basket(canvas, row);
    breadcrumbs(canvas, shortened(row, taken + 2));
}

/// The area without its last columns.
fn shortened(area: Rect, columns: u16) -> Rect {
    first_columns(area, area.width.saturating_sub(columns))
}

fn chip(canvas: &Canvas<'_>) -> Line<'static> {
    let (glyphs, palette) = (canvas.glyphs(), canvas.palette());
    let app = canvas.app;
    let (text, style) = match app.connection.chip(app.books.is_frozen(), app.now.elapsed) {
        Chip::Live => (format!("{} live", glyphs.live), palette.good),
        Chip::Connecting => (format!("{} connecting", glyphs.reconnecting), palette.warn),
        Chip::Reconnecting { seconds, attempt } => {
            let sign = glyphs.reconnecting;
            (format!("{sign} reconnecting {seconds}s (#{attempt})"), palette.warn)
        }
        Chip::Offline => (format!("{} offline", glyphs.offline), palette.bad),
        Chip::Frozen => (format!("{} frozen", glyphs.frozen), palette.accent),
    };
    Line::styled(text, style)
}

fn tabs(canvas: &mut Canvas<'_>, area: Rect) {
    let palette = canvas.palette();
    let mut x = area.x;
    let wide = canvas.app.breakpoint() != Breakpoint::OnePane;
    if wide {
        canvas.text(skip_columns(area, 1), "bookstore", palette.strong);
        x += 12;
    }
    let room = area.right().saturating_sub(x);
    let mut tabs = tab_lines(canvas, wide);
    if !fit(&tabs, room) {
        tabs = tab_lines(canvas, false);
    }
    if !fit(&tabs, room) {
        tabs.retain(|(screen, _)| *screen == canvas.app.screen);
    }
    for (screen, line) in tabs {
        let width = format::cells(line.width()).min(area.right().saturating_sub(x));
        canvas.clickable_line(Rect { x, width, ..area }, &line, Target::Tab(screen));
        x += width + TAB_GAP;
    }
}

fn fit(tabs: &[(Screen, Line<'_>)], room: u16) -> bool {
    let columns = tabs.iter().map(|(_, line)| format::cells(line.width()) + TAB_GAP);
    columns.sum::<u16>() <= room + TAB_GAP
}

/// The tabs; inactive tabs have names only if `all_named`.
fn tab_lines(canvas: &Canvas<'_>, all_named: bool) -> Vec<(Screen, Line<'static>)> {
    let (app, palette) = (canvas.app, canvas.palette());
    let is_offered = |screen: &Screen| *screen != Screen::Autopilot || !app.connection.is_remote;
    let numbered = (1..).zip(Screen::ALL).filter(|(_, screen)| is_offered(screen));
    let line = |(number, screen): (usize, Screen)| {
        let active = screen == app.screen;
        let mut name = number.to_string();
        if active || all_named {
            name += &format!(" {}", screen.name());
        }
        let pending = app.orders.pending_count();
        if screen == Screen::Orders && pending > 0 {
            name += &format!(" {}{pending}", canvas.glyphs().unknown);
        }
        if screen == Screen::Autopilot {
            name += &run_badge(canvas);
        }
        let style = match screen {
            _ if active => palette.accent,
            Screen::Autopilot if app.autopilot.available.is_err() => palette.dim,
            _ => palette.text,
        };
        (screen, canvas.marker(active, true) + Span::styled(name, style))
    };
    numbered.map(line).collect()
}

/// The badge of a run in the autopilot's tab: a sign, and a word where there is room.
fn run_badge(canvas: &Canvas<'_>) -> String {
    let (run, glyphs) = (canvas.app.autopilot.status, canvas.glyphs());
    let (sign, word) = match run {
        RunStatus { running: false, .. } => return String::new(),
        RunStatus { stopping: true, .. } => (glyphs.reconnecting, "stopping"),
        RunStatus { paused: true, .. } => (glyphs.frozen, "paused"),
        _ => (glyphs.live, "running"),
    };
    match canvas.app.breakpoint() {
        Breakpoint::ThreePanes => format!(" {sign} {word}"),
        _ => format!(" {sign}"),
    }
}

fn breadcrumbs(canvas: &mut Canvas<'_>, area: Rect) {
    let palette = canvas.palette();
    let app = canvas.app;
    let mut names = vec![app.connection.shop_name.clone()];
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
            names.push(book.title.to_string());
        }
    } else {
        names.push(app.screen.name().to_owned());
    }
    let cut = canvas.glyphs().ellipsis;
    let separator = format!(" {} ", canvas.glyphs().breadcrumb);
    let last = names.len() - 1;
    let mut room = usize::from(area.width).saturating_sub(last * format::width(&separator));
    // The last name is the most important, but the others share at least two fifths of the row.
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

/// Draws the counts and the basket at the right edge, each only if it fits; returns their width.
fn counts_and_basket(canvas: &mut Canvas<'_>, area: Rect) -> u16 {
    let (app, palette) = (canvas.app, canvas.palette());
    let room = usize::from(area.width);
    let mut basket = Span::default();
    if !app.basket.lines().is_empty() {
        let (copies, cents) = (app.basket.copies(), app.basket.total_cents(&app.books));
        let (mark, style) = match app.basket.is_short(&app.books) {
            true => ("! ", palette.warn),
            false => ("", palette.text),
        };
        let (copies, dot, total) = (format::thousands(copies), canvas.glyphs().dot, format::amount(cents));
        basket = Span::styled(format!("{mark}basket {copies} {dot} {total}"), style);
    }
    let basket = if basket.width() > room { Span::default() } else { basket };
    let basket_columns = format::cells(basket.width());
    let mut counts = counts(app);
    if basket_columns > 0 && !counts.is_empty() {
        counts = format!("   {counts}");
    }
    // The name of the shop needs some room, too.
    if basket_columns > 0 && basket.width() + format::width(&counts) + BREADCRUMBS_MIN > room {
        counts.clear();
    }
    let counts_columns = canvas.line_right(area, &Line::styled(counts, palette.dim));
    let area = shortened(area, counts_columns);
    if basket_columns > 0 {
        let button = skip_columns(area, area.width.saturating_sub(basket_columns));
        canvas.clickable_line(button, &Line::from(basket), Target::Command(Command::Basket));
    }
    counts_columns + basket_columns
}

fn counts(app: &App) -> String {
    match app.screen {
        Screen::Shop => match (&app.shop.search, app.shop.selected_topic()) {
            (Some(search), _) if !search.text().is_empty() => match app.shop.rows.len() {
                1 => "1 match".to_owned(),
                rows => format!("{} matches", format::thousands(rows)),
            },
            (_, Some(topic)) => format::plural(topic.books, "book"),
            _ => String::new(),
        },
        Screen::Orders => format::plural(app.orders.list.len(), "order"),
        Screen::Services => format!("entry {}", format::thousands(app.connection.head.0)),
        Screen::Autopilot => String::new(),
    }
}

/// Draws the status row: the last notice and, on the right, what is loading.
pub(super) fn status(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let palette = canvas.palette();
    let area = padded(area);
    let busy = busy(app).map(|what| canvas.busy(what));
    let taken = busy.map_or(0, |busy| canvas.line_right(area, &busy) + 2);
    let area = shortened(area, taken);
    if let Some((notice, _)) = &app.notices.toast {
        let (sign, style) = canvas.severity(notice.severity);
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

/// Draws the hint row: as many of the current keys as fit. The last two, help and back, always stay.
pub(super) fn hints(canvas: &mut Canvas<'_>, area: Rect) {
    let palette = canvas.palette();
    let hints = canvas.app.hints();
    let width_of = |hint: &Hint| format::cells(format::width(&hint.keys) + 1 + format::width(&hint.label));
    let ends_in_back = canvas.app.overlays.is_empty() && !canvas.app.is_editing_filter();
    let kept_from = hints.len().saturating_sub(if ends_in_back { 2 } else { 0 });
    let reserved: u16 = hints.iter().skip(kept_from).map(|hint| width_of(hint) + 2).sum();
    let mut x = area.x + 1;
    for (index, hint) in hints.iter().enumerate() {
        let reserved = if index < kept_from { reserved } else { 0 };
        let width = width_of(hint);
        if x + width > area.right().saturating_sub(reserved) {
            continue;
        }
        let (key, label) = if hint.enabled {
            (palette.key, palette.text)
        } else {
            (palette.dim, palette.dim)
        };
        let line = Line::from(vec![
            Span::styled(hint.keys.as_str(), key),
            Span::styled(format!(" {}", hint.label), label),
        ]);
        let button = Rect { x, width, ..area };
        canvas.line(button, &line);
        if let Some(target) = hint.target {
            canvas.add_target(button, target);
        }
        x += width + 2;
    }
}
