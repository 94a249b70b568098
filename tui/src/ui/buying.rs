//! The buying dialog, before and after its order.

use common::ItemNumber;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::canvas::{Button, Canvas, fit_rows, middle, skip_rows};
use super::{basket, orders};
use crate::app::basket::shown_title;
use crate::app::{BuyDialog, Copies, DialogField, Goods, OrderState, Target};
use crate::format;

const LABEL_COLUMNS: usize = 10;
/// The most expensive order: `999,999,999.00`.
const NUMBER_COLUMNS: usize = 14;
/// The most lines of the basket that are named because they have changed.
const NOTED_LINES_MAX: usize = 8;

pub(super) fn draw(canvas: &mut Canvas<'_>, within: Rect, dialog: &BuyDialog) {
    let columns = 56.min(within.width);
    let width = usize::from(columns.saturating_sub(6));
    let mut lines = if dialog.confirmed {
        order_lines(canvas, dialog, width)
    } else {
        form_lines(canvas, dialog, width)
    };
    // The buttons always stay.
    fit_rows(&mut lines, usize::from(within.height.saturating_sub(3)));
    let rows = format::cells(lines.len()) + 3;
    let title = if dialog.book().is_some() { "Buy" } else { "Check out" };
    let inner = canvas.popup(middle(within, columns, rows), title, Line::default());
    let inner = inner.inner(Margin::new(2, 0));
    canvas.lines(inner, &lines);
    buttons(canvas, skip_rows(inner, inner.height.saturating_sub(1)), dialog);
}

fn form_lines(canvas: &Canvas<'_>, dialog: &BuyDialog, width: usize) -> Vec<Line<'static>> {
    match &dialog.goods {
        Goods::Book { item, copies, loading } => book_lines(canvas, dialog, *item, copies, *loading, width),
        Goods::Basket { .. } => basket_lines(canvas, dialog, width),
    }
}

fn number(canvas: &Canvas<'_>, name: &str, number: &str, style: Style) -> Line<'static> {
    let number = format::align_right(number, NUMBER_COLUMNS);
    canvas.field(name, LABEL_COLUMNS, Span::styled(number, style))
}

/// What the basket has, its total, why it cannot be bought, and what has changed since it was put in.
fn basket_lines(canvas: &Canvas<'_>, dialog: &BuyDialog, width: usize) -> Vec<Line<'static>> {
    let (app, palette) = (canvas.app, canvas.palette());
    let titles = app.basket.lines().iter().map(|line| shown_title(line, &app.books));
    let mut lines = vec![Line::default()];
    lines.push(titles_line(canvas, &titles.collect::<Vec<_>>(), width));
    let total = format::amount(app.basket.total_cents(&app.books));
    lines.extend([
        Line::default(),
        canvas.field(
            "Basket",
            LABEL_COLUMNS,
            Span::styled(basket::copies(canvas), palette.text),
        ),
        canvas.field("Total", LABEL_COLUMNS, Span::styled(total, palette.strong)),
        Line::default(),
    ]);
    let why = app.buy_disabled_reason(dialog).map(|why| format!("Cannot buy: {why}."));
    if let Some(why) = why.or_else(|| dialog.error.as_ref().map(|error| format!("{error}."))) {
        lines.extend(canvas.wrapped(&why, width, 2, palette.warn));
        lines.push(Line::default());
    }
    let noted = basket::noted_lines(canvas, width);
    let more = noted.len().saturating_sub(NOTED_LINES_MAX);
    let has_noted = !noted.is_empty();
    lines.extend(noted.into_iter().take(NOTED_LINES_MAX).flatten());
    if more > 0 {
        let more = format!("and {more} more; the basket shows them");
        lines.push(Line::styled(more, palette.dim));
    }
    lines.extend(has_noted.then(Line::default));
    lines
}

/// The titles of several books in one line.
fn titles_line(canvas: &Canvas<'_>, titles: &[String], width: usize) -> Line<'static> {
    let text = format::first_of(titles, width, canvas.glyphs().ellipsis);
    Line::styled(text, canvas.palette().strong)
}

fn book_lines(
    canvas: &Canvas<'_>,
    dialog: &BuyDialog,
    item: ItemNumber,
    copies: &Copies,
    loading: bool,
    width: usize,
) -> Vec<Line<'static>> {
    let app = canvas.app;
    let (palette, glyphs) = (canvas.palette(), canvas.glyphs());
    let Some(book) = app.books.get(item) else {
        let sentence = match loading {
            true => "Asking the shop for the book.".to_owned(),
            false => dialog
                .error
                .clone()
                .unwrap_or_else(|| "The book has left the catalog.".to_owned()),
        };
        return canvas.wrapped(&sentence, width, 4, palette.warn).collect();
    };
    let stock = app.books.stock(item).unwrap_or(0);
    let number = |name, text: String, style| number(canvas, name, &text, style);
    let total = book.cost.times(copies.quantity);
    let (quantity_style, marker) = match dialog.field {
        DialogField::Quantity => (palette.accent, glyphs.marker),
        _ => (palette.text, " "),
    };
    let stock_style = canvas.stock_change(item).map_or(palette.text, |(style, _)| style);
    let peak = canvas.stock_peak(item, stock);
    let mut stock_line = number("Stock", format::thousands(stock), stock_style) + Span::raw("   ");
    stock_line.extend(canvas.gauge(stock, peak, width.saturating_sub(LABEL_COLUMNS + NUMBER_COLUMNS + 4)));
    let mut lines = vec![Line::default()];
    lines.extend(canvas.wrapped(&book.title, width, 2, palette.strong));
    lines.extend([
        Line::default(),
        number("Cost", format::amount(book.cost.cents()), palette.text),
        number("Copies", copies.quantity.to_string(), quantity_style)
            + Span::styled(format!(" {marker}"), palette.accent)
            + Span::styled(" + -", palette.key),
        number("Total", format::amount(total.cents()), palette.strong),
        stock_line,
        Line::default(),
    ]);
    let mut orders = app.orders.list.iter();
    let pending = orders.any(|purchase| purchase.sent.line(item).is_some() && purchase.state.is_pending());
    let warning = match app.buy_disabled_reason(dialog).or_else(|| dialog.error.clone()) {
        Some(why) => format!("Cannot buy: {why}."),
        None if let Some(wanted) = copies.reduced_from => {
            let most = common::limits::QUANTITY_MAX;
            format!(
                "At most {most} copies an order: {} became {most}.",
                format::thousands(wanted)
            )
        }
        None if pending => "An order for this book is still pending.".to_owned(),
        None => return lines,
    };
    lines.extend(canvas.wrapped(&warning, width, 2, palette.warn));
    lines.push(Line::default());
    lines
}

fn order_lines(canvas: &Canvas<'_>, dialog: &BuyDialog, width: usize) -> Vec<Line<'static>> {
    let palette = canvas.palette();
    let Some(purchase) = canvas.app.orders.find(dialog.order) else {
        return Vec::new();
    };
    let mut lines = vec![Line::default()];
    match &purchase.titles()[..] {
        [only] => lines.extend(canvas.wrapped(only, width, 2, palette.strong)),
        titles => lines.push(titles_line(canvas, titles, width)),
    }
    lines.push(Line::default());
    lines.extend(orders::outcome(canvas, purchase, width));
    if let OrderState::Sold(receipt) = &purchase.state {
        let copies = format::copies(purchase.sent.copies());
        let paid = format!("{copies} for {}", format::amount(receipt.total.cents()));
        lines.push(Line::styled(paid, palette.text));
        lines.extend(canvas.wrapped(&receipt.order.to_string(), width, 2, palette.dim));
    }
    for line in purchase.lines() {
        let refused = line.refused.map(|why| format!("{why}: {}", line.title));
        let refused = refused.map(|text| format::truncate(&text, width, canvas.glyphs().ellipsis).into_owned());
        lines.extend(refused.map(|text| Line::styled(text, palette.warn)));
    }
    if !canvas.app.refused_books(dialog).is_empty() {
        lines.push(Line::styled(
            "Remove what cannot be bought from the basket?",
            palette.text,
        ));
    }
    lines.push(Line::default());
    lines
}

fn buttons(canvas: &mut Canvas<'_>, area: Rect, dialog: &BuyDialog) {
    let button = |field, name, key, enabled| Button {
        target: Target::Field(field),
        name,
        key,
        focused: dialog.field == field,
        enabled,
    };
    let buttons = match dialog.confirmed {
        true => {
            let can_remove = !canvas.app.refused_books(dialog).is_empty();
            let remove = can_remove.then(|| button(DialogField::Buy, "Remove", "x", true));
            [Some(button(DialogField::Cancel, "Close", "Esc", true)), remove]
        }
        false => {
            let can_buy = canvas.app.buy_disabled_reason(dialog).is_none();
            let buy = button(DialogField::Buy, "Buy", "y", can_buy);
            [Some(button(DialogField::Cancel, "Cancel", "Esc", true)), Some(buy)]
        }
    };
    let buttons: Vec<_> = buttons.into_iter().flatten().collect();
    canvas.buttons(area, &buttons);
}
