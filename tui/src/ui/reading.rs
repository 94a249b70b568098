//! How something that is read from the shop shows that it is not there yet, old, failed or empty.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use crate::app::{LoadState, RemoteData, SKELETON_AFTER, SPINNER_AFTER, SPINNER_FRAME};
use crate::format;

impl Canvas<'_> {
    /// What turns while something is on its way.
    pub(super) fn spinner(&self) -> &'static str {
        let frames = self.glyphs().spinner;
        if self.look.reduced_motion {
            return self.glyphs().ellipsis;
        }
        let passed = self.app.now.elapsed.as_millis() / SPINNER_FRAME.as_millis();
        let frame = usize::try_from(passed).unwrap_or(0) % frames.len().max(1);
        frames.get(frame).copied().unwrap_or_default()
    }

    /// What a panel's corner says about the reading of what it shows.
    pub(super) fn reading<T>(&self, data: &RemoteData<T>) -> Line<'static> {
        let now = self.app.now.elapsed;
        let age = data
            .read_at
            .map(|at| format!("{} old", format::duration(now.saturating_sub(at))));
        match (&data.state, age) {
            (LoadState::Loading { since, .. }, age) if now.saturating_sub(*since) >= SPINNER_AFTER => {
                let mut spans = vec![Span::styled(self.spinner(), self.palette().accent)];
                spans.push(Span::styled(
                    format!(" {}", age.unwrap_or_else(|| "loading".to_owned())),
                    self.palette().dim,
                ));
                Line::from(spans)
            }
            (LoadState::Failed { .. }, Some(age)) => Line::from(Span::styled(age, self.palette().warn)),
            _ => Line::default(),
        }
    }

    /// Stands in for a list that has nothing to show, and says why; false where there is something.
    pub(super) fn instead<T>(&mut self, area: Rect, data: &RemoteData<T>, empty: Option<&str>) -> bool {
        let now = self.app.now.elapsed;
        match &data.state {
            LoadState::Failed { why, retry_at, .. } if data.value.is_none() => {
                self.failure(area, why, retry_at.saturating_sub(now));
                true
            }
            LoadState::NotAsked if data.value.is_none() => true,
            LoadState::Loading { since, .. } if data.value.is_none() => {
                if now.saturating_sub(*since) >= SKELETON_AFTER {
                    self.skeleton(area);
                }
                true
            }
            _ => empty.is_some_and(|sentence| {
                self.paragraph(area, sentence, self.palette().dim);
                true
            }),
        }
    }

    fn failure(&mut self, area: Rect, why: &str, left: Duration) {
        let area = Rect {
            x: area.x + 1,
            width: area.width.saturating_sub(2),
            ..area
        };
        let used = self.paragraph(area, why, self.palette().bad);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let below = Rect {
            y: (area.y + used).min(area.bottom()),
            height: area.height.saturating_sub(used),
            ..area
        };
        let next = format!("Asking again in {seconds} s; r asks at once.");
        self.paragraph(below, &next, self.palette().dim);
    }

    /// A text broken into lines; how many rows it took.
    pub(super) fn paragraph(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        let lines = format::wrap(
            text,
            usize::from(area.width),
            usize::from(area.height),
            self.glyphs().ellipsis,
        );
        for (row, line) in (area.y..area.bottom()).zip(&lines) {
            self.text(
                Rect {
                    y: row,
                    height: 1,
                    ..area
                },
                line,
                style,
            );
        }
        format::cells(lines.len())
    }

    fn skeleton(&mut self, area: Rect) {
        const LENGTHS: [u16; 5] = [70, 50, 85, 60, 40];
        for (row, share) in (area.y..area.bottom()).zip(LENGTHS) {
            let columns = usize::from(area.width.saturating_sub(4)) * usize::from(share) / 100;
            let text = self.glyphs().skeleton.repeat(columns);
            self.text(
                Rect {
                    x: area.x + 2,
                    y: row,
                    width: area.width.saturating_sub(2),
                    height: 1,
                },
                &text,
                self.palette().dim,
            );
        }
    }
}
