//! The autopilot's screen in the interactive shop.

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

/// The screen and the controller of its run.
#[derive(Debug)]
pub struct AutopilotPane {
    controller: Controller,
    charts: Charts,
    /// What was drawn last; `None` forces a new frame.
    shown: Option<Option<Snapshot>>,
    /// The snapshot that is shown while frozen.
    held: Option<Snapshot>,
}

impl AutopilotPane {
    /// A screen over a controller, with or without a run.
    pub fn new(controller: Controller) -> Self {
        Self {
            controller,
            charts: Charts::default(),
            shown: None,
            held: None,
        }
    }

    /// The snapshot to show.
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
                    Line::styled(" No run has been started.", look.palette.text),
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
