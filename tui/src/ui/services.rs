//! What the front-end says of itself.

use std::time::Duration;

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, below};
use crate::app::{Chip, StreamState, Target};
use crate::format;

/// The widest that the name of a service is.
const SERVICE_COLUMNS: usize = 10;
/// The widest that an uptime, a rate or a time is.
const NUMBER_COLUMNS: usize = 9;

/// Draws the screen.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let [services, rest] = Layout::vertical([Constraint::Length(6), Constraint::Min(0)]).areas(area);
    // A low screen leaves out what matters least of the store, so that some routes are still to be seen.
    let store_rows = if rest.height < 14 { 5 } else { 7 };
    let [store, rest] = Layout::vertical([Constraint::Length(store_rows), Constraint::Min(0)]).areas(rest);
    list(canvas, services);
    self::store(canvas, store);
    if rest.height >= 3 {
        routes(canvas, rest);
    }
}

fn fact(canvas: &Canvas<'_>, name: &str, value: &str, style: Style) -> Line<'static> {
    let name = format::align_left(name, 10, canvas.glyphs().ellipsis);
    Line::from(vec![
        Span::styled(name, canvas.palette().dim),
        Span::styled(value.to_owned(), style),
    ])
}

/// A row for each service: health, version, uptime, requests a second, latency.
fn list(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let palette = canvas.palette();
    let remark = canvas.reading(&app.services.health);
    let inner = canvas.panel(area, "Services", &remark, false);
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    };
    if canvas.instead(inner, &app.services.health, None) {
        return;
    }
    match app.services.health.value.as_ref() {
        Some(Ok(_)) => {}
        Some(Err(missing)) => {
            let sign = canvas.glyphs().reconnecting;
            canvas.text(
                Rect { height: 1, ..inner },
                &format!("{sign} up, not ready"),
                palette.warn,
            );
            canvas.paragraph(below(inner), missing, palette.text);
            return;
        }
        None => return,
    }
    let columns = Columns::of(inner.width);
    let head = [
        "Service",
        "Health",
        "Version",
        "Up",
        "Requests",
        "Rate",
        "p50 up to",
        if columns.all { "p99 up to" } else { "p99" },
        "Ledger",
    ];
    let head = row(canvas, columns, head.map(str::to_owned));
    canvas.text(Rect { height: 1, ..inner }, &head, palette.dim);
    let none = || "-".to_owned();
    let time = |micros: Option<u64>| micros.map_or_else(none, format::latency);
    for (y, service) in (inner.y + 1..inner.bottom()).zip(&app.services.list) {
        let health = &service.health;
        let ok = health.status == "ok" && health.missing.is_empty();
        let state = if ok {
            format!("{} ready", canvas.glyphs().live)
        } else {
            format!("{} {}", canvas.glyphs().reconnecting, health.status)
        };
        let cells = [
            health.service.clone(),
            state,
            health.version.clone(),
            format::duration(Duration::from_secs(health.uptime_s)),
            format::thousands(health.requests),
            service.rate.map_or_else(none, |rate| format!("{rate:.1}/s")),
            time(health.p50_us),
            time(health.p99_us),
            health.head.map_or_else(none, |head| format::thousands(head.0)),
        ];
        let style = if ok { palette.text } else { palette.warn };
        canvas.text(Rect { y, height: 1, ..inner }, &row(canvas, columns, cells), style);
    }
}

/// Whether there is room for all numbers, and how wide each is.
#[derive(Clone, Copy)]
struct Columns {
    all: bool,
    number: usize,
}

impl Columns {
    fn of(width: u16) -> Self {
        let (all, number) = match width {
            0..94 => (false, NUMBER_COLUMNS),
            94..106 => (true, NUMBER_COLUMNS + 2),
            _ => (true, NUMBER_COLUMNS + 4),
        };
        Self { all, number }
    }
}

fn row(canvas: &Canvas<'_>, columns: Columns, cells: [String; 9]) -> String {
    let cut = canvas.glyphs().ellipsis;
    let [service, health, version, up, requests, rate, p50, p99, head] = cells;
    let mut text = format::align_left(&service, SERVICE_COLUMNS, cut);
    text += &format::align_left(&health, 10, cut);
    text += &format::align_left(&version, 8, cut);
    let numbers: &[&String] = if columns.all {
        &[&up, &requests, &rate, &p50, &p99, &head]
    } else {
        &[&up, &rate, &p99]
    };
    for number in numbers {
        text += &format::align_right(number, columns.number, cut);
    }
    text
}

fn store(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let palette = canvas.palette();
    let inner = canvas.panel(area, "Store", &Line::default(), false);
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    };
    let connection = &app.connection;
    let id = connection
        .store
        .map_or_else(|| "not known yet".to_owned(), |store| store.to_string());
    let (events, style) = match (
        connection.chip(app.books.is_frozen(), app.now.elapsed),
        &connection.stream,
    ) {
        _ if let Some(why) = &connection.store_closed => (format!("closed for good: {why}"), palette.bad),
        (Chip::Live | Chip::Frozen, _) => ("arrive as they happen".to_owned(), palette.good),
        (_, StreamState::Live) => ("the front-end lost its catalog".to_owned(), palette.warn),
        (_, StreamState::Waiting { reason: why, .. }) => (why.clone(), palette.warn),
        (_, StreamState::Connecting { .. }) => ("connecting".to_owned(), palette.warn),
    };
    let lines = [
        fact(
            canvas,
            "Head",
            &format!("entry {}", format::thousands(connection.head.0)),
            palette.strong,
        ),
        fact(canvas, "Store", &id, palette.text),
        fact(canvas, "Events", &events, style),
        fact(canvas, "Address", &app.connection.url, palette.text),
        fact(
            canvas,
            "Moves",
            &format!("{} since the start", format::thousands(connection.stock_events)),
            palette.text,
        ),
    ];
    canvas.lines(inner, &lines);
}

fn routes(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let (palette, cut) = (canvas.palette(), canvas.glyphs().ellipsis);
    let remark = canvas.reading(&app.services.routes);
    let inner = canvas.panel(area, "Requests answered", &remark, false);
    canvas.place(area, Target::Routes);
    let routes = app.services.routes.value.as_deref().unwrap_or_default();
    let inside = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    };
    if canvas.instead(
        inside,
        &app.services.routes,
        routes.is_empty().then_some("Nothing was asked yet."),
    ) {
        return;
    }
    let wide = inside.width >= 70;
    let numbers = if wide { 12 + 9 + 11 + 11 } else { 9 + 9 };
    let route_width = usize::from(inside.width).saturating_sub(SERVICE_COLUMNS + numbers);
    let route_row = |service: &str, route: &str, requests: &str, failed: &str, p50: &str, p99: &str| {
        let mut text = format::align_left(service, SERVICE_COLUMNS, cut);
        text += &format::align_left(route, route_width, cut);
        text += &format::align_right(requests, if wide { 12 } else { 9 }, cut);
        if wide {
            text += &format::align_right(failed, 9, cut);
            text += &format::align_right(p50, 11, cut);
            text += &format::align_right(p99, 11, cut);
        } else {
            text += &format::align_right(p99, 9, cut);
        }
        text
    };
    let head = route_row(
        "Service",
        "Route",
        "Requests",
        "Failed",
        "p50 up to",
        if wide { "p99 up to" } else { "p99" },
    );
    canvas.text(Rect { height: 1, ..inside }, &head, palette.dim);
    let body = below(inside);
    let time = |micros: Option<u64>| micros.map_or_else(|| "-".to_owned(), format::latency);
    for (y, route) in (body.y..body.bottom()).zip(routes.iter().skip(app.services.scroll)) {
        let text = route_row(
            &route.service,
            &route.route,
            &format::thousands(route.requests),
            &format::thousands(route.failed),
            &time(route.p50_us),
            &time(route.p99_us),
        );
        let style = if route.failed > 0 { palette.warn } else { palette.text };
        canvas.text(Rect { y, height: 1, ..body }, &text, style);
    }
}
