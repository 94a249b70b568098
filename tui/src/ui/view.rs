//! A screen that is drawn and steered by somebody else: the autopilot's.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::app::{Command, RunStatus};
use crate::theme::Appearance;

/// What such a screen can do.
pub trait ScreenView {
    /// Draws itself into its part of the frame, and nowhere else.
    fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, look: &Appearance);

    /// Runs one of its commands; what is not one of them it leaves alone.
    fn run(&mut self, command: Command);

    /// What it does at this moment.
    fn status(&self) -> RunStatus;

    /// Whether it looks different from what was drawn last. It is asked ten times a second while it is on the screen.
    fn has_changed(&mut self) -> bool {
        true
    }
}
