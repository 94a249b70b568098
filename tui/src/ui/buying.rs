//! The buying dialog, before and after its order.

use common::ItemNumber;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::area::{middle, skip_rows};
use super::basket::{self, Table};
use super::canvas::{Canvas, fit_rows};
use super::orders;
use super::panel::Button;
use crate::app::{BuyDialog, BuyField, Copies, Goods, OrderState, Target};
use crate::format;

const LABEL_COLUMNS: usize = 10;
/// Width of the largest amount of an order: `999,999,999.00`.
const NUMBER_COLUMNS: usize = 14;
/// Blanks at the left and right edges, except for the rows of the basket, which include theirs.
const MARGIN: u16 = 2;

pub(super) fn draw(canvas: &mut Canvas<'_>, within: Rect, dialog: &BuyDialog) {
    let columns = 56.min(within.width);
    let width = usize::from(columns.saturating_sub(6));
    // The buttons always stay.
    let rows_max = usize::from(within.height.saturating_sub(3));
    let (columns, margin, mut lines) = match &dialog.goods {
        _ if dialog.confirmed => (columns, MARGIN, order_lines(canvas, dialog, width)),
        Goods::Book { item, copies, loading } => {
            let lines = book_lines(canvas, dialog, *item, copies, *loading, width);
            (columns, MARGIN, lines)
        }
        Goods::Basket { .. } => {
            let table = Table::new(canvas, within.width, None);
            (table.columns, 0, basket_lines(canvas, dialog, table, rows_max))
        }
    };
    fit_rows(&mut lines, rows_max);
    let rows = format::cells(lines.len()) + 3;
    let title = if dialog.book().is_some() { "Buy" } else { "Check out" };
    let inner = canvas.popup(middle(within, columns, rows), title, Line::default());
    canvas.lines(inner.inner(Margin::new(margin, 0)), &lines);
    let last = skip_rows(inner, inner.height.saturating_sub(1));
    buttons(canvas, last.inner(Margin::new(MARGIN, 0)), dialog);
}

fn number(canvas: &Canvas<'_>, name: &str, number: &str, style: Style) -> Line<'static> {
    let number = format::align_right(number, NUMBER_COLUMNS);
    canvas.field(name, LABEL_COLUMNS, Span::styled(number, style))
}

/// The lines of the basket that fit, its total, and why it cannot be bought.
fn basket_lines(canvas: &Canvas<'_>, dialog: &BuyDialog, table: Table, rows_max: usize) -> Vec<Line<'static>> {
    let palette = canvas.palette();
    let why = canvas.app.buy_disabled_reason(dialog);
    let why = why.map(|why| format!("Cannot buy: {why}."));
    let why = why.or_else(|| dialog.error.as_ref().map(|error| format!("{error}.")));
    let why = why.map_or_else(Vec::new, |why| {
        basket::sentence(canvas, table.columns, &why, palette.warn)
    });
    // Two rows are for the names of the columns and the total.
    let rows_max = rows_max.saturating_sub(2 + why.len());
    let mut lines = vec![Line::default(), table.head];
    lines.extend(basket::fitted(table.rows, rows_max, palette));
    lines.extend([Line::default(), table.total, Line::default()]);
    let blank = (!why.is_empty()).then(Line::default);
    lines.extend(why.into_iter().chain(blank));
    lines
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
        BuyField::Quantity => (palette.accent, glyphs.marker),
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
        titles => {
            let titles = format::first_of(titles, width, canvas.glyphs().ellipsis);
            lines.push(Line::styled(titles, palette.strong));
        }
    }
    lines.push(Line::default());
    lines.extend(orders::outcome(canvas, purchase, width));
    if let OrderState::Sold(receipt) = &purchase.state {
        let copies = format::copies(purchase.sent.copies());
        let paid = format!("{} for {copies}", format::amount(receipt.total.cents()));
        lines.push(canvas.field("Total", LABEL_COLUMNS, Span::styled(paid, palette.text)));
        let order = receipt.order.to_string();
        lines.extend(canvas.long_field("Order", LABEL_COLUMNS, &order, width, palette.dim));
    }
    for line in purchase.lines() {
        let refused = line.refused.map(|why| format!("{why}: {}", line.title));
        let refused = refused.map(|text| format::truncate(&text, width, canvas.glyphs().ellipsis).into_owned());
        lines.extend(refused.map(|text| Line::styled(text, palette.warn)));
    }
    if !canvas.app.removable_books(dialog).is_empty() {
        lines.push(Line::styled(
            "Remove what cannot be bought from the basket?",
            palette.text,
        ));
    }
    lines.push(Line::default());
    lines
}

fn buttons(canvas: &mut Canvas<'_>, area: Rect, dialog: &BuyDialog) {
    let app = canvas.app;
    let can_remove = !app.removable_books(dialog).is_empty();
    let buttons = dialog.fields(can_remove).filter_map(|field| {
        let (name, key, enabled) = match field {
            BuyField::Cancel if dialog.confirmed => ("Close", "Esc", true),
            BuyField::Cancel => ("Cancel", "Esc", true),
            BuyField::Buy => ("Buy", "y", app.buy_disabled_reason(dialog).is_none()),
            BuyField::Remove => ("Remove", "x", can_remove),
            // The line of the number shows its focus.
            BuyField::Quantity => return None,
        };
        Some(Button {
            target: Target::BuyField(field),
            name,
            key,
            focused: dialog.field == field,
            enabled,
        })
    });
    let buttons: Vec<_> = buttons.collect();
    canvas.buttons(area, &buttons);
}
