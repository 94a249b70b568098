//! The services' screen: health and counters, which are polled while it is shown.

use std::time::Duration;

use crate::app::screen_handler::{ScreenHandler, Step};
use crate::app::state::App;
use crate::command::Command;
use crate::effect::Effect;

/// How many rows a page of the routes scrolls.
const PAGE_ROWS: usize = 10;

pub(in crate::app) struct ServicesScreen;

impl ScreenHandler for ServicesScreen {
    fn hints(&self, _: &App) -> &'static [Command] {
        &[Command::Refresh, Command::Copy]
    }

    fn step(&self, app: &mut App, step: Step) -> Vec<Effect> {
        let routes = app.services.routes.value.as_ref().map_or(0, Vec::len);
        app.services.scroll_to(|at| step.apply(at, PAGE_ROWS, routes));
        Vec::new()
    }

    fn refresh(&self, app: &mut App) -> Vec<Effect> {
        app.services.poll_at = None;
        app.services.poll(app.now.elapsed)
    }

    fn copy_text(&self, app: &App) -> Option<String> {
        Some(app.connection.url.clone())
    }

    fn on_tick(&self, app: &mut App) -> Vec<Effect> {
        app.services.poll(app.now.elapsed)
    }

    fn next_wake(&self, app: &App) -> Option<Duration> {
        let health = app.services.health.next_wake(app.now.elapsed, app.reduced_motion);
        app.services.poll_at.into_iter().chain(health).min()
    }
}
