//! Draws the frame: header, body, status row, hint row and overlays. Drawing only reads the state; it returns the layout, so
//! that the app can interpret clicks.

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
mod remote_data;
mod services;
mod shop;
mod view;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Margin, Rect};

pub use view::ScreenView;

use crate::app::{App, Breakpoint, FrameLayout, Overlay, Screen};
use crate::theme::Appearance;
use canvas::{Canvas, skip_rows};

/// Draws the whole frame.
pub fn draw(
    frame: &mut Frame<'_>,
    app: &App,
    appearance: &Appearance,
    autopilot: Option<&mut (dyn ScreenView + Send + 'static)>,
) -> FrameLayout {
    let area = frame.area();
    if app.breakpoint() == Breakpoint::TooSmall {
        too_small(frame, app, appearance);
        return FrameLayout::default();
    }
    let [top, body, status, hints] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    if app.screen == Screen::Autopilot
        && let Some(autopilot) = autopilot
    {
        autopilot.draw(frame, body, appearance);
    }
    let mut canvas = Canvas::new(frame.buffer_mut(), app, appearance);
    header::draw(&mut canvas, top);
    match app.screen {
        Screen::Shop => shop::draw(&mut canvas, body),
        Screen::Orders => orders::draw(&mut canvas, body),
        Screen::Services => services::draw(&mut canvas, body),
        Screen::Autopilot => autopilot_unavailable(&mut canvas, body),
    }
    header::status(&mut canvas, status);
    if !app.overlays.is_empty() {
        canvas.block_input(area);
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
    let (layout, cursor) = canvas.finish();
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    layout
}

/// Says why there is no autopilot yet.
fn autopilot_unavailable(canvas: &mut Canvas<'_>, area: Rect) {
    if let Err(why) = &canvas.app.autopilot.available {
        let area = area.inner(Margin::new(2, 1));
        let sentence = format!("The autopilot is not available yet: {why}.");
        canvas.paragraph(area, &sentence, canvas.palette().dim);
    }
}

fn too_small(frame: &mut Frame<'_>, app: &App, appearance: &Appearance) {
    let area = frame.area();
    let mut canvas = Canvas::new(frame.buffer_mut(), app, appearance);
    let (columns, rows) = app.size;
    let lines = [
        "too small".to_owned(),
        format!("{columns} {} {rows}", appearance.glyphs.times),
        "40 by 10 needed".to_owned(),
    ];
    let body = skip_rows(area, area.height.saturating_sub(3) / 2);
    let palette = canvas.palette();
    for ((row, text), style) in body.rows().zip(lines).zip([palette.strong, palette.dim, palette.dim]) {
        canvas.centered(row, &text, style);
    }
}
