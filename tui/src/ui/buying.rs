//! The buying dialog, and what became of its order.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::orders;
use crate::app::{BuyDialog, DialogField, OrderState, Target};
use crate::format;

/// The buying dialog.
pub(super) fn draw(canvas: &mut Canvas<'_>, within: Rect, dialog: &BuyDialog) {
    let columns = 56.min(within.width);
    let width = usize::from(columns.saturating_sub(6));
    let lines = if dialog.confirmed {
        settled(canvas, dialog, width)
    } else {
        asking(canvas, dialog, width)
    };
    // The buttons stay, whatever has to go for want of rows: first the blank lines, then what stands at the end.
    let room = usize::from(within.height.saturating_sub(3));
    let spare = lines.len().saturating_sub(room);
    let mut dropped = 0;
    let mut lines: Vec<_> = lines
        .into_iter()
        .filter(|line| {
            let drop = dropped < spare && line.width() == 0;
            dropped += usize::from(drop);
            !drop
        })
        .collect();
    lines.truncate(room);
    let rows = format::cells(lines.len()) + 3;
    let inner = canvas.popup(within, (columns, rows), "Buy", &Line::default());
    let inside = Rect {
        x: inner.x + 2,
        width: inner.width.saturating_sub(4),
        height: inner.height.saturating_sub(1),
        ..inner
    };
    canvas.lines(inside, &lines);
    buttons(
        canvas,
        Rect {
            y: inner.bottom().saturating_sub(1),
            height: 1,
            ..inside
        },
        dialog,
    );
}

fn fact(canvas: &Canvas<'_>, name: &str, value: Vec<Span<'static>>) -> Line<'static> {
    let mut spans = vec![Span::styled(
        format::align_left(name, 10, canvas.glyphs().ellipsis),
        canvas.palette().dim,
    )];
    spans.extend(value);
    Line::from(spans)
}

fn asking(canvas: &mut Canvas<'_>, dialog: &BuyDialog, width: usize) -> Vec<Line<'static>> {
    let app = canvas.app;
    let (palette, glyphs) = (canvas.palette(), canvas.glyphs());
    let Some(book) = app.books.get(dialog.item) else {
        return vec![Line::from(Span::styled("The book has left the catalog.", palette.warn))];
    };
    let stock = app.books.stock(dialog.item).unwrap_or(0);
    let track = app.books.history(dialog.item);
    let flash = track
        .and_then(|track| track.highlight)
        .map(|(_, rose)| if rose { palette.rose } else { palette.fell });
    let money = |cents: u64| format::align_right(&format::amount(cents), 12, glyphs.ellipsis);
    let mut lines = vec![Line::default()];
    lines.extend(
        format::wrap(&book.title, width, 2, glyphs.ellipsis)
            .into_iter()
            .map(|line| Line::from(Span::styled(line, palette.strong))),
    );
    lines.push(Line::default());
    lines.push(fact(
        canvas,
        "Cost",
        vec![Span::styled(money(u64::from(book.cost.cents())), palette.text)],
    ));
    let focused = dialog.field == DialogField::Quantity;
    let style = if focused { palette.accent } else { palette.text };
    let mut copies = vec![Span::styled(
        format::align_right(&dialog.quantity.to_string(), 12, glyphs.ellipsis),
        style,
    )];
    copies.push(Span::styled(
        if focused {
            format!(" {}", glyphs.marker)
        } else {
            "  ".to_owned()
        },
        palette.accent,
    ));
    copies.push(Span::styled(" + -", palette.key));
    lines.push(fact(canvas, "Copies", copies));
    let total = book.cost.times(dialog.quantity).cents();
    lines.push(fact(canvas, "Total", vec![Span::styled(money(total), palette.strong)]));
    let mut left = vec![Span::styled(
        format::align_right(&format::thousands(u64::from(stock)), 12, glyphs.ellipsis),
        flash.unwrap_or(palette.text),
    )];
    left.push(Span::raw("   "));
    left.extend(canvas.gauge(
        stock,
        track.map_or(stock, |track| track.peak.max(stock)),
        width.saturating_sub(26),
    ));
    lines.push(fact(canvas, "Stock", left));
    let objection = app.buy_disabled_reason(dialog).or_else(|| dialog.error.clone());
    let open = app
        .orders
        .list
        .iter()
        .any(|purchase| purchase.placed.item == dialog.item && !purchase.state.is_final());
    let remark = match objection {
        Some(why) => Some((format!("Cannot buy: {why}."), palette.warn)),
        None if open => Some((
            "An order for this book is still being settled.".to_owned(),
            palette.warn,
        )),
        None => None,
    };
    lines.push(Line::default());
    if let Some((text, style)) = remark {
        let text = format::wrap(&text, width, 2, glyphs.ellipsis);
        lines.extend(text.into_iter().map(|line| Line::from(Span::styled(line, style))));
        lines.push(Line::default());
    }
    lines
}

fn settled(canvas: &mut Canvas<'_>, dialog: &BuyDialog, width: usize) -> Vec<Line<'static>> {
    let (palette, cut) = (canvas.palette(), canvas.glyphs().ellipsis);
    let Some(purchase) = canvas.app.orders.find(dialog.order) else {
        return Vec::new();
    };
    let mut lines = vec![Line::default()];
    lines.extend(
        format::wrap(&purchase.placed.title, width, 2, cut)
            .into_iter()
            .map(|line| Line::from(Span::styled(line, palette.strong))),
    );
    lines.push(Line::default());
    lines.extend(orders::outcome(canvas, purchase, width));
    if let OrderState::Sold(receipt) = &purchase.state {
        let copies = format::plural(u64::from(receipt.quantity), "copy").replace("copys", "copies");
        let paid = format!("{copies} for {}", format::amount(receipt.total.cents()));
        lines.push(Line::from(Span::styled(paid, palette.text)));
        let order = format::wrap(&receipt.order.to_string(), width, 2, cut);
        lines.extend(
            order
                .into_iter()
                .map(|line| Line::from(Span::styled(line, palette.dim))),
        );
    }
    lines.push(Line::default());
    lines
}

fn buttons(canvas: &mut Canvas<'_>, area: Rect, dialog: &BuyDialog) {
    let palette = canvas.palette();
    let close = if dialog.confirmed { "Close" } else { "Cancel" };
    let mut buttons = vec![(DialogField::Cancel, close, "Esc", true)];
    if !dialog.confirmed {
        buttons.push((
            DialogField::Buy,
            "Buy",
            "y",
            canvas.app.buy_disabled_reason(dialog).is_none(),
        ));
    }
    let mut x = area.x;
    for (field, name, key, ready) in buttons {
        let focused = dialog.confirmed || dialog.field == field;
        let style = match (focused, ready) {
            (true, true) => palette.accent,
            (false, true) => palette.text,
            (_, false) => palette.dim,
        };
        let marker = canvas.marker(focused, true);
        let line = Line::from(vec![
            marker,
            Span::styled(name, style),
            Span::raw(" "),
            Span::styled(key, if ready { palette.key } else { palette.dim }),
        ]);
        let width = format::cells(line.width());
        let place = Rect {
            x,
            width: width.min(area.right().saturating_sub(x)),
            ..area
        };
        canvas.line(place, &line);
        canvas.place(place, Target::Field(field));
        x += width + 4;
    }
}
