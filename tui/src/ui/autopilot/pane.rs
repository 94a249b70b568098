//! The autopilot's screen in the interactive shop.

use autopilot::controller::Controller;
use autopilot::{Phase, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::charts::Charts;
use super::draw;
use crate::app::{Command, RunStatus};
use crate::theme::Appearance;
use crate::ui::ScreenView;

/// The screen and the controller of its run.
#[derive(Debug)]
pub(crate) struct AutopilotPane {
    controller: Controller,
    charts: Charts,
    /// The last drawn snapshot; the outer `None` forces a new frame.
    drawn: Option<Option<Snapshot>>,
    /// The snapshot that is shown while frozen.
    frozen: Option<Snapshot>,
}

impl AutopilotPane {
    /// A screen over a controller, with or without a run.
    pub(crate) fn new(controller: Controller) -> Self {
        Self {
            controller,
            charts: Charts::default(),
            drawn: None,
            frozen: None,
        }
    }

    /// The snapshot to show.
    fn snapshot(&self) -> Option<Snapshot> {
        self.frozen.clone().or_else(|| self.controller.snapshot())
    }

    fn freeze_or_resume(&mut self) {
        self.frozen = match self.frozen.take() {
            Some(_) => None,
            None => self.controller.snapshot(),
        };
    }
}

impl ScreenView for AutopilotPane {
    fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, appearance: &Appearance) {
        let area = area.inner(Margin::new(1, 0));
        let snapshot = self.snapshot();
        match &snapshot {
            Some(snapshot) => draw(frame, area, appearance, snapshot, &self.charts, self.frozen.is_some()),
            None => {
                let shoppers = self.controller.shoppers();
                let noun = if shoppers == 1 { "shopper" } else { "shoppers" };
                let hint = format!(" Press s to start {shoppers} random {noun}: their purchases are real.");
                let lines = vec![
                    Line::default(),
                    Line::styled(" No run has been started.", appearance.palette.text),
                    Line::styled(hint, appearance.palette.dim),
                ];
                frame.render_widget(Paragraph::new(lines), area);
            }
        }
        self.drawn = Some(snapshot);
    }

    fn run(&mut self, command: Command) {
        match command {
            Command::Start => self.controller.start_or_stop(),
            Command::Pause => self.controller.pause_or_resume(),
            Command::Fewer => self.controller.fewer_shoppers(),
            Command::More => self.controller.more_shoppers(),
            Command::Freeze => self.freeze_or_resume(),
            Command::Longer => self.charts.longer(),
            Command::Shorter => self.charts.shorter(),
            Command::All => self.charts.whole(),
            Command::Expand => self.charts.expand(),
            Command::Close => self.charts.expanded = None,
            _ => return,
        }
        self.drawn = None;
    }

    fn status(&self) -> RunStatus {
        let phase = self.controller.snapshot().map(|snapshot| snapshot.phase);
        let running = !matches!(phase, None | Some(Phase::Ended | Phase::Failed));
        RunStatus {
            running,
            has_run: phase.is_some(),
            paused: phase == Some(Phase::Paused),
            stopping: running && (self.controller.was_stopped() || phase == Some(Phase::Closing)),
            frozen: self.frozen.is_some(),
            expanded: self.charts.expanded.is_some(),
            shoppers: self.controller.shoppers(),
        }
    }

    fn has_changed(&mut self) -> bool {
        self.drawn != Some(self.snapshot())
    }
}
