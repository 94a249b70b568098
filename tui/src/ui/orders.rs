//! Orders and receipts.

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, below};
use crate::app::{Breakpoint, OrderState, Purchase, Target};
use crate::format;

/// Draws the screen.
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

/// A state's sign, word and colour.
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
        OrderState::Sending { .. } | OrderState::Unknown { .. } => {
            format::amount(purchase.placed.cost.times(purchase.placed.quantity).cents())
        }
        OrderState::SoldOut { .. } | OrderState::Refused { .. } | OrderState::NotPlaced { .. } => "0.00".to_owned(),
    }
}

fn list(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let (palette, cut) = (canvas.palette(), canvas.glyphs().ellipsis);
    let focused = app.overlays.is_empty();
    let remark = canvas.reading(&app.orders.journal);
    let inner = canvas.panel(area, "Orders", &remark, focused);
    let body = below(inner);
    let rows = usize::from(body.height);
    let window = app
        .layout
        .orders
        .around(app.orders.selected, rows, app.orders.list.len());
    canvas.layout.orders = window;
    if app.orders.list.is_empty() {
        let inside = Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            ..inner
        };
        canvas.instead(
            inside,
            &app.orders.journal,
            Some("No orders yet. In the shop (1), b buys the selected book."),
        );
        return;
    }
    let width = usize::from(inner.width);
    let visible: Vec<_> = app
        .orders
        .list
        .iter()
        .enumerate()
        .skip(window.first)
        .take(rows)
        .collect();
    let total_width = visible
        .iter()
        .map(|(_, purchase)| format::width(&total(purchase)))
        .max()
        .unwrap_or(0)
        .max(6);
    let dated = width >= 76;
    let when_width = if dated { 19 } else { 8 };
    // Marker, the two blanks between the columns, the copies.
    let title_width = width.saturating_sub(1 + when_width + 2 + 12 + 2 + 2 + 4 + 2 + total_width + 1);
    let head = format!(
        " {}  {}  {}  {}  {}",
        format::align_left("UTC", when_width, cut),
        format::align_left("State", 12, cut),
        format::align_left("Title", title_width, cut),
        format::align_right(canvas.glyphs().times, 4, cut),
        format::align_right("Total", total_width, cut),
    );
    canvas.text(Rect { height: 1, ..inner }, &head, palette.dim);
    for (y, (row, purchase)) in (body.y..body.bottom()).zip(visible) {
        let selected = row == app.orders.selected;
        let style = if selected { palette.selected } else { palette.text };
        let (sign, word, colour) = state(canvas, &purchase.state);
        let at = purchase.placed.at;
        let when = if dated {
            format::date_time(at)
        } else {
            format::time_of_day(at)
        };
        let line = Line::from(vec![
            canvas.marker(selected, focused),
            Span::styled(when, palette.dim),
            Span::raw("  "),
            Span::styled(format::align_left(&format!("{sign} {word}"), 12, cut), colour),
            Span::raw("  "),
            Span::styled(format::align_left(&purchase.placed.title, title_width, cut), style),
            Span::raw("  "),
            Span::styled(
                format::align_right(&purchase.placed.quantity.to_string(), 4, cut),
                style,
            ),
            Span::raw("  "),
            Span::styled(format::align_right(&total(purchase), total_width, cut), style),
        ]);
        let place = Rect { y, height: 1, ..body };
        canvas.line(place, &line);
        canvas.place(place, Target::Order(row));
    }
}

fn receipt(canvas: &mut Canvas<'_>, area: Rect, focused: bool) {
    let app = canvas.app;
    let (palette, cut) = (canvas.palette(), canvas.glyphs().ellipsis);
    let inner = canvas.panel(area, "Receipt", &Line::default(), focused);
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    };
    let Some(purchase) = app.orders.list.get(app.orders.selected) else {
        return;
    };
    let width = usize::from(inner.width);
    let fact = |name: &str, value: String, style: Style| {
        Line::from(vec![
            Span::styled(format::align_left(name, 9, cut), palette.dim),
            Span::styled(value, style),
        ])
    };
    let mut lines: Vec<_> = format::wrap(&purchase.placed.title, width, 2, cut)
        .into_iter()
        .map(|line| Line::from(Span::styled(line, palette.strong)))
        .collect();
    lines.push(Line::default());
    lines.extend(outcome(canvas, purchase, width));
    lines.push(Line::default());
    let cost = match &purchase.state {
        OrderState::Sold(receipt) => receipt.cost.unwrap_or(purchase.placed.cost),
        _ => purchase.placed.cost,
    };
    lines.push(fact("Copies", purchase.placed.quantity.to_string(), palette.text));
    lines.push(fact("Cost", format::amount(u64::from(cost.cents())), palette.text));
    lines.push(fact("Total", total(purchase), palette.strong));
    lines.push(fact("Book", purchase.placed.item.to_string(), palette.text));
    lines.push(fact(
        "Placed",
        format!("{} UTC", format::date_time(purchase.placed.at)),
        palette.text,
    ));
    if let OrderState::Sold(receipt) = &purchase.state {
        lines.push(fact(
            "Decided",
            format!("{} UTC", format::date_time(receipt.at)),
            palette.text,
        ));
        lines.push(fact("Entry", format::thousands(receipt.seq.0), palette.text));
    }
    lines.push(Line::default());
    lines.push(Line::from(Span::styled("Order", palette.dim)));
    let order = purchase.placed.order.to_string();
    lines.extend(
        format::wrap(&order, width, 2, cut)
            .into_iter()
            .map(|line| Line::from(Span::styled(line, palette.text))),
    );
    canvas.lines(inner, &lines);
}

/// What became of an order, in a sentence or two.
pub(super) fn outcome(canvas: &Canvas<'_>, purchase: &Purchase, width: usize) -> Vec<Line<'static>> {
    let (sign, _, style) = state(canvas, &purchase.state);
    let (word, more) = match &purchase.state {
        OrderState::Sending { .. } => ("on its way", String::new()),
        OrderState::Unknown { why } => {
            let text =
                format!("The answer was lost ({why}). The shop is asked with the same key; nothing is ordered twice.");
            ("unknown, checking", text)
        }
        OrderState::Sold(_) => ("sold", String::new()),
        OrderState::SoldOut { stock } => {
            let left = match stock.map(common::Stock::get) {
                Some(0) => "None were left when its turn came.".to_owned(),
                Some(left) => format!("Only {left} were left when its turn came."),
                None => "Too few were left when its turn came.".to_owned(),
            };
            (
                "sold out",
                format!("{left} Nothing was bought and nothing is to be paid."),
            )
        }
        OrderState::Refused { why } => ("refused", format!("{why}. Nothing was bought.")),
        OrderState::NotPlaced { why } => ("not placed", format!("Nothing was bought: {why}.")),
    };
    let mut lines = vec![Line::from(Span::styled(format!("{sign} {word}"), style))];
    let cut = canvas.glyphs().ellipsis;
    lines.extend(
        format::wrap(&more, width, 5, cut)
            .into_iter()
            .map(|line| Line::from(Span::styled(line, canvas.palette().dim))),
    );
    lines
}
