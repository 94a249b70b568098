//! What the person is told in passing, and the log of it.

use std::collections::VecDeque;
use std::time::Duration;

use common::{Timestamp, text};

use crate::message::Now;

/// How long a notice stands on the status row.
const STANDS: Duration = Duration::from_secs(5);
/// How long a notice stands that says that something went wrong.
const TROUBLE_STANDS: Duration = Duration::from_secs(10);
/// The most notices kept in the log.
const LOG_MAX: usize = 500;

/// How a notice is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// It worked.
    Success,
    /// Take care.
    Warning,
    /// It failed.
    Error,
}

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When it came.
    pub at: Timestamp,
    /// How it is meant.
    pub severity: Severity,
    /// What it says, clean.
    pub text: String,
}

/// All notices.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    /// The newest last.
    pub log: VecDeque<Notice>,
    /// The one on the status row, and until when.
    pub toast: Option<(Notice, Duration)>,
}

impl Notices {
    /// Tells the person something.
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
        let stands = if matches!(severity, Severity::Error | Severity::Warning) {
            TROUBLE_STANDS
        } else {
            STANDS
        };
        self.toast = Some((notice, now.elapsed + stands));
    }

    /// Takes the notice away once it stood long enough.
    pub fn fade(&mut self, now: Duration) {
        if self.toast.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.toast = None;
        }
    }
}
