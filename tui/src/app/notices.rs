//! Messages to the user: the toast on the status row, and the log.

use std::collections::VecDeque;
use std::time::Duration;

use common::{Timestamp, text};

use crate::message::Now;

/// How long a toast is shown.
const TOAST_TIME: Duration = Duration::from_secs(5);
/// How long a toast about a warning or an error is shown.
const ERROR_TOAST_TIME: Duration = Duration::from_secs(10);
/// The most notices kept in the log.
const LOG_MAX: usize = 500;

/// The severity of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Information.
    Info,
    /// Something worked.
    Success,
    /// Something needs attention.
    Warning,
    /// Something failed.
    Error,
}

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When it was shown.
    pub at: Timestamp,
    /// Its severity.
    pub severity: Severity,
    /// The text, sanitized.
    pub text: String,
}

/// All notices.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    /// The newest last, at most 500.
    pub log: VecDeque<Notice>,
    /// The notice on the status row, and until when it is shown.
    pub toast: Option<(Notice, Duration)>,
}

impl Notices {
    /// Shows a notice and logs it.
    pub fn push(&mut self, severity: Severity, text: &str, now: Now) {
        let notice = Notice {
            at: now.wall,
            severity,
            text: text::sanitize(text).into_owned(),
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

    /// Removes the toast when its time is over.
    pub fn expire(&mut self, now: Duration) {
        if self.toast.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.toast = None;
        }
    }
}
