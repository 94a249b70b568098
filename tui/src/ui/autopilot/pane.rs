//! The autopilot as a screen of the interactive shop.

use autopilot::controller::{Action, Controller};
use autopilot::{Phase, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::{Charts, Look, draw_with};
use crate::app::{Command, RunStatus};
use crate::theme;
use crate::ui::ScreenView;

/// The screen, with the run behind it.
#[derive(Debug)]
pub struct AutopilotPane {
    controller: Controller,
    charts: Charts,
    /// What is on the screen; nothing while it must be drawn anew.
    shown: Option<Option<Snapshot>>,
    /// What is shown while the screen is held still.
    held: Option<Snapshot>,
}

impl AutopilotPane {
    /// Over a cockpit in which nothing need run yet.
    pub fn new(controller: Controller) -> Self {
        Self {
            controller,
            charts: Charts::default(),
            shown: None,
            held: None,
        }
    }

    /// What is to be shown now.
    fn snapshot(&self) -> Option<Snapshot> {
        self.held.clone().or_else(|| self.controller.snapshot())
    }

    fn hold(&mut self) {
        self.held = match self.held.take() {
            Some(_) => None,
            None => self.controller.snapshot(),
        };
        self.charts.held = self.held.is_some();
    }
}

impl ScreenView for AutopilotPane {
    fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, look: &theme::Appearance) {
        let area = area.inner(Margin::new(1, 0));
        let snapshot = self.snapshot();
        match &snapshot {
            Some(snapshot) => draw_with(frame, area, snapshot, &Look::of(look), &self.charts),
            None => {
                let shoppers = self.controller.shoppers();
                let lines = vec![
                    Line::default(),
                    Line::styled(" Nobody shops here by itself yet.", look.palette.text),
                    Line::styled(
                        format!(
                            " Press s to let {shoppers} random {} in: they really buy.",
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

    fn run(&mut self, command: Command) {
        match command {
            Command::StartStop => self.controller.act(Action::StartOrStop),
            Command::Pause => self.controller.act(Action::Pause),
            Command::Fewer => self.controller.act(Action::Fewer),
            Command::More => self.controller.act(Action::More),
            Command::Freeze => self.hold(),
            Command::Longer => self.charts.longer(),
            Command::Shorter => self.charts.shorter(),
            Command::Whole => self.charts.whole(),
            Command::Expand => self.charts.expand(),
            Command::Close => self.charts.large = None,
            _ => return,
        }
        self.shown = None;
    }

    fn status(&self) -> RunStatus {
        let phase = self.controller.snapshot().map(|snapshot| snapshot.phase);
        let running = !matches!(phase, None | Some(Phase::Ended | Phase::Failed));
        RunStatus {
            running,
            has_run: phase.is_some(),
            paused: phase == Some(Phase::Paused),
            stopping: running && (self.controller.was_stopped() || phase == Some(Phase::Closing)),
            frozen: self.held.is_some(),
            expanded: self.charts.large.is_some(),
        }
    }

    fn has_changed(&mut self) -> bool {
        self.shown != Some(self.snapshot())
    }
}

fn customers(shoppers: u32) -> &'static str {
    if shoppers == 1 { "shopper" } else { "shoppers" }
}
