//! A screen with a state of its own: the autopilot's.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::app::{Command, RunStatus};
use crate::theme::Appearance;

/// A screen that draws itself and handles its own commands.
pub trait ScreenView {
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
