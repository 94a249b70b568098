//! Progress of a command, shown on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const BAR: &str = "{msg} [{bar:30}] {human_pos} of {human_len}, {eta} left";
const SPINNER: &str = "{spinner} {msg} ({elapsed})";
const TICK: Duration = Duration::from_millis(100);

/// A bar or a spinner on standard error, removed when it is dropped. Invisible unless standard error is a terminal.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar, for work of `total` steps.
    pub(super) fn counting(message: &'static str, total: u64) -> Self {
        Self::new(ProgressBar::new(total), BAR, message)
    }

    /// A spinner, for work of unknown size.
    pub(super) fn waiting(message: impl Into<String>) -> Self {
        let progress = Self::new(ProgressBar::new_spinner(), SPINNER, message);
        progress.0.enable_steady_tick(TICK);
        progress
    }

    fn new(bar: ProgressBar, template: &str, message: impl Into<String>) -> Self {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("##-"));
        bar.set_message(message.into());
        Self(bar)
    }

    /// Advances the bar by `done` steps.
    pub(super) fn add(&self, done: usize) {
        self.0.inc(done as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
