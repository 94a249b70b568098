//! The pane of one book: its data, its stock over time, and the user's orders of it.

use common::wire::Book;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use super::area::{first_rows, padded, skip_rows};
use super::canvas::Canvas;
use super::{chart, orders};
use crate::app::{Focus, Target};
use crate::format;

/// Rows of the chart between its title and its axis.
const CHART_ROWS: u16 = 4;
const LABEL_COLUMNS: usize = 8;
/// Most rows of title and author above the numbers.
const TITLE_ROWS: usize = 3;
const AUTHOR_ROWS: usize = 2;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let focused = app.shop.focus == Focus::Detail && app.overlays.is_empty();
    let inner = padded(area.inner(Margin::new(1, 1)));
    canvas.add_target(area, Target::Pane(Focus::Detail));
    let Some(book) = app.shop.selected().and_then(|item| app.books.get(item)) else {
        canvas.panel(area, "Book", Line::default(), focused);
        if app.shop.listing().is_some_and(|listing| listing.data.value.is_some()) {
            let advice = "No book is selected. Choose a topic, or / to find one.";
            canvas.paragraph(inner, advice, canvas.palette().dim);
        }
        return;
    };
    let mut lines = book_lines(canvas, book, usize::from(inner.width));
    let chart_from = lines.len();
    // A truncated title or author follows in full at the end.
    let cut = full_texts(canvas, book, usize::from(inner.width));
    let has_chart = cut.is_empty() || usize::from(inner.height) > chart_from + cut.len() + usize::from(CHART_ROWS) + 3;
    lines.extend(cut);
    let scroll = app.shop.detail_scroll;
    canvas.layout.detail = canvas.scrolled_panel(area, "Book", focused, &lines, scroll);
    let rest = skip_rows(inner, format::cells(lines.len()) + 1);
    if !has_chart || rest.height < CHART_ROWS + 2 {
        return;
    }
    let title = chart::title(canvas, "Stock", book.item);
    canvas.line(rest, &title);
    chart::stock(canvas, first_rows(skip_rows(rest, 1), CHART_ROWS + 1), book.item);
    let rest = skip_rows(rest, CHART_ROWS + 3);
    if rest.height >= 2 {
        own_orders(canvas, rest, book);
    }
}

/// The full title and author, if they are truncated above.
fn full_texts(canvas: &Canvas<'_>, book: &Book, width: usize) -> Vec<Line<'static>> {
    let palette = canvas.palette();
    let author = book.author.as_deref().unwrap_or_default();
    let mut lines = Vec::new();
    for (name, text, rows_above) in [("Title", &*book.title, TITLE_ROWS), ("Author", author, AUTHOR_ROWS)] {
        let whole: Vec<_> = canvas.wrapped(text, width, usize::MAX, palette.text).collect();
        if whole.len() > rows_above {
            lines.extend([Line::default(), Line::styled(name, palette.dim)]);
            lines.extend(whole);
        }
    }
    lines
}

fn book_lines(canvas: &Canvas<'_>, book: &Book, width: usize) -> Vec<Line<'static>> {
    let palette = canvas.palette();
    let Book {
        item,
        title,
        author,
        topic,
        cost,
        stock,
        seq: _,
    } = book;
    let mut lines: Vec<_> = canvas.wrapped(title, width, TITLE_ROWS, palette.strong).collect();
    if let Some(author) = author {
        lines.extend(canvas.wrapped(author, width, AUTHOR_ROWS, palette.text));
    }
    lines.push(Line::default());
    for (name, value) in [
        ("Topic", topic.to_string()),
        ("Number", item.to_string()),
        ("Cost", format::amount(cost.cents())),
    ] {
        lines.extend(canvas.long_field(name, LABEL_COLUMNS, &value, width, palette.text));
    }
    let stock = stock.get();
    let peak = canvas.stock_peak(*item, stock);
    let mut number = match stock {
        0 => "none left".to_owned(),
        _ => format::thousands(stock),
    };
    let change = canvas.stock_change(*item);
    if let Some((_, sign)) = change {
        number += &format!(" {sign}");
    }
    let style = change.map_or(palette.text, |(style, _)| style);
    let mut line = canvas.field("Stock", LABEL_COLUMNS, Span::styled(number, style));
    if peak > stock {
        line.push_span(Span::styled(format!(" of {}", format::thousands(peak)), palette.dim));
    }
    lines.push(line);
    let mut gauge = Line::from(" ".repeat(LABEL_COLUMNS.min(width)));
    gauge.extend(canvas.gauge(stock, peak, width.saturating_sub(LABEL_COLUMNS)));
    lines.push(gauge);
    lines
}

fn own_orders(canvas: &mut Canvas<'_>, area: Rect, book: &Book) {
    let palette = canvas.palette();
    let orders = canvas.app.orders.list.iter();
    let lines: Vec<_> = orders
        .filter_map(|purchase| Some((purchase, purchase.sent.line(book.item)?)))
        .take(usize::from(area.height.saturating_sub(1)))
        .map(|(purchase, line)| {
            let (sign, style) = orders::sign(canvas, &purchase.state);
            let (word, app) = (purchase.state.name(), canvas.app);
            let when = format::past(purchase.sent.at, app.now.wall, &app.zone);
            let quantity = format!("{} {}", canvas.glyphs().times, line.quantity);
            Line::from(vec![
                Span::styled(when, palette.dim),
                Span::styled(format!("  {sign} {word}  "), style),
                Span::styled(quantity, palette.text),
            ])
        })
        .collect();
    if !lines.is_empty() {
        canvas.text(area, "Your orders", palette.dim);
        canvas.lines(skip_rows(area, 1), &lines);
    }
}
