//! Orders and receipts.

use ratatui::layout::HorizontalAlignment::{Left, Right};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, padded, skip_rows};
use crate::app::{Breakpoint, OrderState, Purchase, Target};
use crate::format;
use crate::journal::SentOrder;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let receipt_width = match canvas.app.breakpoint() {
        Breakpoint::TooSmall | Breakpoint::OnePane if canvas.app.orders.open => return receipt(canvas, area, true),
        Breakpoint::TooSmall | Breakpoint::OnePane => return list(canvas, area),
        Breakpoint::TwoPanes => 40,
        Breakpoint::ThreePanes => 50,
    };
    let [left, right] = Layout::horizontal([Constraint::Min(38), Constraint::Length(receipt_width)]).areas(area);
    list(canvas, left);
    receipt(canvas, right, false);
}

/// The sign, word and style of a state.
pub(super) fn state(canvas: &Canvas<'_>, state: &OrderState) -> (&'static str, &'static str, Style) {
    let (glyphs, palette) = (canvas.glyphs(), canvas.palette());
    match state {
        OrderState::Sending { .. } => (canvas.spinner(), "on its way", palette.accent),
        OrderState::Unknown { .. } => (glyphs.unknown, "checking", palette.warn),
        OrderState::Sold(_) => (glyphs.done, "sold", palette.good),
        OrderState::SoldOut { .. } => (glyphs.refused, "sold out", palette.text),
        OrderState::Refused { .. } => (glyphs.refused, "refused", palette.warn),
        OrderState::NotPlaced { .. } => (glyphs.refused, "not placed", palette.dim),
    }
}

fn total(purchase: &Purchase) -> String {
    match &purchase.state {
        OrderState::Sold(receipt) => format::amount(receipt.total.cents()),
        OrderState::Sending { .. } | OrderState::Unknown { .. } => format::amount(purchase.sent.cents()),
        _ => format::amount(0_u32),
    }
}

/// The item numbers of an order.
fn items(sent: &SentOrder) -> String {
    let items: Vec<_> = sent.lines.iter().map(|line| line.item.to_string()).collect();
    items.join(", ")
}

fn list(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let palette = canvas.palette();
    let focused = app.overlays.is_empty();
    let corner = canvas.load_status(&app.orders.journal);
    let inner = canvas.panel(area, "Orders", corner, focused);
    let body = skip_rows(inner, 1);
    let rows = usize::from(body.height);
    let window = app
        .layout
        .orders
        .around(app.orders.selected, rows, app.orders.list.len());
    canvas.layout.orders = window;
    if app.orders.list.is_empty() {
        let empty = "No orders yet. In the shop (1), b buys the selected book.";
        canvas.placeholder(padded(inner), &app.orders.journal, Some(empty));
        return;
    }
    let width = usize::from(inner.width);
    let orders = app.orders.list.iter().enumerate();
    let visible: Vec<_> = orders.skip(window.first).take(rows).collect();
    let totals = visible.iter().map(|(_, purchase)| total(purchase).len());
    let total_width = totals.max().unwrap_or(0).max(6);
    let dated = width >= 76;
    let when_width = if dated { 19 } else { 8 };
    // The marker, two blanks between columns, and the quantity take fixed room.
    let title_width = width.saturating_sub(1 + when_width + 2 + 12 + 2 + 2 + 4 + 2 + total_width + 1);
    let columns = [
        (Left, when_width),
        (Left, 12),
        (Left, title_width),
        (Right, 4),
        (Right, total_width),
    ];
    let names = ["UTC", "State", "Title", canvas.glyphs().times, "Total"].map(Line::from);
    let head = canvas.table_row(Span::raw(" "), &columns, 2, names);
    canvas.line(inner, &head.style(palette.dim));
    for (row, (index, purchase)) in body.rows().zip(visible) {
        let selected = index == app.orders.selected;
        let style = canvas.row_style(selected, false);
        let (sign, word, colour) = state(canvas, &purchase.state);
        let sent = &purchase.sent;
        let when = if dated {
            format::date_time(sent.at)
        } else {
            format::time_of_day(sent.at)
        };
        let cells = [
            (when, palette.dim),
            (format!("{sign} {word}"), colour),
            (purchase.title(), style),
            (sent.copies().to_string(), style),
            (total(purchase), style),
        ]
        .map(|(text, style)| Line::from(Span::styled(text, style)));
        let line = canvas.table_row(canvas.marker(selected, focused), &columns, 2, cells);
        canvas.clickable_line(row, &line, Target::Order(index));
    }
}

fn receipt(canvas: &mut Canvas<'_>, area: Rect, focused: bool) {
    let app = canvas.app;
    let palette = canvas.palette();
    let inner = padded(canvas.panel(area, "Receipt", Line::default(), focused));
    let Some(purchase) = app.orders.list.get(app.orders.selected) else {
        return;
    };
    let (sent, width) = (&purchase.sent, usize::from(inner.width));
    let mut lines: Vec<_> = canvas.wrapped(&purchase.title(), width, 2, palette.strong).collect();
    lines.push(Line::default());
    lines.extend(outcome(canvas, purchase, width));
    lines.push(Line::default());
    let receipt = match &purchase.state {
        OrderState::Sold(receipt) => Some(receipt),
        _ => None,
    };
    let cost = receipt.and_then(|receipt| receipt.lines.first()?.cost);
    let cost = cost.or_else(|| sent.lines.first()?.cost);
    let date_time = |at| format!("{} UTC", format::date_time(at));
    let mut fields = vec![
        ("Copies", sent.copies().to_string(), palette.text),
        (
            "Cost",
            cost.map_or("-".to_owned(), |cost| format::amount(cost.cents())),
            palette.text,
        ),
        ("Total", total(purchase), palette.strong),
        ("Book", items(sent), palette.text),
        ("Shop", sent.shop.clone(), palette.text),
        ("Placed", date_time(sent.at), palette.text),
    ];
    if let Some(receipt) = receipt {
        fields.push(("Decided", date_time(receipt.at), palette.text));
        fields.push(("Entry", format::thousands(receipt.seq.0), palette.text));
    }
    for (name, value, style) in fields {
        lines.push(canvas.field(name, 9, Span::styled(value, style)));
    }
    lines.push(Line::default());
    lines.push(Line::styled("Order", palette.dim));
    lines.extend(canvas.wrapped(&sent.order.to_string(), width, 2, palette.text));
    canvas.lines(inner, &lines);
}

/// The outcome of an order, in a sentence or two.
pub(super) fn outcome(canvas: &Canvas<'_>, purchase: &Purchase, width: usize) -> Vec<Line<'static>> {
    let (sign, word, style) = state(canvas, &purchase.state);
    let details = match &purchase.state {
        OrderState::Sending { .. } | OrderState::Sold(_) => String::new(),
        OrderState::Unknown { why } => {
            format!("The answer was lost ({why}). The shop is asked with the same key; nothing is ordered twice.")
        }
        OrderState::SoldOut { stock } => {
            let left = match stock.map(common::Stock::get) {
                Some(0) => "None were left when its turn came.".to_owned(),
                Some(left) => format!("Only {left} were left when its turn came."),
                None => "Too few were left when its turn came.".to_owned(),
            };
            format!("{left} Nothing was bought or charged.")
        }
        OrderState::Refused { why } => format!("{why}. Nothing was bought."),
        OrderState::NotPlaced { why } => format!("Nothing was bought: {why}."),
    };
    let word = match &purchase.state {
        OrderState::Unknown { .. } => "unknown, checking",
        _ => word,
    };
    let mut lines = vec![Line::styled(format!("{sign} {word}"), style)];
    lines.extend(canvas.wrapped(&details, width, 5, canvas.palette().dim));
    lines
}
