//! The list of books: a table with live stock.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, below};
use super::input;
use crate::app::{App, Column, Focus, Target};
use crate::format;
use common::wire::Book;

/// Where the title has less room than this the gauge is left out.
const TITLE_COLUMNS_MIN: usize = 20;

/// How wide the columns are, in cells; 0 for one that has no room.
struct Columns {
    item: usize,
    title: usize,
    author: usize,
    cost: usize,
    stock: usize,
    gauge: usize,
}

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let focused = app.shop.focus == Focus::Books && app.overlays.is_empty();
    let finding = app
        .shop
        .search
        .as_ref()
        .filter(|find| find.editing || !find.text().is_empty());
    let title = match finding {
        Some(_) => "Find".to_owned(),
        None => {
            let topics = app.shop.topics.value.as_deref().unwrap_or_default();
            topics
                .get(app.shop.topic)
                .map_or_else(|| "Books".to_owned(), |topic| topic.display_name.clone())
        }
    };
    let remark = remark(canvas);
    let mut inner = canvas.panel(area, &title, &remark, focused);
    canvas.place(area, Target::Pane(Focus::Books));
    if let Some(find) = finding {
        let place = Rect { height: 1, ..inner };
        input::draw(canvas, place, "/", &find.input, find.editing && app.overlays.is_empty());
        inner = below(inner);
    }
    rows(canvas, inner, focused);
}

fn remark(canvas: &Canvas<'_>) -> Line<'static> {
    let app = canvas.app;
    let dim = canvas.palette().dim;
    let reading = app
        .shop
        .listing()
        .map(|listing| canvas.reading(&listing.data))
        .unwrap_or_default();
    if reading.width() > 0 {
        return reading;
    }
    let found = app.shop.rows.len().saturating_sub(app.shop.local_matches);
    let searching = app.shop.search.as_ref().is_some_and(|find| !find.text().is_empty());
    let whole = app.shop.listing().is_none_or(crate::app::Listing::is_whole);
    let more = if whole { "" } else { "+" };
    let grouped = |number: usize| format::thousands(u64::try_from(number).unwrap_or(u64::MAX));
    let text = match (searching, app.shop.rows.len()) {
        (true, _) => format!(
            "{} here, {}{more} elsewhere",
            grouped(app.shop.local_matches),
            grouped(found)
        ),
        (false, 0) => return Line::default(),
        (false, all) => format!("{} of {}{more}", grouped(app.shop.cursor + 1), grouped(all)),
    };
    Line::from(Span::styled(text, dim))
}

fn rows(canvas: &mut Canvas<'_>, area: Rect, focused: bool) {
    let app = canvas.app;
    let body = below(area);
    let rows = usize::from(body.height);
    let window = app.layout.books.around(app.shop.cursor, rows, app.shop.rows.len());
    canvas.layout.books = window;
    let Some(listing) = app.shop.listing() else { return };
    if app.shop.rows.is_empty() {
        let empty = if app.shop.search.is_some() {
            "No book has such words. Esc clears the search."
        } else {
            "No books on this shelf. Choose another topic, or / to find one."
        };
        let inside = Rect {
            x: area.x + 1,
            width: area.width.saturating_sub(2),
            ..area
        };
        canvas.instead(inside, &listing.data, Some(empty));
        return;
    }
    let visible: Vec<_> = app
        .shop
        .rows
        .iter()
        .enumerate()
        .skip(window.first)
        .take(rows)
        .filter_map(|(row, item)| Some((row, app.books.get(*item)?)))
        .collect();
    let columns = columns(&visible, usize::from(area.width));
    head(canvas, Rect { height: 1, ..area }, &columns);
    let old = listing.data.is_failed();
    for (y, (row, book)) in (body.y..body.bottom()).zip(visible) {
        let place = Rect { y, height: 1, ..body };
        let line = line(canvas, &columns, row, book, focused, old);
        canvas.line(place, &line);
        canvas.place(place, Target::Book(row));
    }
}

fn columns(visible: &[(usize, &Book)], width: usize) -> Columns {
    let widest = |text: fn(&Book) -> String, least: usize| {
        visible
            .iter()
            .map(|(_, book)| format::width(&text(book)))
            .max()
            .unwrap_or(0)
            .max(least)
    };
    let item = widest(|book| book.item.to_string(), 2);
    let cost = widest(|book| format::amount(u64::from(book.cost.cents())), 6);
    let stock = widest(|book| format::thousands(u64::from(book.stock.get())), 6);
    let author = if width >= 90 && visible.iter().any(|(_, book)| book.author.is_some()) {
        width / 5
    } else {
        0
    };
    // Marker, gaps, the arrow beside the stock and a blank at the end.
    let fixed = 1 + item + 2 + 2 + cost + 2 + stock + 2 + 1 + if author > 0 { author + 2 } else { 0 };
    let title = width.saturating_sub(fixed);
    let gauge = match width {
        _ if title < TITLE_COLUMNS_MIN + 7 => 0,
        0..80 => 6,
        _ => 10,
    };
    Columns {
        item,
        title: title.saturating_sub(if gauge > 0 { gauge + 1 } else { 0 }),
        author,
        cost,
        stock,
        gauge,
    }
}

fn head(canvas: &mut Canvas<'_>, area: Rect, columns: &Columns) {
    let (dim, cut) = (canvas.palette().dim, canvas.glyphs().ellipsis);
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
    canvas.text(area, &text, dim);
}

fn line(canvas: &Canvas<'_>, columns: &Columns, row: usize, book: &Book, focused: bool, old: bool) -> Line<'static> {
    let app = canvas.app;
    let (palette, glyphs) = (canvas.palette(), canvas.glyphs());
    let selected = row == app.shop.cursor;
    let style = match (selected, old) {
        (true, _) => palette.selected,
        (false, true) => palette.dim,
        (false, false) => palette.text,
    };
    let stock = book.stock.get();
    let mut spans = vec![
        canvas.marker(selected, focused),
        Span::styled(
            format::align_right(&book.item.to_string(), columns.item, glyphs.ellipsis),
            palette.dim,
        ),
        Span::raw("  "),
    ];
    spans.extend(title(canvas, book, columns.title, style));
    spans.push(Span::raw("  "));
    if columns.author > 0 {
        let author = book.author.as_deref().unwrap_or_default();
        spans.push(Span::styled(
            format::align_left(author, columns.author, glyphs.ellipsis),
            palette.dim,
        ));
        spans.push(Span::raw("  "));
    }
    let cost = format::amount(u64::from(book.cost.cents()));
    spans.push(Span::styled(
        format::align_right(&cost, columns.cost, glyphs.ellipsis),
        style,
    ));
    spans.push(Span::raw("  "));
    let track = app.books.history(book.item);
    let flash = track.and_then(|track| track.highlight).map(|(_, rose)| rose);
    let (number, arrow) = match flash {
        Some(true) => (palette.rose, Span::styled(glyphs.up, palette.rose)),
        Some(false) => (palette.fell, Span::styled(glyphs.down, palette.fell)),
        None if stock == 0 => (palette.dim, Span::raw(" ")),
        None => (style, Span::raw(" ")),
    };
    let number = if app.reduced_motion { style } else { number };
    let shown = if stock == 0 && columns.stock >= 4 {
        "none".to_owned()
    } else {
        format::thousands(u64::from(stock))
    };
    spans.push(Span::styled(
        format::align_right(&shown, columns.stock, glyphs.ellipsis),
        number,
    ));
    spans.push(arrow);
    if columns.gauge > 0 {
        spans.push(Span::raw(" "));
        spans.extend(canvas.gauge(stock, track.map_or(stock, |track| track.peak), columns.gauge));
    }
    Line::from(spans)
}

/// The title; of a book found elsewhere in the shop also its topic.
fn title(canvas: &Canvas<'_>, book: &Book, room: usize, style: ratatui::style::Style) -> Vec<Span<'static>> {
    let cut = canvas.glyphs().ellipsis;
    let elsewhere = is_elsewhere(canvas.app, book);
    let topic = format!(" {} {}", canvas.glyphs().dot, book.topic);
    let left = room.saturating_sub(format::width(&book.title));
    if !elsewhere || left < 8 {
        return vec![Span::styled(format::align_left(&book.title, room, cut), style)];
    }
    vec![
        Span::styled(book.title.clone(), style),
        Span::styled(format::align_left(&topic, left, cut), canvas.palette().dim),
    ]
}

fn is_elsewhere(app: &App, book: &Book) -> bool {
    let topic = app
        .shop
        .topics
        .value
        .as_ref()
        .and_then(|topics| topics.get(app.shop.topic));
    app.shop.search.is_some()
        && topic.is_some_and(|topic| topic.display_name.to_lowercase() != book.topic.to_lowercase())
}
