//! The list of books: a table with live stock.

use common::wire::Book;
use ratatui::layout::HorizontalAlignment::{self, Left, Right};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, padded, skip_rows};
use super::input;
use crate::app::{Column, Focus, Listing, Target};
use crate::format;

/// The blanks between two columns.
const GAP: usize = 2;
/// The gauge is left out if it would leave the title less room than this.
const TITLE_COLUMNS_MIN: usize = 20;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let focused = app.shop.focus == Focus::Books && app.overlays.is_empty();
    let search = app.shop.search.as_ref();
    let search = search.filter(|search| search.editing || !search.text().is_empty());
    let title = match (search, app.shop.selected_topic()) {
        (Some(_), _) => "Find",
        (None, Some(topic)) => &topic.display_name,
        (None, None) => "Books",
    };
    let corner = corner(canvas);
    let mut inner = canvas.panel(area, title, corner, focused);
    canvas.add_target(area, Target::Pane(Focus::Books));
    if let Some(search) = search {
        let editing = search.editing && app.overlays.is_empty();
        input::draw(canvas, inner, "/", &search.input, editing);
        inner = skip_rows(inner, 1);
    }
    draw_table(canvas, inner, focused);
}

/// The load status, or the position in the list.
fn corner(canvas: &Canvas<'_>) -> Line<'static> {
    let app = canvas.app;
    let listing = app.shop.listing();
    let status = listing.map_or_else(Line::default, |listing| canvas.load_status(&listing.data));
    if status.width() > 0 {
        return status;
    }
    let more = if listing.is_none_or(Listing::is_whole) { "" } else { "+" };
    let (rows, here) = (app.shop.rows.len(), app.shop.local_matches);
    let text = if app.shop.search.as_ref().is_some_and(|search| !search.text().is_empty()) {
        let elsewhere = format::thousands(rows.saturating_sub(here));
        format!("{} here, {elsewhere}{more} elsewhere", format::thousands(here))
    } else if rows == 0 {
        return Line::default();
    } else {
        let position = format::thousands(app.shop.cursor + 1);
        format!("{position} of {}{more}", format::thousands(rows))
    };
    Span::styled(text, canvas.palette().dim).into()
}

fn draw_table(canvas: &mut Canvas<'_>, area: Rect, focused: bool) {
    let app = canvas.app;
    let body = skip_rows(area, 1);
    let rows = usize::from(body.height);
    let window = app.layout.books.around(app.shop.cursor, rows, app.shop.rows.len());
    canvas.layout.books = window;
    let Some(listing) = app.shop.listing() else { return };
    if app.shop.rows.is_empty() {
        let empty = if app.shop.search.is_some() {
            "No book matches. Esc clears the search."
        } else {
            "This topic has no books. Choose another topic, or / to find one."
        };
        canvas.placeholder(padded(area), &listing.data, Some(empty));
        return;
    }
    let items = app.shop.rows.iter().enumerate().skip(window.first).take(rows);
    let visible: Vec<_> = items
        .filter_map(|(index, item)| Some((index, app.books.get(*item)?)))
        .collect();
    let columns = Columns::new(&visible, usize::from(area.width));
    draw_head(canvas, area, &columns);
    let stale = listing.data.is_failed();
    for (row, (index, book)) in body.rows().zip(visible) {
        let selected = index == app.shop.cursor;
        let (marker, style) = (canvas.marker(selected, focused), canvas.row_style(selected, stale));
        let line = book_line(canvas, &columns, book, marker, style);
        canvas.clickable_line(row, &line, Target::Book(index));
    }
}

struct Columns {
    /// Item number, title, author, cost and stock.
    cells: [(HorizontalAlignment, usize); 5],
    /// The width of the gauge; 0 if there is no room for it.
    gauge: usize,
}

impl Columns {
    fn new(visible: &[(usize, &Book)], width: usize) -> Self {
        let widest = |text: fn(&Book) -> String, min: usize| {
            let widths = visible.iter().map(|(_, book)| format::width(&text(book)));
            widths.max().unwrap_or(0).max(min)
        };
        let item = widest(|book| book.item.to_string(), 2);
        let cost = widest(|book| format::amount(book.cost.cents()), 6);
        let stock = widest(|book| format::thousands(book.stock.get()), 6);
        let has_author = width >= 90 && visible.iter().any(|(_, book)| book.author.is_some());
        let author = if has_author { width / 5 } else { 0 };
        // The marker, the gaps, the arrow beside the stock, and two blanks at the end.
        let fixed = 1 + item + GAP + GAP + cost + GAP + stock + 3 + if has_author { author + GAP } else { 0 };
        let title = width.saturating_sub(fixed);
        let gauge = match width {
            _ if title < TITLE_COLUMNS_MIN + 7 => 0,
            0..80 => 6,
            _ => 10,
        };
        let title = title.saturating_sub(if gauge > 0 { gauge + 1 } else { 0 });
        Self {
            cells: [
                (Right, item),
                (Left, title),
                (Left, author),
                (Right, cost),
                (Right, stock),
            ],
            gauge,
        }
    }
}

fn draw_head(canvas: &mut Canvas<'_>, area: Rect, columns: &Columns) {
    let sort = canvas.app.shop.sort;
    let name = |column: Column, name: &str| {
        let sorted = sort.by == column && (sort.reversed || column != Column::Item);
        let sign = match (sorted, sort.reversed) {
            (false, _) => "",
            (true, false) => canvas.glyphs().up,
            (true, true) => canvas.glyphs().down,
        };
        Line::from(format!("{name}{sign}"))
    };
    let names = [
        name(Column::Item, "#"),
        name(Column::Title, "Title"),
        Line::from("Author"),
        name(Column::Cost, "Cost"),
        name(Column::Stock, "Stock"),
    ];
    let head = canvas.table_row(Span::raw(" "), &columns.cells, GAP, names);
    canvas.line(area, &head.style(canvas.palette().dim));
}

fn book_line(
    canvas: &Canvas<'_>,
    columns: &Columns,
    book: &Book,
    marker: Span<'static>,
    style: Style,
) -> Line<'static> {
    let dim = canvas.palette().dim;
    let stock = book.stock.get();
    let change = canvas.stock_change(book.item);
    let stock_style = match change {
        _ if canvas.app.reduced_motion => style,
        Some((changed, _)) => changed,
        None if stock == 0 => dim,
        None => style,
    };
    let number = match stock {
        0 => "none".to_owned(),
        _ => format::thousands(stock),
    };
    let cells = [
        Span::styled(book.item.to_string(), dim).into(),
        title(canvas, book, columns.cells[1].1, style),
        Span::styled(book.author.clone().unwrap_or_default(), dim).into(),
        Span::styled(format::amount(book.cost.cents()), style).into(),
        Span::styled(number, stock_style).into(),
    ];
    let mut line = canvas.table_row(marker, &columns.cells, GAP, cells);
    line.push_span(change.map_or(Span::raw(" "), |(style, arrow)| Span::styled(arrow, style)));
    if columns.gauge > 0 {
        let peak = canvas.stock_peak(book.item, stock);
        line.push_span(" ");
        line.extend(canvas.gauge(stock, peak, columns.gauge));
    }
    line
}

/// The title, followed by the topic if a search found the book outside the selected topic.
fn title(canvas: &Canvas<'_>, book: &Book, columns: usize, style: Style) -> Line<'static> {
    let shop = &canvas.app.shop;
    let selected = shop.selected_topic().filter(|_| shop.search.is_some());
    let elsewhere = selected.is_some_and(|topic| topic.display_name.to_lowercase() != book.topic.to_lowercase());
    let mut title = Line::from(Span::styled(book.title.clone(), style));
    if elsewhere && title.width() + 8 <= columns {
        let topic = format!(" {} {}", canvas.glyphs().dot, book.topic);
        title.push_span(Span::styled(topic, canvas.palette().dim));
    }
    title
}
