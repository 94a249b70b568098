//! Messages to the user: the toast on the status row, and the log.

use std::collections::VecDeque;
use std::time::Duration;

use common::Timestamp;

use super::sanitize::sanitized;
use crate::now::Now;

const TOAST_TIME: Duration = Duration::from_secs(5);
const ERROR_TOAST_TIME: Duration = Duration::from_secs(10);
const LOG_MAX: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Info,
    Success,
    Warning,
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) at: Timestamp,
    pub(crate) severity: Severity,
    /// The text, sanitized.
    pub(crate) text: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Notices {
    /// Notices, the newest last, at most `LOG_MAX`.
    pub(crate) log: VecDeque<Notice>,
    /// The notice on the status row, and the time when it disappears.
    pub(crate) toast: Option<(Notice, Duration)>,
}

impl Notices {
    pub(crate) fn push(&mut self, severity: Severity, text: &str, now: Now) {
        let notice = Notice {
            at: now.wall,
            severity,
            text: sanitized(&text),
        };
        if self.log.len() >= LOG_MAX {
            self.log.pop_front();
        }
        self.log.push_back(notice.clone());
        let time = if matches!(severity, Severity::Error | Severity::Warning) {
            ERROR_TOAST_TIME
        } else {
            TOAST_TIME
        };
        self.toast = Some((notice, now.elapsed + time));
    }

    pub(crate) fn expire(&mut self, now: Duration) {
        if self.toast.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.toast = None;
        }
    }
}
