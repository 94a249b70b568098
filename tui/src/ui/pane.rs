//! A screen that is drawn and steered by somebody else: the autopilot's.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::event::KeyEvent;
use crate::theme::Look;

/// What such a screen can do. It is asked for keys before the shop's own commands are.
pub trait Pane {
    /// Draws itself into its part of the frame, and nowhere else.
    fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, look: &Look);

    /// Takes a key; false where it means nothing to it.
    fn key(&mut self, key: KeyEvent) -> bool;

    /// Its keys that work now and what they do, the most useful first.
    fn hints(&self) -> Vec<(String, String)>;

    /// Whether it looks different from what was drawn last. It is asked ten times a second while it is on the screen.
    fn changed(&mut self) -> bool {
        true
    }
}
