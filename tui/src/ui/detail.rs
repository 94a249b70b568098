//! One book: what it is, what is left of it, how that went, and what the person bought of it.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::{chart, orders};
use crate::app::{Focus, Target};
use crate::format;
use common::wire::Book;

/// How many rows the chart has beside its title and axis.
const CHART_ROWS: u16 = 4;

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let focused = app.shop.focus == Focus::Detail && app.overlays.is_empty();
    let inner = canvas.panel(area, "Book", &Line::default(), focused);
    canvas.place(area, Target::Pane(Focus::Detail));
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    };
    let Some(book) = app.shop.selected().and_then(|item| app.books.get(item)) else {
        if app.shop.listing().is_some_and(|listing| listing.data.value.is_some()) {
            canvas.paragraph(
                inner,
                "No book is selected. Choose a topic, or / to find one.",
                canvas.palette().dim,
            );
        }
        return;
    };
    let facts = facts(canvas, book, usize::from(inner.width));
    canvas.lines(inner, &facts);
    let used = format::cells(facts.len()) + 1;
    let rest = Rect {
        y: (inner.y + used).min(inner.bottom()),
        height: inner.height.saturating_sub(used),
        ..inner
    };
    let chart_rows = CHART_ROWS + 2;
    if rest.height < chart_rows {
        return;
    }
    let title = chart::title(canvas, "Stock");
    canvas.line(Rect { height: 1, ..rest }, &title);
    chart::stock(
        canvas,
        Rect {
            y: rest.y + 1,
            height: CHART_ROWS + 1,
            ..rest
        },
        book.item,
    );
    let rest = Rect {
        y: rest.y + chart_rows + 1,
        height: rest.height.saturating_sub(chart_rows + 1),
        ..rest
    };
    if rest.height >= 2 {
        own_orders(canvas, rest, book);
    }
}

fn facts(canvas: &Canvas<'_>, book: &Book, width: usize) -> Vec<Line<'static>> {
    let palette = canvas.palette();
    let cut = canvas.glyphs().ellipsis;
    let mut lines: Vec<_> = format::wrap(&book.title, width, 3, cut)
        .into_iter()
        .map(|line| Line::from(Span::styled(line, palette.strong)))
        .collect();
    if let Some(author) = &book.author {
        lines.push(Line::from(Span::styled(
            format::truncate(&format!("by {author}"), width, cut).into_owned(),
            palette.text,
        )));
    }
    lines.push(Line::default());
    let fact = |name: &str, value: String| {
        Line::from(vec![
            Span::styled(format::align_left(name, 8, cut), palette.dim),
            Span::styled(value, palette.text),
        ])
    };
    lines.push(fact("Topic", book.topic.clone()));
    lines.push(fact("Number", book.item.to_string()));
    lines.push(fact("Cost", format::amount(u64::from(book.cost.cents()))));
    let stock = book.stock.get();
    let track = canvas.app.books.history(book.item);
    let peak = track.map_or(stock, |track| track.peak);
    let (style, arrow) = match track.and_then(|track| track.highlight) {
        Some((_, true)) => (palette.rose, canvas.glyphs().up),
        Some((_, false)) => (palette.fell, canvas.glyphs().down),
        None => (palette.text, ""),
    };
    let number = if stock == 0 {
        "none left".to_owned()
    } else {
        format::thousands(u64::from(stock))
    };
    let mut line = vec![
        Span::styled(format::align_left("Stock", 8, cut), palette.dim),
        Span::styled(number, style),
    ];
    if !arrow.is_empty() {
        line.push(Span::styled(format!(" {arrow}"), style));
    }
    if peak > stock {
        line.push(Span::styled(
            format!(" of {}", format::thousands(u64::from(peak))),
            palette.dim,
        ));
    }
    lines.push(Line::from(line));
    let mut gauge = vec![Span::raw(" ".repeat(8.min(width)))];
    gauge.extend(canvas.gauge(stock, peak, width.saturating_sub(8)));
    lines.push(Line::from(gauge));
    lines
}

fn own_orders(canvas: &mut Canvas<'_>, area: Rect, book: &Book) {
    let palette = canvas.palette();
    let own = canvas
        .app
        .orders
        .list
        .iter()
        .filter(|purchase| purchase.placed.item == book.item);
    let lines: Vec<_> = own
        .take(usize::from(area.height.saturating_sub(1)))
        .map(|purchase| {
            let (sign, word, style) = orders::state(canvas, &purchase.state);
            Line::from(vec![
                Span::styled(format::time_of_day(purchase.placed.at), palette.dim),
                Span::styled(format!("  {sign} {word}  "), style),
                Span::styled(
                    format!("{} {}", canvas.glyphs().times, purchase.placed.quantity),
                    palette.text,
                ),
            ])
        })
        .collect();
    if lines.is_empty() {
        return;
    }
    canvas.text(Rect { height: 1, ..area }, "Your orders", palette.dim);
    canvas.lines(
        Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        },
        &lines,
    );
}
