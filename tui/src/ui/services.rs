//! What the front-end says of itself.

use std::time::Duration;

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, below};
use crate::app::{Chip, Link, Room, Target};
use crate::format;

/// Draws the screen.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (top, rest) = if canvas.app.room() == Room::One {
        let [front, store, rest] =
            Layout::vertical([Constraint::Length(7), Constraint::Length(5), Constraint::Min(0)]).areas(area);
        ([front, store], rest)
    } else {
        let [top, rest] = Layout::vertical([Constraint::Length(8), Constraint::Min(0)]).areas(area);
        let [front, store] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(top);
        ([front, store], rest)
    };
    front_end(canvas, top[0]);
    store(canvas, top[1]);
    if rest.height >= 3 {
        routes(canvas, rest);
    }
}

fn fact(canvas: &Canvas<'_>, name: &str, value: &str, style: Style) -> Line<'static> {
    let name = format::left(name, 10, canvas.glyphs().ellipsis);
    Line::from(vec![
        Span::styled(name, canvas.palette().dim),
        Span::styled(value.to_owned(), style),
    ])
}

fn front_end(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let palette = canvas.palette();
    let remark = canvas.reading(&app.services.health);
    let inner = canvas.panel(area, "Front-end", &remark, false);
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    };
    if canvas.instead(inner, &app.services.health, None) {
        return;
    }
    let health = match app.services.health.value.as_ref() {
        Some(Ok(health)) => health,
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
    };
    let missing = if health.missing.is_empty() {
        "nothing".to_owned()
    } else {
        health.missing.join("; ")
    };
    let state = format!("{} ready", canvas.glyphs().live);
    let lines = [
        fact(canvas, "Health", &state, palette.good),
        fact(
            canvas,
            "Missing",
            &missing,
            if health.missing.is_empty() {
                palette.text
            } else {
                palette.warn
            },
        ),
        fact(canvas, "Service", &health.service, palette.text),
        fact(canvas, "Version", &health.version, palette.text),
        fact(
            canvas,
            "Up since",
            &format!("{} ago", format::span(Duration::from_secs(health.uptime_s))),
            palette.text,
        ),
        fact(canvas, "Address", &app.url, palette.text),
    ];
    canvas.lines(inner, &lines);
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
    let (events, style) = match (connection.chip(app.books.is_held(), app.now.elapsed), &connection.link) {
        (Chip::Live | Chip::Frozen, _) => ("arrive as they happen".to_owned(), palette.good),
        (_, Link::Live) => ("the front-end lost its catalog".to_owned(), palette.warn),
        (_, Link::Waiting { why, .. }) => (why.clone(), palette.warn),
        (_, Link::Connecting { .. }) => ("connecting".to_owned(), palette.warn),
    };
    let lines = [
        fact(
            canvas,
            "Head",
            &format!("entry {}", format::grouped(connection.head.0)),
            palette.strong,
        ),
        fact(canvas, "Store", &id, palette.text),
        fact(canvas, "Events", &events, style),
        fact(
            canvas,
            "Moves",
            &format!("{} since the start", format::grouped(connection.moves)),
            palette.text,
        ),
    ];
    canvas.lines(inner, &lines);
    if let Some(why) = &connection.ended {
        let below = Rect {
            y: inner.y + 4.min(inner.height),
            height: inner.height.saturating_sub(4),
            ..inner
        };
        canvas.paragraph(below, &format!("Closed for good: {why}"), palette.bad);
    }
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
    let service_width = if wide { 10 } else { 0 };
    let numbers = if wide { 12 + 9 + 11 + 11 } else { 9 + 9 };
    let route_width = usize::from(inside.width).saturating_sub(service_width + numbers);
    let row = |service: &str, route: &str, requests: &str, failed: &str, p50: &str, p99: &str| {
        let mut text = format::left(service, service_width, cut);
        text += &format::left(route, route_width, cut);
        text += &format::right(requests, if wide { 12 } else { 9 }, cut);
        if wide {
            text += &format::right(failed, 9, cut);
            text += &format::right(p50, 11, cut);
            text += &format::right(p99, 11, cut);
        } else {
            text += &format::right(p99, 9, cut);
        }
        text
    };
    let head = row(
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
        let text = row(
            &route.service,
            &route.route,
            &format::grouped(route.requests),
            &format::grouped(route.failed),
            &time(route.p50_us),
            &time(route.p99_us),
        );
        let style = if route.failed > 0 { palette.warn } else { palette.text };
        canvas.text(Rect { y, height: 1, ..body }, &text, style);
    }
}
