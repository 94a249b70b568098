//! The basket, and what its dialogs show of it.

use ratatui::layout::HorizontalAlignment::{Left, Right};
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, first_rows, middle, skip_rows};
use crate::app::basket::{LineState, shown_title};
use crate::app::{Command, Target};
use crate::basket_file::BasketLine;
use crate::columns::{Need, STAYS, fill, wanted};
use crate::format;

/// The blanks between two columns.
const GAP: usize = 2;
/// Title, cost, copies, amount, stock, and what has changed or is missing.
const NEEDS: [Need; 6] = [
    Need::Text { min: 12, rank: STAYS },
    Need::Whole { rank: 2 },
    Need::Keep,
    Need::Keep,
    Need::Whole { rank: 3 },
    Need::Whole { rank: 1 },
];
const NOTES: usize = 5;
/// The most rows of the sentences under the table.
const SENTENCE_ROWS: usize = 2;

pub(super) fn draw(canvas: &mut Canvas<'_>, within: Rect) {
    let app = canvas.app;
    let (basket, palette) = (&app.basket, canvas.palette());
    let columns = 104.min(within.width);
    let width = usize::from(columns.saturating_sub(4));
    let lines = basket.lines();
    if lines.is_empty() {
        let advice = match &basket.available {
            Ok(()) => {
                let add = app.keymap.first_key(Command::Add);
                format!("The basket is empty. In the shop (1), {add} puts a copy of the selected book into it.")
            }
            Err(why) => format!("The basket cannot be used: {why}."),
        };
        let rows: Vec<_> = canvas.wrapped(&advice, width, 6, palette.dim).collect();
        let area = middle(within, columns, format::cells(rows.len()) + 2);
        let inner = canvas.popup(area, "Basket", Line::default());
        return canvas.lines(inner.inner(Margin::new(1, 0)), &rows);
    }
    let cells: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(row, line)| cells(canvas, row, line))
        .collect();
    let names = ["Title", "Cost", canvas.glyphs().times, "Total", "Stock", ""].map(Line::from);
    // One cell for the marker, one at the end.
    let room = usize::from(columns).saturating_sub(4);
    let widths = fill(wanted(NEEDS, cells.iter().chain([&names]), Line::width), GAP, room);
    let foot = foot(canvas, width, widths[NOTES] == 0);
    let rows = format::cells(lines.len() + foot.len());
    let area = middle(within, columns, rows + 3);
    let foot_rows = format::cells(foot.len()).min(area.height.saturating_sub(4));
    let shown = area.height.saturating_sub(3 + foot_rows);
    let window = app
        .layout
        .basket
        .around(basket.selected, usize::from(shown), lines.len());
    canvas.layout.basket = window;
    let corner = canvas.position(window.first, usize::from(shown), lines.len());
    let inner = canvas.popup(area, "Basket", corner);
    let alignments = [Left, Right, Right, Right, Right, Left];
    let columns = std::array::from_fn(|column| (alignments[column], widths[column]));
    let head = canvas.table_row(Span::raw(" "), &columns, GAP, names);
    canvas.line(inner, &head.style(palette.dim));
    let body = first_rows(skip_rows(inner, 1), shown);
    for (row, (index, cells)) in body.rows().zip(cells.into_iter().enumerate().skip(window.first)) {
        let marker = canvas.marker(index == basket.selected, true);
        let line = canvas.table_row(marker, &columns, GAP, cells);
        canvas.clickable_line(row, &line, Target::BasketLine(index));
    }
    let foot_area = skip_rows(inner, 1 + shown).inner(Margin::new(1, 0));
    // The total stays.
    canvas.lines(
        foot_area,
        foot.get(foot.len() - usize::from(foot_rows)..).unwrap_or_default(),
    );
}

fn cells(canvas: &Canvas<'_>, row: usize, line: &BasketLine) -> [Line<'static>; 6] {
    let (app, palette) = (canvas.app, canvas.palette());
    let (basket, books) = (&app.basket, &app.books);
    let is_ready = basket.state(line, books) == LineState::Ready;
    let style = match is_ready {
        true => canvas.row_style(row == basket.selected, false),
        false => palette.warn,
    };
    let mark = if is_ready { "" } else { "! " };
    let cost = books.get(line.item).map(|book| book.cost).or(line.cost);
    let change = canvas.stock_change(line.item);
    let stock_style = change.filter(|_| !app.reduced_motion).map_or(style, |(style, _)| style);
    let arrow = change.map_or(" ", |(_, arrow)| arrow);
    let stock = books
        .stock(line.item)
        .map(|stock| format!("{}{arrow}", format::thousands(stock)));
    [
        (format!("{mark}{}", shown_title(line, books)), style),
        (
            cost.map(|cost| format::amount(cost.cents())).unwrap_or_default(),
            palette.dim,
        ),
        (line.quantity.to_string(), style),
        (basket.cents(line, books).map(format::amount).unwrap_or_default(), style),
        (stock.unwrap_or_default(), stock_style),
        (
            notes(canvas, line).unwrap_or_default(),
            if is_ready { palette.dim } else { palette.warn },
        ),
    ]
    .map(|(text, style)| Line::from(Span::styled(text, style)))
}

/// What keeps the line from being bought, and what has changed since it was put in.
fn notes(canvas: &Canvas<'_>, line: &BasketLine) -> Option<String> {
    let (basket, books) = (&canvas.app.basket, &canvas.app.books);
    let obstacle = match basket.state(line, books) {
        LineState::Ready => None,
        LineState::Short(0) => Some("none left".to_owned()),
        LineState::Short(stock) => Some(format!("only {} left", format::thousands(stock))),
        LineState::Gone => Some("left the catalog".to_owned()),
        LineState::Loading => Some("being loaded".to_owned()),
        LineState::Failed => Some("no answer".to_owned()),
    };
    let notes: Vec<_> = obstacle.into_iter().chain(basket.changes(line, books)).collect();
    (!notes.is_empty()).then(|| notes.join(", "))
}

/// The lines that cannot be bought or have changed: first what it is, so that a long title is cut and no number.
pub(super) fn noted_lines(canvas: &Canvas<'_>, width: usize) -> Vec<Vec<Line<'static>>> {
    let (basket, books) = (&canvas.app.basket, &canvas.app.books);
    let noted = basket.lines().iter().filter_map(|line| {
        let text = format!("{}: {}", notes(canvas, line)?, shown_title(line, books));
        let style = match basket.state(line, books) {
            LineState::Ready => canvas.palette().text,
            _ => canvas.palette().warn,
        };
        // In 40 columns the numbers alone may need more than one row.
        Some(canvas.wrapped(&text, width, SENTENCE_ROWS, style).collect())
    });
    noted.collect()
}

/// The sentences under the table, and the total.
fn foot(canvas: &Canvas<'_>, width: usize, notes_are_hidden: bool) -> Vec<Line<'static>> {
    let (app, palette) = (canvas.app, canvas.palette());
    let basket = &app.basket;
    let selected = basket.lines().get(basket.selected).filter(|_| notes_are_hidden);
    let notes = selected.and_then(|line| notes(canvas, line)).into_iter();
    let notes = notes.flat_map(|notes| canvas.wrapped(&notes, width, SENTENCE_ROWS, palette.dim));
    let why = app
        .checkout_disabled_reason()
        .map(|why| format!("Cannot check out: {why}."));
    let why = why.into_iter();
    let why = why.flat_map(|why| canvas.wrapped(&why, width, SENTENCE_ROWS, palette.warn));
    let mut lines: Vec<_> = notes.chain(why).collect();
    let total = format::amount(basket.total_cents(&app.books));
    let copies = copies(canvas);
    let room = width.saturating_sub(format::width(&total) + GAP);
    let copies = if format::width(&copies) > room {
        String::new()
    } else {
        copies
    };
    let blank = width.saturating_sub(format::width(&copies) + format::width(&total));
    lines.push(Line::default());
    lines.push(Line::from(vec![
        Span::styled(copies, palette.dim),
        Span::raw(" ".repeat(blank)),
        Span::styled(total, palette.strong),
    ]));
    lines
}

/// How many copies of how many books it has.
pub(super) fn copies(canvas: &Canvas<'_>) -> String {
    let basket = &canvas.app.basket;
    let copies = format::copies(basket.copies());
    format!("{copies} of {}", format::plural(basket.lines().len(), "book"))
}
