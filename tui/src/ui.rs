//! The frame: header, body, status row, hint row, and what lies over them. Drawing reads the state and changes nothing;
//! it tells where things stand, so that a click finds them.

pub mod autopilot;
mod books;
mod buying;
mod canvas;
mod chart;
mod detail;
mod header;
mod input;
mod orders;
mod overlay;
mod reading;
mod services;
mod shop;
mod view;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Margin, Rect};

pub use view::ScreenView;

use crate::app::{App, Breakpoint, FrameLayout, Overlay, Screen};
use crate::theme::Appearance;
use canvas::Canvas;

/// Draws the whole frame.
pub fn draw(
    frame: &mut Frame<'_>,
    app: &App,
    look: &Appearance,
    pane: Option<&mut (dyn ScreenView + Send + 'static)>,
) -> FrameLayout {
    let area = frame.area();
    if app.breakpoint() == Breakpoint::TooSmall {
        too_small(frame, app, look);
        return FrameLayout::default();
    }
    let [top, body, status, hints] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let on_pane = app.screen == Screen::Autopilot;
    if on_pane && let Some(pane) = pane {
        pane.draw(frame, body, look);
    }
    let mut canvas = Canvas::new(frame.buffer_mut(), app, look);
    header::draw(&mut canvas, top);
    match app.screen {
        Screen::Shop => shop::draw(&mut canvas, body),
        Screen::Orders => orders::draw(&mut canvas, body),
        Screen::Services => services::draw(&mut canvas, body),
        Screen::Autopilot => autopilot(&mut canvas, body),
    }
    header::status(&mut canvas, status);
    if !app.overlays.is_empty() {
        canvas.cover(area);
    }
    let within = Rect {
        height: area.height.saturating_sub(1),
        ..area
    };
    for overlay in &app.overlays {
        match overlay {
            Overlay::Help { scroll } => overlay::help(&mut canvas, within, *scroll),
            Overlay::Palette(picker) => overlay::palette(&mut canvas, within, picker),
            Overlay::Log { scroll } => overlay::log(&mut canvas, within, *scroll),
            Overlay::Buy(dialog) => buying::draw(&mut canvas, within, dialog),
            Overlay::Chart => overlay::chart(&mut canvas, within),
        }
    }
    header::hints(&mut canvas, hints);
    let (view, cursor) = canvas.finish();
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    view
}

/// What stands at the autopilot's place while there is none.
fn autopilot(canvas: &mut Canvas<'_>, area: Rect) {
    if let Err(why) = &canvas.app.autopilot.available {
        let area = area.inner(Margin::new(2, 1));
        let sentence = format!("The shoppers come in later: {why}.");
        canvas.paragraph(area, &sentence, canvas.palette().dim);
    }
}

fn too_small(frame: &mut Frame<'_>, app: &App, look: &Appearance) {
    let area = frame.area();
    let mut canvas = Canvas::new(frame.buffer_mut(), app, look);
    let (columns, rows) = app.size;
    let lines = [
        "too small".to_owned(),
        format!("{columns} {} {rows}", look.glyphs.times),
        "40 by 10 needed".to_owned(),
    ];
    let top = area.y + area.height.saturating_sub(3) / 2;
    for (row, text) in (top..area.bottom()).zip(lines) {
        let style = if row == top {
            look.palette.strong
        } else {
            look.palette.dim
        };
        canvas.centered(
            Rect {
                y: row,
                height: 1,
                ..area
            },
            &text,
            style,
        );
    }
}
