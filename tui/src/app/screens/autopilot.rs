//! The autopilot's screen. Its view draws the run and carries out its commands.

use crate::app::screen_handler::ScreenHandler;
use crate::app::state::App;
use crate::command::Command;
use crate::effect::Effect;

pub(in crate::app) struct AutopilotHandler;

impl ScreenHandler for AutopilotHandler {
    fn hints(&self, _: &App) -> &'static [Command] {
        &[
            Command::Start,
            Command::Pause,
            Command::Fewer,
            Command::More,
            Command::Freeze,
            Command::Expand,
            Command::Longer,
            Command::Shorter,
            Command::All,
        ]
    }

    fn can_close(&self, app: &App) -> bool {
        app.autopilot.status.expanded
    }

    fn close(&self, _: &mut App) -> Vec<Effect> {
        vec![Effect::AutopilotCommand(Command::Close)]
    }

    fn is_frozen(&self, app: &App) -> bool {
        app.autopilot.status.frozen
    }
}
