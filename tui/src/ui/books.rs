//! The list of books: a table with live stock.

use common::text::fold;
use common::wire::Book;
use ratatui::layout::HorizontalAlignment::{Left, Right};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::area::{padded, skip_rows};
use super::canvas::Canvas;
use super::input;
use crate::app::{Column, Focus, Listing, Target};
use crate::columns::{NOT_DROPPED, Shrinking, fill, wanted};
use crate::format;
use crate::fuzzy::Searcher;

/// The blanks between two columns.
const GAP: usize = 2;
/// Columns: number, title, author, cost, stock, gauge. The gauge is dropped if the title has less than 27 cells.
const SHRINKING: [Shrinking; 6] = [
    Shrinking::DropLast,
    Shrinking::Truncate {
        min: 27,
        rank: NOT_DROPPED,
    },
    Shrinking::Truncate { min: 16, rank: 2 },
    Shrinking::Never,
    Shrinking::Never,
    Shrinking::Truncate { min: 6, rank: 1 },
];
const AUTHOR: usize = 2;
const GAUGE: usize = 5;
const GAUGE_COLUMNS: usize = 10;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let focused = app.shop.focus == Focus::Books && app.overlays.is_empty();
    let search = app.shop.search.as_ref();
    let search = search.filter(|search| search.filter.editing || !search.text().is_empty());
    let title = match (search, app.shop.selected_topic()) {
        (Some(_), _) => "Find",
        (None, Some(topic)) => &topic.display_name,
        (None, None) => "Books",
    };
    let corner = corner(canvas);
    let mut inner = canvas.panel(area, title, corner, focused);
    canvas.add_target(area, Target::Pane(Focus::Books));
    if let Some(search) = search {
        let editing = search.filter.editing && app.overlays.is_empty();
        input::draw(canvas, inner, "/", &search.filter.input, editing);
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
    let rows = app.shop.rows.len();
    if rows == 0 {
        return Line::default();
    }
    let is_tail = listing.is_some_and(|listing| listing.is_tail);
    let more = if is_tail || listing.is_none_or(Listing::is_whole) {
        ""
    } else {
        "+"
    };
    let all = app.shop.selected_topic().map_or(0, |topic| topic.books);
    let before = match is_tail && app.shop.search.is_none() {
        true => usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(rows),
        false => 0,
    };
    let [position, end] = [app.shop.cursor + 1, rows].map(|row| format::thousands(before.saturating_add(row)));
    let text = format!("{position} of {end}{more}");
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
    let mut searcher = app.shop.search.as_ref().map(|search| Searcher::new(search.text()));
    let stale = listing.data.is_failed();
    let cells: Vec<_> = visible
        .iter()
        .map(|(index, book)| cells(canvas, book, *index == app.shop.cursor, stale, searcher.as_mut()))
        .collect();
    let names = names(canvas);
    // One cell for the marker, one at the end.
    let room = usize::from(area.width).saturating_sub(2);
    let mut wanted = wanted(SHRINKING, cells.iter().chain([&names]), Line::width);
    wanted[GAUGE].1 = GAUGE_COLUMNS;
    if visible.iter().all(|(_, book)| book.author.is_none()) {
        // An empty column would take room from the titles.
        wanted[AUTHOR].1 = 0;
    }
    let widths = fill(wanted, GAP, room);
    let alignments = [Right, Left, Left, Right, Right, Left];
    let columns = std::array::from_fn(|column| (alignments[column], widths[column]));
    let head = canvas.table_row(Span::raw(" "), &columns, GAP, names);
    canvas.line(area, &head.style(canvas.palette().dim));
    for ((row, (index, book)), mut cells) in body.rows().zip(visible).zip(cells) {
        let (peak, stock) = (canvas.stock_peak(book.item, book.stock.get()), book.stock.get());
        cells[GAUGE] = Line::from(canvas.gauge(stock, peak, widths[GAUGE]).to_vec());
        let marker = canvas.marker(index == app.shop.cursor, focused);
        let line = canvas.table_row(marker, &columns, GAP, cells);
        canvas.clickable_line(row, &line, Target::Book(index));
    }
}

fn names(canvas: &Canvas<'_>) -> [Line<'static>; 6] {
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
    [
        name(Column::Item, "#"),
        name(Column::Title, "Title"),
        Line::from("Author"),
        name(Column::Cost, "Cost"),
        // The cell after the number is for the arrow of a stock change.
        name(Column::Stock, "Stock") + Span::raw(" "),
        Line::default(),
    ]
}

/// The cells of a book. The gauge is drawn later, when its width is known.
fn cells(
    canvas: &Canvas<'_>,
    book: &Book,
    selected: bool,
    stale: bool,
    mut searcher: Option<&mut Searcher>,
) -> [Line<'static>; 6] {
    let (dim, style) = (canvas.palette().dim, canvas.row_style(selected, stale));
    let stock = book.stock.get();
    let change = canvas.stock_change(book.item);
    let stock_style = match change {
        _ if canvas.app.reduced_motion => style,
        Some((changed, _)) => changed,
        None if stock == 0 => dim,
        None => style,
    };
    let arrow = change.map_or(" ", |(_, arrow)| arrow);
    let number = format!("{}{arrow}", format::stock(stock));
    let mut title = canvas.highlighted(&book.title, style, searcher.as_deref_mut());
    if is_elsewhere(canvas, book) {
        title.push_span(Span::styled(format!(" {} {}", canvas.glyphs().dot, book.topic), dim));
    }
    [
        Span::styled(book.item.to_string(), dim).into(),
        title,
        canvas.highlighted(book.author.as_deref().unwrap_or_default(), dim, searcher),
        Span::styled(format::amount(book.cost.cents()), style).into(),
        Span::styled(number, stock_style).into(),
        Line::default(),
    ]
}

/// Whether a search found the book outside the selected topic.
fn is_elsewhere(canvas: &Canvas<'_>, book: &Book) -> bool {
    let shop = &canvas.app.shop;
    let selected = shop.selected_topic().filter(|_| shop.search.is_some());
    selected.is_some_and(|topic| fold(&topic.display_name) != fold(&book.topic))
}
