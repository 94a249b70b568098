//! The services' screen: a row for each service, and the connection to the store.

use std::time::Duration;

use ratatui::layout::HorizontalAlignment::{Left, Right};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::area::{padded, skip_rows};
use super::canvas::Canvas;
use crate::app::{Chip, ServiceReport, ServiceState, StreamState};
use crate::columns::{Shrinking, fit, total, wanted};
use crate::format;

/// Columns: service, state, version, uptime, requests, rate, p50, p99, ledger head.
const SHRINKING: [Shrinking; 9] = [
    Shrinking::Never,
    Shrinking::Never,
    Shrinking::Drop { rank: 3 },
    Shrinking::Drop { rank: 4 },
    Shrinking::Drop { rank: 5 },
    Shrinking::Drop { rank: 1 },
    Shrinking::Drop { rank: 6 },
    Shrinking::Drop { rank: 2 },
    Shrinking::Drop { rank: 7 },
];
/// Least and most blanks between two columns.
const GAP: usize = 2;
const GAP_MAX: usize = 4;
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

/// Draws a row for each service, and a sentence for each service that the front-end cannot use.
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
    let names = [
        "Service",
        "State",
        "Version",
        "Up",
        "Requests",
        "Rate",
        "p50 up to",
        "p99 up to",
        "Ledger",
    ]
    .map(str::to_owned);
    let cells: Vec<_> = report.services.iter().map(|service| cells(canvas, service)).collect();
    let rows = cells.iter().map(|(cells, _)| cells).chain([&names]);
    let wanted = wanted(SHRINKING, rows, |cell| format::width(cell));
    let room = usize::from(inner.width);
    let widths = fit(wanted, GAP, room);
    let gap = (GAP..=GAP_MAX)
        .rev()
        .find(|gap| total(widths.into_iter(), *gap) <= room)
        .unwrap_or(GAP);
    let columns = std::array::from_fn(|column| (if column < 3 { Left } else { Right }, widths[column]));
    let head = canvas.table_row(Span::default(), &columns, gap, names.map(Line::from));
    canvas.line(inner, &head.style(palette.dim));
    for (row, (cells, style)) in skip_rows(inner, 1).rows().zip(cells) {
        let line = canvas.table_row(Span::default(), &columns, gap, cells.map(Line::from));
        canvas.line(row, &line.style(style));
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

fn cells(canvas: &Canvas<'_>, service: &ServiceReport) -> ([String; 9], Style) {
    let (glyphs, palette) = (canvas.glyphs(), canvas.palette());
    let (sign, state, style) = match service.state {
        ServiceState::Ready => (glyphs.live, "ready", palette.text),
        ServiceState::NotReady => (glyphs.reconnecting, "not ready", palette.warn),
        ServiceState::Up => (glyphs.live, "up", palette.text),
    };
    let none = || "-".to_owned();
    let latency = |micros: Option<u64>| micros.map_or_else(none, format::latency);
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
    (cells, style)
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
        (_, StreamState::Live) => ("the shop cannot reach its catalog".to_owned(), palette.warn),
        (_, StreamState::Waiting { reason, .. }) => (reason.clone(), palette.warn),
        (_, StreamState::Connecting { .. }) => ("connecting".to_owned(), palette.warn),
    };
    let head = format!("entry {}", format::thousands(connection.head.0));
    let received = format!("{} since the start", format::thousands(connection.stock_events));
    let width = usize::from(inner.width);
    let lines: Vec<_> = [
        ("Head", head, palette.strong),
        ("Store", id, palette.text),
        ("Events", events, style),
        ("Address", connection.url.clone(), palette.text),
        ("Changes", received, palette.text),
    ]
    .into_iter()
    .flat_map(|(name, value, style)| canvas.long_field(name, LABEL_COLUMNS, &value, width, style))
    .collect();
    canvas.lines(inner, &lines);
}
