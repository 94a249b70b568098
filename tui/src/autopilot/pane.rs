//! The autopilot as a screen of the interactive shop.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::cockpit::{Cockpit, Wish};
use super::{Phase, Snapshot, screen};
use crate::event::{Key, KeyEvent};
use crate::theme;
use crate::ui::Pane;

/// The screen, with the run behind it.
#[derive(Debug)]
pub struct AutopilotPane {
    cockpit: Cockpit,
    shown: Option<Option<Snapshot>>,
}

impl AutopilotPane {
    /// Over a cockpit in which nothing need run yet.
    pub fn new(cockpit: Cockpit) -> Self {
        Self { cockpit, shown: None }
    }
}

impl Pane for AutopilotPane {
    fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, look: &theme::Look) {
        let snapshot = self.cockpit.snapshot();
        match &snapshot {
            Some(snapshot) => screen::draw_with(frame, area, snapshot, &screen::Look::of(look)),
            None => {
                let shoppers = self.cockpit.shoppers();
                let lines = vec![
                    Line::default(),
                    Line::styled("  Nobody shops here by itself yet.", look.palette.text),
                    Line::styled(
                        format!(
                            "  Press s to let {shoppers} random {} in: they really buy.",
                            customers(shoppers)
                        ),
                        look.palette.dim,
                    ),
                ];
                frame.render_widget(Paragraph::new(lines), area);
            }
        }
        self.shown = Some(snapshot);
    }

    fn key(&mut self, key: KeyEvent) -> bool {
        let (Key::Char(letter), false, false) = (key.key, key.ctrl, key.alt) else {
            return false;
        };
        let Some(wish) = Wish::of(letter) else { return false };
        self.cockpit.act(wish);
        self.shown = None;
        true
    }

    fn hints(&self) -> Vec<(String, String)> {
        let phase = self.cockpit.snapshot().map(|snapshot| snapshot.phase);
        let runs = !matches!(phase, None | Some(Phase::Ended | Phase::Failed));
        let mut hints = vec![("s", if runs { "stop" } else { "start" })];
        if runs {
            hints.push(("p", if phase == Some(Phase::Paused) { "go on" } else { "pause" }));
        }
        hints.push(("[ ]", "fewer, more shoppers"));
        hints
            .into_iter()
            .map(|(key, what)| (key.to_owned(), what.to_owned()))
            .collect()
    }

    fn changed(&mut self) -> bool {
        self.shown != Some(self.cockpit.snapshot())
    }
}

fn customers(shoppers: u32) -> &'static str {
    if shoppers == 1 { "shopper" } else { "shoppers" }
}
