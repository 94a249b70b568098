//! Placeholders for data that is loading, has failed to load, or is empty.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::area::{padded, skip_columns, skip_rows};
use super::canvas::Canvas;
use crate::app::{LoadState, RemoteData, SKELETON_AFTER, SPINNER_AFTER, SPINNER_FRAME};
use crate::format;

impl Canvas<'_> {
    /// The current frame of the spinner.
    pub(super) fn spinner(&self) -> &'static str {
        let frames = self.glyphs().spinner;
        if self.appearance.reduced_motion {
            return self.glyphs().ellipsis;
        }
        let passed = self.app.now.elapsed.as_millis() / SPINNER_FRAME.as_millis();
        frames[usize::try_from(passed).unwrap_or(0) % frames.len()]
    }

    /// The spinner, and the name of the activity.
    pub(super) fn busy(&self, what: &str) -> Line<'static> {
        Line::from(vec![
            Span::styled(self.spinner(), self.palette().accent),
            Span::styled(format!(" {what}"), self.palette().dim),
        ])
    }

    /// The load status for the corner of a panel: loading, or the age of the data.
    pub(super) fn load_status<T>(&self, data: &RemoteData<T>) -> Line<'static> {
        let now = self.app.now.elapsed;
        let age = data
            .read_at
            .map(|at| format!("{} old", format::duration(now.saturating_sub(at))));
        match (&data.state, age) {
            (LoadState::Loading { since, .. }, age) if now.saturating_sub(*since) >= SPINNER_AFTER => {
                self.busy(age.as_deref().unwrap_or("loading"))
            }
            (LoadState::Failed { .. }, Some(age)) => Span::styled(age, self.palette().warn).into(),
            _ => Line::default(),
        }
    }

    /// Draws a placeholder for missing data: the skeleton, the error, or the sentence `empty`. Returns false if there is data
    /// to draw.
    pub(super) fn placeholder<T>(&mut self, area: Rect, data: &RemoteData<T>, empty: Option<&str>) -> bool {
        if data.value.is_some() {
            let Some(sentence) = empty else { return false };
            self.paragraph(area, sentence, self.palette().dim);
            return true;
        }
        let now = self.app.now.elapsed;
        match &data.state {
            LoadState::Failed { why, retry_at, .. } => self.failure(area, why, retry_at.saturating_sub(now)),
            LoadState::Loading { since, .. } if now.saturating_sub(*since) >= SKELETON_AFTER => self.skeleton(area),
            _ => {}
        }
        true
    }

    fn failure(&mut self, area: Rect, why: &str, retry_in: Duration) {
        let area = padded(area);
        let used = self.paragraph(area, why, self.palette().bad);
        let seconds = retry_in.as_nanos().div_ceil(1_000_000_000);
        let next = format!("Trying again in {seconds} s; r tries now.");
        self.paragraph(skip_rows(area, used), &next, self.palette().dim);
    }

    fn skeleton(&mut self, area: Rect) {
        const WIDTHS_PERCENT: [u16; 5] = [70, 50, 85, 60, 40];
        for (row, percent) in area.rows().zip(WIDTHS_PERCENT) {
            let columns = usize::from(area.width.saturating_sub(4)) * usize::from(percent) / 100;
            let text = self.glyphs().skeleton.repeat(columns);
            self.text(skip_columns(row, 2), &text, self.palette().dim);
        }
    }
}
