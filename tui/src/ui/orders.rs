//! Orders and receipts.

use std::iter;

use ratatui::layout::HorizontalAlignment::{Left, Right};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::area::{padded, skip_rows};
use super::canvas::Canvas;
use super::input;
use crate::app::receipt_text;
use crate::app::{Breakpoint, OrderColumn, OrderState, Purchase, Target};
use crate::columns::{NOT_DROPPED, Shrinking, fill, wanted};
use crate::format;
use crate::journal::{NotSold, NotSoldReason};

/// The blanks between two columns.
const GAP: usize = 2;
/// Index of the title column, whose cells end in the number of other books.
const TITLE: usize = 2;
/// Least height for a list above its receipt, in rows.
const STACKED_ROWS_MIN: u16 = 16;
/// Most rows of a receipt below the list.
const RECEIPT_ROWS_MAX: u16 = 12;
/// Least width of one of several values in a row of a receipt.
const VALUE_COLUMNS: usize = 34;
const LABEL_COLUMNS: usize = 9;
/// The least width of a book's title beside its numbers.
const TITLE_COLUMNS_MIN: usize = 16;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let (list_area, receipt_area) = match app.breakpoint() {
        Breakpoint::ThreePanes => {
            let areas = Layout::horizontal([Constraint::Min(38), Constraint::Length(50)]).areas(area);
            let [list, receipt] = areas;
            (list, receipt)
        }
        Breakpoint::TwoPanes if area.height >= STACKED_ROWS_MIN => {
            let receipt_rows = (area.height / 2).min(RECEIPT_ROWS_MAX);
            let areas = Layout::vertical([Constraint::Min(0), Constraint::Length(receipt_rows)]).areas(area);
            let [list, receipt] = areas;
            (list, receipt)
        }
        _ if app.orders.open => return receipt(canvas, area),
        _ => return list(canvas, area),
    };
    list(canvas, list_area);
    receipt(canvas, receipt_area);
}

/// The sign and style of a state.
pub(super) fn sign(canvas: &Canvas<'_>, state: &OrderState) -> (&'static str, Style) {
    let (glyphs, palette) = (canvas.glyphs(), canvas.palette());
    match state {
        OrderState::Sending => (canvas.spinner(), palette.accent),
        OrderState::Unknown { .. } => (glyphs.unknown, palette.warn),
        OrderState::Sold(_) => (glyphs.done, palette.good),
        OrderState::NotSold(not_sold) => match not_sold.reason {
            NotSoldReason::SoldOut => (glyphs.refused, palette.text),
            NotSoldReason::Refused => (glyphs.refused, palette.warn),
            NotSoldReason::NotPlaced => (glyphs.refused, palette.dim),
        },
    }
}

fn list(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let orders = &app.orders;
    let focused = app.overlays.is_empty() && !orders.open;
    let corner = canvas.load_status(&orders.journal);
    let mut inner = canvas.panel(area, "Orders", corner, focused);
    if let Some(filter) = &orders.filter {
        input::draw(
            canvas,
            inner,
            "/",
            &filter.input,
            filter.editing && app.overlays.is_empty(),
        );
        inner = skip_rows(inner, 1);
    }
    let body = skip_rows(inner, 1);
    let rows = usize::from(body.height);
    let window = app.layout.orders.around(orders.selected, rows, orders.rows.len());
    canvas.layout.orders = window;
    if orders.rows.is_empty() {
        let empty = match &orders.filter {
            Some(_) if !orders.list.is_empty() => "No order matches. Esc clears the filter.",
            _ => "No orders yet. In the shop (1), b buys the selected book.",
        };
        canvas.placeholder(padded(inner), &orders.journal, Some(empty));
        return;
    }
    let visible = window.first..(window.first + rows).min(orders.rows.len());
    let visible: Vec<_> = visible.filter_map(|row| Some((row, orders.row(row)?))).collect();
    let cells: Vec<_> = visible.iter().map(|(row, order)| cells(canvas, *row, order)).collect();
    let names = names(canvas);
    let shrinking = [
        Shrinking::Drop { rank: 1 },
        Shrinking::Never,
        Shrinking::Truncate {
            min: 12,
            rank: NOT_DROPPED,
        },
        Shrinking::Truncate { min: 8, rank: 2 },
        Shrinking::Never,
        Shrinking::Never,
    ];
    let wanted = wanted(shrinking, cells.iter().chain([&names]), Line::width);
    // One cell for the marker, one at the end.
    let room = usize::from(inner.width).saturating_sub(2);
    let widths = fill(wanted, GAP, room);
    let alignments = [Left, Left, Left, Left, Right, Right];
    let columns = std::array::from_fn(|column| (alignments[column], widths[column]));
    let head = canvas.table_row(Span::raw(" "), &columns, GAP, names);
    canvas.line(inner, &head.style(canvas.palette().dim));
    for ((row, (index, order)), mut cells) in body.rows().zip(visible).zip(cells) {
        let style = canvas.row_style(index == orders.selected, false);
        let title = format::first_of(&order.titles(), widths[TITLE], canvas.glyphs().ellipsis);
        cells[TITLE] = Line::styled(title, style);
        let marker = canvas.marker(index == orders.selected, focused);
        let line = canvas.table_row(marker, &columns, GAP, cells);
        canvas.clickable_line(row, &line, Target::Order(index));
    }
}

fn names(canvas: &Canvas<'_>) -> [Line<'static>; 6] {
    let (orders, glyphs) = (&canvas.app.orders, canvas.glyphs());
    let sorted = |column: OrderColumn, name: &str| {
        let largest_first = matches!(column, OrderColumn::Time | OrderColumn::Total);
        let sign = match orders.sort == column && (orders.sort_reversed || column != OrderColumn::Time) {
            false => "",
            true if orders.sort_reversed == largest_first => glyphs.up,
            true => glyphs.down,
        };
        Line::from(format!("{name}{sign}"))
    };
    [
        sorted(OrderColumn::Time, "Time"),
        sorted(OrderColumn::State, "State"),
        sorted(OrderColumn::Title, "Title"),
        Line::from("Shop"),
        Line::from(glyphs.times),
        sorted(OrderColumn::Total, "Total"),
    ]
}

fn cells(canvas: &Canvas<'_>, row: usize, purchase: &Purchase) -> [Line<'static>; 6] {
    let (app, palette) = (canvas.app, canvas.palette());
    let style = canvas.row_style(row == app.orders.selected, false);
    let (sign, colour) = sign(canvas, &purchase.state);
    let is_here = purchase.sent.store.is_some() && purchase.sent.store == app.connection.store;
    let shop = if is_here { "here" } else { &purchase.sent.shop };
    [
        (format::past(purchase.sent.at, app.now.wall, &app.zone), palette.dim),
        (format!("{sign} {}", purchase.state.name()), colour),
        (purchase.title(), style),
        (shop.to_owned(), palette.dim),
        (purchase.sent.copies().to_string(), style),
        (format::amount(purchase.total_cents()), style),
    ]
    .map(|(text, style)| Line::from(Span::styled(text, style)))
}

fn receipt(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let palette = canvas.palette();
    let focused = app.orders.open && app.overlays.is_empty();
    let Some(purchase) = app.orders.selected() else {
        canvas.panel(area, "Receipt", Line::default(), focused);
        return;
    };
    let width = usize::from(area.width.saturating_sub(4));
    let mut lines = Vec::new();
    if let [only] = &purchase.lines()[..] {
        lines.extend(canvas.wrapped(&only.title, width, usize::MAX, palette.strong));
    }
    lines.extend(outcome(canvas, purchase, width));
    lines.push(Line::default());
    if purchase.sent.lines.len() > 1 {
        lines.extend(book_lines(canvas, purchase, width));
        lines.push(Line::default());
    }
    let numbers = receipt_text::numbers(purchase, &app.zone);
    let in_a_row = (width / VALUE_COLUMNS).max(1);
    let rows = numbers.len().div_ceil(in_a_row);
    for row in 0..rows {
        let mut line = Line::default();
        for (name, value) in numbers.iter().skip(row).step_by(rows) {
            let style = if *name == "Total" { palette.strong } else { palette.text };
            let value = format::align_left(value, VALUE_COLUMNS - LABEL_COLUMNS, "");
            line.extend(canvas.field(name, LABEL_COLUMNS, Span::styled(value, style)));
        }
        lines.push(line);
    }
    for (name, value) in receipt_text::names(purchase) {
        lines.extend(canvas.long_field(name, LABEL_COLUMNS, &value, width, palette.text));
    }
    let scroll = app.orders.receipt_scroll;
    canvas.layout.receipt = canvas.scrolled_panel(area, "Receipt", focused, &lines, scroll);
}

/// Copies, cost, amount and title of each book, then the total. Without room for it the cost is dropped; a long title is
/// wrapped.
fn book_lines(canvas: &Canvas<'_>, purchase: &Purchase, width: usize) -> Vec<Line<'static>> {
    let (palette, glyphs) = (canvas.palette(), canvas.glyphs());
    let amount = |cents: Option<u64>| cents.map(format::amount).unwrap_or_default();
    let books = purchase.lines();
    let cells = books.iter().map(|book| {
        let cost = book.cost.map(|cost| u64::from(cost.cents()));
        [book.quantity.to_string(), amount(cost), amount(book.cents)]
    });
    let total = format::amount(purchase.total_cents());
    let total = [purchase.sent.copies().to_string(), String::new(), total];
    let cells: Vec<_> = cells.chain([total]).collect();
    let widest = |column: usize| {
        cells
            .iter()
            .map(|cells| format::width(&cells[column]))
            .max()
            .unwrap_or(0)
    };
    let [copies, cost, cents] = [0, 1, 2].map(widest);
    let all = copies + cost + cents + 3 + 2 * GAP;
    let cost = if all + TITLE_COLUMNS_MIN > width { 0 } else { cost };
    let lead = |[number, unit, sum]: &[String; 3]| {
        let mut lead = format::align_right(number, copies);
        if cost > 0 {
            let times = if unit.is_empty() { " " } else { glyphs.times };
            lead += &format!(" {times} {}", format::align_right(unit, cost));
        }
        let gap = " ".repeat(GAP);
        format!("{lead}{gap}{}{gap}", format::align_right(sum, cents))
    };
    let texts = books.into_iter().map(|book| match book.refused {
        Some(why) => (format!("{} ({why})", book.title), palette.warn, palette.text),
        None => (book.title, palette.strong, palette.text),
    });
    let total = ("Total".to_owned(), palette.dim, palette.strong);
    let mut lines = Vec::new();
    for ((title, style, numbers), cells) in texts.chain([total]).zip(&cells) {
        let lead = lead(cells);
        let columns = format::width(&lead);
        let leads = iter::once(lead).chain(iter::repeat(" ".repeat(columns)));
        let titles = canvas.wrapped(&title, width.saturating_sub(columns), usize::MAX, style);
        lines.extend(leads.zip(titles).map(|(lead, title)| {
            let mut line = Line::from(Span::styled(lead, numbers));
            line.push_span(Span::styled(title.to_string(), style));
            line
        }));
    }
    lines
}

/// The outcome of an order, in a sentence or two.
pub(super) fn outcome(canvas: &Canvas<'_>, purchase: &Purchase, width: usize) -> Vec<Line<'static>> {
    let (sign, style) = sign(canvas, &purchase.state);
    let details = match &purchase.state {
        OrderState::Sending | OrderState::Sold(_) => String::new(),
        OrderState::Unknown { why } => {
            format!("The answer was lost ({why}). The shop is asked with the same key; nothing is ordered twice.")
        }
        OrderState::NotSold(NotSold {
            reason, detail, stock, ..
        }) => match (reason, stock.map(common::Stock::get)) {
            (NotSoldReason::SoldOut, _) if purchase.sent.lines.len() > 1 => {
                "Too few copies were left of a book. Nothing was bought or charged.".to_owned()
            }
            (NotSoldReason::SoldOut, left) => {
                let left = match left {
                    Some(0) => "None".to_owned(),
                    Some(left) => format!("Only {left}"),
                    None => "Too few".to_owned(),
                };
                format!("{left} were left when the order was decided. Nothing was bought or charged.")
            }
            (NotSoldReason::Refused, _) => format!("{detail}. Nothing was bought."),
            (NotSoldReason::NotPlaced, _) => format!("Nothing was bought: {detail}."),
        },
    };
    let word = match &purchase.state {
        OrderState::Unknown { .. } => "unknown, checking",
        state => state.name(),
    };
    let mut lines = vec![Line::styled(format!("{sign} {word}"), style)];
    lines.extend(canvas.wrapped(&details, width, 5, canvas.palette().dim));
    lines
}
