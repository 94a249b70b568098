//! The buying dialog, before and after its order.

use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use super::canvas::{Button, Canvas, fit_rows, middle, skip_rows};
use super::orders;
use crate::app::{BuyDialog, DialogField, OrderState, Target};
use crate::format;

const LABEL_COLUMNS: usize = 10;
/// The most expensive order: `999,999,999.00`.
const NUMBER_COLUMNS: usize = 14;

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
    let inner = canvas.popup(middle(within, columns, rows), "Buy", Line::default());
    let inner = inner.inner(Margin::new(2, 0));
    canvas.lines(inner, &lines);
    buttons(canvas, skip_rows(inner, inner.height.saturating_sub(1)), dialog);
}

fn form_lines(canvas: &Canvas<'_>, dialog: &BuyDialog, width: usize) -> Vec<Line<'static>> {
    let app = canvas.app;
    let (palette, glyphs) = (canvas.palette(), canvas.glyphs());
    let Some(book) = app.books.get(dialog.item) else {
        let sentence = match dialog.loading {
            true => "Asking the shop for the book.".to_owned(),
            false => dialog
                .error
                .clone()
                .unwrap_or_else(|| "The book has left the catalog.".to_owned()),
        };
        return canvas.wrapped(&sentence, width, 4, palette.warn).collect();
    };
    let stock = app.books.stock(dialog.item).unwrap_or(0);
    let number = |name, number: String, style| {
        let number = format::align_right(&number, NUMBER_COLUMNS);
        canvas.field(name, LABEL_COLUMNS, Span::styled(number, style))
    };
    let total = book.cost.times(dialog.quantity);
    let (quantity_style, marker) = match dialog.field {
        DialogField::Quantity => (palette.accent, glyphs.marker),
        _ => (palette.text, " "),
    };
    let stock_style = canvas
        .stock_change(dialog.item)
        .map_or(palette.text, |(style, _)| style);
    let peak = canvas.stock_peak(dialog.item, stock);
    let mut stock_line = number("Stock", format::thousands(stock), stock_style) + Span::raw("   ");
    stock_line.extend(canvas.gauge(stock, peak, width.saturating_sub(LABEL_COLUMNS + NUMBER_COLUMNS + 4)));
    let mut lines = vec![Line::default()];
    lines.extend(canvas.wrapped(&book.title, width, 2, palette.strong));
    lines.extend([
        Line::default(),
        number("Cost", format::amount(book.cost.cents()), palette.text),
        number("Copies", dialog.quantity.to_string(), quantity_style)
            + Span::styled(format!(" {marker}"), palette.accent)
            + Span::styled(" + -", palette.key),
        number("Total", format::amount(total.cents()), palette.strong),
        stock_line,
        Line::default(),
    ]);
    let mut orders = app.orders.list.iter();
    let pending = orders.any(|purchase| purchase.sent.includes(dialog.item) && purchase.state.is_pending());
    let warning = match app.buy_disabled_reason(dialog).or_else(|| dialog.error.clone()) {
        Some(why) => format!("Cannot buy: {why}."),
        None if let Some(wanted) = dialog.reduced_from => {
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
    lines.extend(canvas.wrapped(&purchase.title(), width, 2, palette.strong));
    lines.push(Line::default());
    lines.extend(orders::outcome(canvas, purchase, width));
    if let OrderState::Sold(receipt) = &purchase.state {
        let copies = match purchase.sent.copies() {
            1 => "1 copy".to_owned(),
            many => format!("{many} copies"),
        };
        let paid = format!("{copies} for {}", format::amount(receipt.total.cents()));
        lines.push(Line::styled(paid, palette.text));
        lines.extend(canvas.wrapped(&receipt.order.to_string(), width, 2, palette.dim));
    }
    lines.push(Line::default());
    lines
}

fn buttons(canvas: &mut Canvas<'_>, area: Rect, dialog: &BuyDialog) {
    let button = |field, name, key, enabled| Button {
        target: Target::Field(field),
        name,
        key,
        focused: dialog.confirmed || dialog.field == field,
        enabled,
    };
    let can_buy = canvas.app.buy_disabled_reason(dialog).is_none();
    let buttons: &[_] = match dialog.confirmed {
        true => &[button(DialogField::Cancel, "Close", "Esc", true)],
        false => &[
            button(DialogField::Cancel, "Cancel", "Esc", true),
            button(DialogField::Buy, "Buy", "y", can_buy),
        ],
    };
    canvas.buttons(area, buttons);
}
