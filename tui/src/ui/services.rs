//! The services' screen: a row for each service, and the connection to the store.

use std::time::Duration;

use ratatui::layout::HorizontalAlignment::{self, Left, Right};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, padded, skip_rows};
use crate::app::{Chip, ServiceState, StreamState};
use crate::format;

/// The widest uptime, rate or latency.
const NUMBER_COLUMNS: usize = 9;
const LABEL_COLUMNS: usize = 10;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let rows = canvas.app.services.health.value.as_ref().map_or(0, |report| {
        let width = usize::from(area.width.saturating_sub(4));
        let lacks = report.lacks.iter().map(|lack| lack_lines(canvas, lack, width).len());
        report.services.len() + lacks.sum::<usize>()
    });
    let rows = format::cells(rows).saturating_add(3).max(6);
    let [services, store, _] =
        Layout::vertical([Constraint::Length(rows), Constraint::Length(7), Constraint::Min(0)]).areas(area);
    draw_services(canvas, services);
    draw_store(canvas, store);
}

/// State, version, uptime, requests, latency and ledger head of each service, and what the front-end cannot use.
fn draw_services(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let palette = canvas.palette();
    let corner = canvas.load_status(&app.services.health);
    let inner = padded(canvas.panel(area, "Services", corner, false));
    if canvas.placeholder(inner, &app.services.health, None) {
        return;
    }
    let Some(report) = &app.services.health.value else {
        return;
    };
    let columns = columns(inner.width);
    let (_, requests) = columns[4];
    let p99 = if requests > 0 { "p99 up to" } else { "p99" };
    let names = [
        "Service",
        "State",
        "Version",
        "Up",
        "Requests",
        "Rate",
        "p50 up to",
        p99,
        "Ledger",
    ];
    let head = canvas.table_row(Span::default(), &columns, 0, names.map(Line::from));
    canvas.text(inner, &head.to_string(), palette.dim);
    let none = || "-".to_owned();
    let latency = |micros: Option<u64>| micros.map_or_else(none, format::latency);
    for (row, service) in skip_rows(inner, 1).rows().zip(&report.services) {
        let (sign, state, style) = match service.state {
            ServiceState::Ready => (canvas.glyphs().live, "ready", palette.text),
            ServiceState::NotReady => (canvas.glyphs().reconnecting, "not ready", palette.warn),
            ServiceState::Up => (canvas.glyphs().live, "up", palette.text),
        };
        let activity = &service.activity;
        let cells = [
            service.service.to_string(),
            format!("{sign} {state}"),
            service.version.clone(),
            format::duration(Duration::from_secs(activity.uptime_s)),
            format::thousands(activity.requests),
            service.rate.map_or_else(none, |rate| format!("{rate:.1}/s")),
            latency(activity.p50_us),
            latency(activity.p99_us),
            service.head.map_or_else(none, |head| format::thousands(head.0)),
        ];
        let line = canvas.table_row(Span::default(), &columns, 0, cells.map(Line::from));
        canvas.text(row, &line.to_string(), style);
    }
    let rest = skip_rows(inner, format::cells(report.services.len()).saturating_add(1));
    let width = usize::from(inner.width);
    let lacks = report.lacks.iter().flat_map(|lack| lack_lines(canvas, lack, width));
    let lacks: Vec<_> = lacks.collect();
    canvas.lines(rest, &lacks);
}

/// A sentence about a service that cannot be used.
fn lack_lines(canvas: &Canvas<'_>, lack: &str, width: usize) -> Vec<Line<'static>> {
    canvas.wrapped(lack, width, 2, canvas.palette().warn).collect()
}

/// The columns of the table. A narrow screen has three of the six numbers: uptime, rate and p99.
fn columns(width: u16) -> [(HorizontalAlignment, usize); 9] {
    let (number, optional) = match width {
        0..94 => (NUMBER_COLUMNS, 0),
        94..106 => (NUMBER_COLUMNS + 2, NUMBER_COLUMNS + 2),
        _ => (NUMBER_COLUMNS + 4, NUMBER_COLUMNS + 4),
    };
    let [number, optional] = [(Right, number), (Right, optional)];
    let [service, state, version] = [(Left, 9), (Left, 12), (Left, 7)];
    [
        service, state, version, number, optional, number, optional, number, optional,
    ]
}

fn draw_store(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let palette = canvas.palette();
    let inner = padded(canvas.panel(area, "Store", Line::default(), false));
    let connection = &app.connection;
    let id = connection
        .store
        .map_or("not known yet".to_owned(), |store| store.to_string());
    let chip = connection.chip(app.books.is_frozen(), app.now.elapsed);
    let (events, style) = match (chip, &connection.stream) {
        _ if let Some(why) = &connection.store_closed => (format!("closed: {why}"), palette.bad),
        (Chip::Live | Chip::Frozen, _) => ("live".to_owned(), palette.good),
        (_, StreamState::Live) => ("the front-end lost its catalog".to_owned(), palette.warn),
        (_, StreamState::Waiting { reason, .. }) => (reason.clone(), palette.warn),
        (_, StreamState::Connecting { .. }) => ("connecting".to_owned(), palette.warn),
    };
    let head = format!("entry {}", format::thousands(connection.head.0));
    let received = format!("{} since the start", format::thousands(connection.stock_events));
    let lines = [
        ("Head", head, palette.strong),
        ("Store", id, palette.text),
        ("Events", events, style),
        ("Address", connection.url.clone(), palette.text),
        ("Changes", received, palette.text),
    ]
    .map(|(name, value, style)| canvas.field(name, LABEL_COLUMNS, Span::styled(value, style)));
    canvas.lines(inner, &lines);
}
