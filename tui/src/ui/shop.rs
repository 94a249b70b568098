//! The shop's screen: as many of the panes for topics, books and one book as fit.

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::{books, detail};
use crate::app::{Breakpoint, Focus, Target};
use crate::format;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let focus = canvas.app.shop.focus;
    match (canvas.app.breakpoint(), focus) {
        (Breakpoint::ThreePanes, _) => {
            let wide = area.width >= 150;
            let (left, right) = if wide { (30, 48) } else { (25, 36) };
            let [left, middle, right] =
                Layout::horizontal([Constraint::Length(left), Constraint::Min(40), Constraint::Length(right)])
                    .areas(area);
            topics(canvas, left);
            books::draw(canvas, middle);
            detail::draw(canvas, right);
        }
        (Breakpoint::TwoPanes, Focus::Topics | Focus::Books) => {
            let [left, right] = Layout::horizontal([Constraint::Length(27), Constraint::Min(40)]).areas(area);
            topics(canvas, left);
            books::draw(canvas, right);
        }
        (Breakpoint::TwoPanes, Focus::Detail) => {
            let [left, right] = Layout::horizontal([Constraint::Min(40), Constraint::Length(38)]).areas(area);
            books::draw(canvas, left);
            detail::draw(canvas, right);
        }
        (_, Focus::Topics) => topics(canvas, area),
        (_, Focus::Books) => books::draw(canvas, area),
        (_, Focus::Detail) => detail::draw(canvas, area),
    }
}

fn topics(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let focused = app.shop.focus == Focus::Topics && app.overlays.is_empty();
    let corner = canvas.load_status(&app.shop.topics);
    let inner = canvas.panel(area, "Topics", corner, focused);
    canvas.add_target(area, Target::Pane(Focus::Topics));
    let topics = app.shop.topics.value.as_deref().unwrap_or_default();
    let rows = usize::from(inner.height);
    let window = app.layout.topics.around(app.shop.topic, rows, topics.len());
    canvas.layout.topics = window;
    let empty = topics.is_empty().then_some("The store has no books yet. r asks again.");
    if canvas.placeholder(inner, &app.shop.topics, empty) {
        return;
    }
    let stale = app.shop.topics.is_failed();
    let visible = topics.iter().enumerate().skip(window.first);
    for (row, (index, topic)) in inner.rows().zip(visible) {
        let selected = index == app.shop.topic;
        let count = format::thousands(topic.books);
        let room = usize::from(inner.width).saturating_sub(format::width(&count) + 4);
        let style = canvas.row_style(selected, stale);
        let name = format::align_left(&topic.display_name, room, canvas.glyphs().ellipsis);
        let line = Line::from(vec![
            canvas.marker(selected, focused),
            Span::styled(format!(" {name} "), style),
            Span::styled(count, canvas.palette().dim),
        ]);
        canvas.clickable_line(row, &line, Target::Topic(index));
    }
}
