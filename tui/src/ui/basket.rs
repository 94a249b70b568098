//! The basket, and the table of its lines, which the checkout also shows.

use ratatui::layout::HorizontalAlignment::{Left, Right};
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::area::{first_rows, middle, skip_rows};
use super::canvas::{Canvas, fit_rows};
use crate::app::basket::{LineState, shown_title};
use crate::app::{Command, Target};
use crate::basket_file::BasketLine;
use crate::columns::{NOT_DROPPED, Shrinking, fill, total, wanted};
use crate::format;
use crate::theme::Palette;

/// The blanks between two columns.
const GAP: usize = 2;
/// Columns: title with its mark, cost, copies, amount, stock, notes.
const SHRINKING: [Shrinking; 6] = [
    Shrinking::Truncate {
        min: 14,
        rank: NOT_DROPPED,
    },
    Shrinking::Drop { rank: 2 },
    Shrinking::Never,
    Shrinking::Never,
    Shrinking::Drop { rank: 3 },
    Shrinking::Drop { rank: 1 },
];
const STOCK: usize = 4;
const NOTES: usize = 5;
/// Least width of the popup, so that changing numbers seldom resize it.
const COLUMNS_MIN: usize = 60;
/// The cells before a title: the marker of the selection, the mark of a line that cannot be bought, and a blank.
const INDENT: usize = 3;

pub(super) fn draw(canvas: &mut Canvas<'_>, within: Rect) {
    let app = canvas.app;
    let (basket, palette) = (&app.basket, canvas.palette());
    let lines = basket.lines();
    if lines.is_empty() {
        return draw_empty(canvas, within);
    }
    let table = Table::new(canvas, within.width, Some(basket.selected));
    let why = app.checkout_disabled_reason();
    let why = why.map(|why| {
        sentence(
            canvas,
            table.columns,
            &format!("Cannot check out: {why}."),
            palette.warn,
        )
    });
    let hidden_notes = table.rows.get(basket.selected).map(|row| row.notes.clone());
    let sentences: Vec<_> = hidden_notes.into_iter().chain(why).flatten().collect();
    let mut foot = vec![Line::default(), table.total];
    foot.extend((!sentences.is_empty()).then(Line::default));
    foot.extend(sentences);
    let rows = format::cells(lines.len() + foot.len());
    let area = middle(within, table.columns, rows + 3);
    // One line and the total always stay.
    fit_rows(&mut foot, usize::from(area.height.saturating_sub(4)));
    let shown = area.height.saturating_sub(3 + format::cells(foot.len()));
    let window = app
        .layout
        .basket
        .around(basket.selected, usize::from(shown), lines.len());
    canvas.layout.basket = window;
    let corner = canvas.position(window.first, usize::from(shown), lines.len());
    let inner = canvas.popup(area, "Basket", corner);
    canvas.line(inner, &table.head);
    let body = first_rows(skip_rows(inner, 1), shown);
    for (area, (index, row)) in body.rows().zip(table.rows.iter().enumerate().skip(window.first)) {
        canvas.clickable_line(area, &row.line, Target::BasketLine(index));
    }
    canvas.lines(skip_rows(inner, 1 + shown), &foot);
}

fn draw_empty(canvas: &mut Canvas<'_>, within: Rect) {
    let advice = match &canvas.app.basket.available {
        Ok(()) => {
            let add = canvas.app.keymap.first_key(Command::Add);
            format!("The basket is empty. In the shop (1), {add} adds a book.")
        }
        Err(why) => format!("The basket cannot be used: {why}."),
    };
    let natural = format::width(&advice) + 4;
    let columns = format::cells(natural.max(COLUMNS_MIN)).min(within.width);
    let width = usize::from(columns.saturating_sub(4));
    let rows: Vec<_> = canvas.wrapped(&advice, width, 6, canvas.palette().dim).collect();
    let area = middle(within, columns, format::cells(rows.len()) + 2);
    let inner = canvas.popup(area, "Basket", Line::default());
    canvas.lines(inner.inner(Margin::new(1, 0)), &rows);
}

/// The table of the basket's lines, for a popup.
pub(super) struct Table {
    /// The width of the popup.
    pub(super) columns: u16,
    pub(super) head: Line<'static>,
    pub(super) rows: Vec<Row>,
    pub(super) total: Line<'static>,
}

pub(super) struct Row {
    line: Line<'static>,
    is_noted: bool,
    /// The notes as lines below the row, if their column has no room.
    notes: Vec<Line<'static>>,
}

impl Table {
    /// A table of at most `room` columns. The checkout (`selected` is `None`) has no stock column, and drops the notes before
    /// the costs.
    pub(super) fn new(canvas: &Canvas<'_>, room: u16, selected: Option<usize>) -> Self {
        let (basket, books, palette) = (&canvas.app.basket, &canvas.app.books, canvas.palette());
        let lines = basket.lines();
        let is_selected = |row| selected == Some(row);
        let cells = lines.iter().enumerate();
        let cells: Vec<_> = cells
            .map(|(row, line)| cells_of(canvas, line, is_selected(row)))
            .collect();
        // The cell after the stock is for the arrow of a stock change.
        let names = ["  Title", "Cost", canvas.glyphs().times, "Total", "Stock ", ""].map(Line::from);
        let sums = [
            Span::styled(format!("  {}", format::plural(lines.len(), "book")), palette.dim),
            Span::default(),
            Span::styled(basket.copies().to_string(), palette.text),
            Span::styled(format::amount(basket.total_cents(books)), palette.strong),
            Span::default(),
            Span::default(),
        ]
        .map(Line::from);
        let mut wanted = wanted(SHRINKING, cells.iter().chain([&names, &sums]), Line::width);
        if selected.is_none() {
            wanted[STOCK].1 = 0;
            wanted[NOTES].0 = Shrinking::Drop { rank: 3 };
        }
        // The frame, the marker, and a cell at the end.
        let around = 4;
        let natural = total(wanted.iter().map(|(_, width)| *width), GAP) + around;
        let columns = format::cells(natural.max(COLUMNS_MIN)).min(room);
        let widths = fill(wanted, GAP, usize::from(columns).saturating_sub(around));
        let alignments = [Left, Right, Right, Right, Right, Left];
        let layout = std::array::from_fn(|column| (alignments[column], widths[column]));
        let row = |marker, cells| canvas.table_row(marker, &layout, GAP, cells);
        let rows = lines.iter().zip(cells).enumerate().map(|(index, (line, cells))| {
            let notes = cells[NOTES].to_string();
            let style = line_style(canvas, line, palette.text);
            Row {
                is_noted: !notes.is_empty(),
                notes: match widths[NOTES] {
                    0 => sentence(canvas, columns, &notes, style),
                    _ => Vec::new(),
                },
                line: row(canvas.marker(is_selected(index), true), cells),
            }
        });
        Self {
            columns,
            rows: rows.collect(),
            head: row(Span::raw(" "), names).style(palette.dim),
            total: row(Span::raw(" "), sums),
        }
    }
}

/// The lines with their notes in at most `rows_max` rows. If there are more, lines with notes come first, and the last row has
/// the number of hidden lines.
pub(super) fn fitted(mut lines: Vec<Row>, rows_max: usize, palette: &Palette) -> Vec<Line<'static>> {
    let height = |row: &Row| 1 + row.notes.len();
    let mut more = None;
    if lines.iter().map(height).sum::<usize>() > rows_max {
        lines.sort_by_key(|row| !row.is_noted);
        let mut left = rows_max.saturating_sub(1);
        let fits = |row: &&Row| left.checked_sub(height(row)).map(|rest| left = rest).is_some();
        let left_out = lines.split_off(lines.iter().take_while(fits).count());
        let text = format!("{}and {} more", " ".repeat(INDENT), left_out.len());
        more = Some(Line::from(Span::styled(text, palette.dim)));
    }
    let lines = lines.into_iter();
    lines
        .flat_map(|row| [row.line].into_iter().chain(row.notes))
        .chain(more)
        .collect()
}

fn cells_of(canvas: &Canvas<'_>, line: &BasketLine, selected: bool) -> [Line<'static>; 6] {
    let (app, palette) = (canvas.app, canvas.palette());
    let (basket, books) = (&app.basket, &app.books);
    let style = line_style(canvas, line, canvas.row_style(selected, false));
    let mark = if is_ready(canvas, line) { " " } else { "!" };
    let cost = books.get(line.item).map(|book| book.cost).or(line.cost);
    let change = canvas.stock_change(line.item);
    let stock_style = change.filter(|_| !app.reduced_motion).map_or(style, |(style, _)| style);
    let arrow = change.map_or(" ", |(_, arrow)| arrow);
    let stock = books.stock(line.item);
    let stock = stock.map(|stock| format!("{}{arrow}", format::stock(stock)));
    [
        (format!("{mark} {}", shown_title(line, books)), style),
        (
            cost.map(|cost| format::amount(cost.cents())).unwrap_or_default(),
            palette.dim,
        ),
        (line.quantity.to_string(), style),
        (basket.cents(line, books).map(format::amount).unwrap_or_default(), style),
        (stock.unwrap_or_default(), stock_style),
        (
            basket.notes(line, books).join(", "),
            line_style(canvas, line, palette.text),
        ),
    ]
    .map(|(text, style)| Line::from(Span::styled(text, style)))
}

/// `ready` for a line that can be bought, else the style of a warning.
fn line_style(canvas: &Canvas<'_>, line: &BasketLine, ready: Style) -> Style {
    match is_ready(canvas, line) {
        true => ready,
        false => canvas.palette().warn,
    }
}

fn is_ready(canvas: &Canvas<'_>, line: &BasketLine) -> bool {
    canvas.app.basket.state(line, &canvas.app.books) == LineState::Ready
}

/// A sentence, aligned with the titles, in a popup of `columns` cells.
pub(super) fn sentence(canvas: &Canvas<'_>, columns: u16, text: &str, style: Style) -> Vec<Line<'static>> {
    let width = usize::from(columns).saturating_sub(3);
    canvas.long_field("", INDENT, text, width, style).collect()
}
