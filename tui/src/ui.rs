//! Draws the frame: header, body, status row, hint row and overlays. Drawing only reads the state, and returns the layout, from
//! which the app interprets clicks.

mod area;
pub(crate) mod autopilot;
mod basket;
mod books;
mod buying;
mod canvas;
mod changing;
mod chart;
mod detail;
mod header;
mod input;
mod orders;
mod overlay;
mod panel;
mod remote_data;
mod run_dialog;
mod services;
mod shop;
mod stock;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Margin, Rect};
use ratatui::text::{Line, Span, Text};

use crate::app::{App, Breakpoint, Command, FrameLayout, Overlay, RunStatus, Screen, Target};
use crate::theme::Appearance;
use area::{first_rows, skip_rows};
use canvas::Canvas;

/// A screen with its own state, which draws itself and handles its own commands: the autopilot's.
pub(crate) trait ScreenView {
    /// Draws the screen into `area`, and nothing outside it.
    fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, appearance: &Appearance);

    /// Runs a command of this screen; ignores others.
    fn run(&mut self, command: Command);

    /// The current status of the run.
    fn status(&self) -> RunStatus;

    /// Whether the screen differs from the last draw. Called ten times a second while it is shown.
    fn has_changed(&mut self) -> bool {
        true
    }
}

/// Draws the whole frame.
pub(crate) fn draw(
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
        canvas.add_target(area, Target::Nothing);
        canvas.cursor = None;
    }
    let within = first_rows(area, area.height.saturating_sub(1));
    // The buying dialog replaces the basket, whose numbers would be visible in part around the dialog.
    let is_bought = matches!(app.overlays[..], [.., Overlay::Buy(_)]);
    for overlay in &app.overlays {
        match overlay {
            Overlay::Basket if is_bought => {}
            Overlay::Help { scroll } => overlay::help(&mut canvas, within, *scroll),
            Overlay::Palette(picker) => overlay::palette(&mut canvas, within, picker),
            Overlay::Log { scroll } => overlay::log(&mut canvas, within, *scroll),
            Overlay::Basket => basket::draw(&mut canvas, within),
            Overlay::Buy(dialog) => buying::draw(&mut canvas, within, dialog),
            Overlay::StartRun(dialog) => run_dialog::draw(&mut canvas, within, dialog),
            Overlay::Change(dialog) => changing::draw(&mut canvas, within, dialog),
            Overlay::Chart => overlay::chart(&mut canvas, within),
        }
    }
    header::hints(&mut canvas, hints);
    let Canvas { layout, cursor, .. } = canvas;
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    layout
}

/// Draws the reason why the autopilot is not available.
fn autopilot_unavailable(canvas: &mut Canvas<'_>, area: Rect) {
    if let Err(why) = &canvas.app.autopilot.available {
        let area = area.inner(Margin::new(2, 1));
        let sentence = format!("The autopilot is not available yet: {why}.");
        canvas.paragraph(area, &sentence, canvas.palette().dim);
    }
}

fn too_small(frame: &mut Frame<'_>, app: &App, appearance: &Appearance) {
    let ((columns, rows), palette) = (app.size, &appearance.palette);
    let card = Text::from_iter([
        Line::from(Span::styled("too small", palette.strong)),
        Line::from(Span::styled(
            format!("{columns} {} {rows}", appearance.glyphs.times),
            palette.dim,
        )),
        Line::from(Span::styled("40 by 10 needed", palette.dim)),
    ]);
    let area = frame.area();
    frame.render_widget(card.centered(), skip_rows(area, area.height.saturating_sub(3) / 2));
}
