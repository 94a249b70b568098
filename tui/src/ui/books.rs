//! The list of books: a table with live stock.

use common::wire::Book;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, first_row, padded, skip_rows};
use super::input;
use crate::app::{App, Column, Focus, Listing, Target};
use crate::format;

/// The gauge is left out if it would leave the title less room than this.
const TITLE_COLUMNS_MIN: usize = 20;

/// Draws the pane.
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
    let mut inner = canvas.panel(area, title, &corner, focused);
    canvas.add_target(area, Target::Pane(Focus::Books));
    if let Some(search) = search {
        let editing = search.editing && app.overlays.is_empty();
        input::draw(canvas, first_row(inner), "/", &search.input, editing);
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
    let number = |number: usize| format::thousands(u64::try_from(number).unwrap_or(u64::MAX));
    let (rows, here) = (app.shop.rows.len(), app.shop.local_matches);
    let text = if app.shop.search.as_ref().is_some_and(|search| !search.text().is_empty()) {
        format!(
            "{} here, {}{more} elsewhere",
            number(here),
            number(rows.saturating_sub(here))
        )
    } else if rows == 0 {
        return Line::default();
    } else {
        format!("{} of {}{more}", number(app.shop.cursor + 1), number(rows))
    };
    Line::styled(text, canvas.palette().dim)
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
    draw_head(canvas, first_row(area), &columns);
    let stale = listing.data.is_failed();
    for (row, (index, book)) in body.rows().zip(visible) {
        let selected = index == app.shop.cursor;
        let style = match (selected, stale) {
            (true, _) => canvas.palette().selected,
            (false, true) => canvas.palette().dim,
            (false, false) => canvas.palette().text,
        };
        let marker = canvas.marker(selected, focused);
        let line = book_line(canvas, &columns, book, marker, style);
        canvas.line(row, &line);
        canvas.add_target(row, Target::Book(index));
    }
}

/// The width of each column in cells; 0 for a column without room.
struct Columns {
    item: usize,
    title: usize,
    author: usize,
    cost: usize,
    stock: usize,
    gauge: usize,
}

impl Columns {
    fn new(visible: &[(usize, &Book)], width: usize) -> Self {
        let widest = |text: fn(&Book) -> String, min: usize| {
            let widths = visible.iter().map(|(_, book)| format::width(&text(book)));
            widths.max().unwrap_or(0).max(min)
        };
        let item = widest(|book| book.item.to_string(), 2);
        let cost = widest(|book| format::amount(u64::from(book.cost.cents())), 6);
        let stock = widest(|book| format::thousands(u64::from(book.stock.get())), 6);
        let author = if width >= 90 && visible.iter().any(|(_, book)| book.author.is_some()) {
            width / 5
        } else {
            0
        };
        // The marker, the gaps, the arrow beside the stock, and a blank at the end.
        let fixed = 1 + item + 2 + 2 + cost + 2 + stock + 2 + 1 + if author > 0 { author + 2 } else { 0 };
        let title = width.saturating_sub(fixed);
        let gauge = match width {
            _ if title < TITLE_COLUMNS_MIN + 7 => 0,
            0..80 => 6,
            _ => 10,
        };
        Self {
            item,
            title: title.saturating_sub(if gauge > 0 { gauge + 1 } else { 0 }),
            author,
            cost,
            stock,
            gauge,
        }
    }
}

fn draw_head(canvas: &mut Canvas<'_>, area: Rect, columns: &Columns) {
    let cut = canvas.glyphs().ellipsis;
    let sort = canvas.app.shop.sort;
    let name = |column: Column, name: &str| {
        let sorted = sort.by == column && (sort.reversed || column != Column::Item);
        match (sorted, sort.reversed) {
            (false, _) => name.to_owned(),
            (true, false) => format!("{name}{}", canvas.glyphs().up),
            (true, true) => format!("{name}{}", canvas.glyphs().down),
        }
    };
    let mut text = format!(
        " {}  {}  ",
        format::align_right(&name(Column::Item, "#"), columns.item, cut),
        format::align_left(&name(Column::Title, "Title"), columns.title, cut)
    );
    if columns.author > 0 {
        text += &format!("{}  ", format::align_left("Author", columns.author, cut));
    }
    text += &format::align_right(&name(Column::Cost, "Cost"), columns.cost, cut);
    text += "  ";
    text += &format::align_right(&name(Column::Stock, "Stock"), columns.stock, cut);
    canvas.text(area, &text, canvas.palette().dim);
}

fn book_line(
    canvas: &Canvas<'_>,
    columns: &Columns,
    book: &Book,
    marker: Span<'static>,
    style: Style,
) -> Line<'static> {
    let app = canvas.app;
    let (palette, glyphs) = (canvas.palette(), canvas.glyphs());
    let left = |text: &str, columns, style| Span::styled(format::align_left(text, columns, glyphs.ellipsis), style);
    let right = |text: &str, columns, style| Span::styled(format::align_right(text, columns, glyphs.ellipsis), style);
    let gap = || Span::raw("  ");
    let mut spans = vec![marker, right(&book.item.to_string(), columns.item, palette.dim), gap()];
    spans.extend(title(canvas, book, columns.title, style));
    spans.push(gap());
    if columns.author > 0 {
        let author = book.author.as_deref().unwrap_or_default();
        spans.extend([left(author, columns.author, palette.dim), gap()]);
    }
    let cost = format::amount(u64::from(book.cost.cents()));
    spans.extend([right(&cost, columns.cost, style), gap()]);
    let stock = book.stock.get();
    let history = app.books.history(book.item);
    let (stock_style, arrow) = match history.and_then(|history| history.highlight) {
        Some((_, true)) => (palette.rising, Span::styled(glyphs.up, palette.rising)),
        Some((_, false)) => (palette.falling, Span::styled(glyphs.down, palette.falling)),
        None if stock == 0 => (palette.dim, Span::raw(" ")),
        None => (style, Span::raw(" ")),
    };
    let stock_style = if app.reduced_motion { style } else { stock_style };
    let number = if stock == 0 && columns.stock >= 4 {
        "none".to_owned()
    } else {
        format::thousands(u64::from(stock))
    };
    spans.extend([right(&number, columns.stock, stock_style), arrow]);
    if columns.gauge > 0 {
        let peak = history.map_or(stock, |history| history.peak);
        spans.push(Span::raw(" "));
        spans.extend(canvas.gauge(stock, peak, columns.gauge));
    }
    Line::from(spans)
}

/// The title, followed by the topic if a search found the book outside the selected topic.
fn title(canvas: &Canvas<'_>, book: &Book, columns: usize, style: Style) -> Vec<Span<'static>> {
    let cut = canvas.glyphs().ellipsis;
    let rest = columns.saturating_sub(format::width(&book.title));
    if rest < 8 || !is_elsewhere(canvas.app, book) {
        return vec![Span::styled(format::align_left(&book.title, columns, cut), style)];
    }
    let topic = format!(" {} {}", canvas.glyphs().dot, book.topic);
    vec![
        Span::styled(book.title.clone(), style),
        Span::styled(format::align_left(&topic, rest, cut), canvas.palette().dim),
    ]
}

fn is_elsewhere(app: &App, book: &Book) -> bool {
    app.shop.search.is_some()
        && app
            .shop
            .selected_topic()
            .is_some_and(|topic| topic.display_name.to_lowercase() != book.topic.to_lowercase())
}
