//! The services' screen: health, which is polled while it is shown.

use std::time::Duration;

use crate::app::screen_handler::ScreenHandler;
use crate::app::state::App;
use crate::command::Command;
use crate::effect::Effect;

pub(in crate::app) struct ServicesHandler;

impl ScreenHandler for ServicesHandler {
    fn hints(&self, _: &App) -> &'static [Command] {
        &[Command::Refresh, Command::Copy]
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
