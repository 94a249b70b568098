//! The log of repeated failures: one line when they begin, at most one every ten seconds while they last, one when they end.
//! So a dependency that fails for every request does not fill the log.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest interval between two lines; only the end of an incident is logged at once.
pub const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// The longest time between two failures of one incident; a later failure begins a new one even without a success between.
const QUIET_MAX: Duration = Duration::from_secs(60);

/// An operation that may fail repeatedly, for example the calls to one service. Logs at most two lines per
/// [`LOG_INTERVAL`].
#[derive(Debug)]
pub struct Incident {
    /// A sentence like "calls to the catalog fail".
    what: Cow<'static, str>,
    /// Lets `recovered` return without the lock.
    is_open: AtomicBool,
    record: Mutex<Record>,
}

impl Incident {
    /// `what` is a sentence like "calls to the catalog fail".
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            what: what.into(),
            is_open: AtomicBool::new(false),
            record: Mutex::default(),
        }
    }

    /// Records a failure; logs it with its cause if a line is due.
    pub fn failed(&self, error: impl Display) {
        let what = &self.what;
        match self.note(|record| record.fail(Instant::now())) {
            Some(Line::Began { failures: 1 }) => tracing::warn!(%error, "{what}"),
            Some(Line::Began { failures }) => tracing::warn!(%error, failures, "{what}"),
            Some(Line::Lasts { failures, since }) => {
                tracing::warn!(%error, failures, since_s = since.as_secs(), "{what}, still");
            }
            Some(Line::Ended { .. }) | None => {}
        }
    }

    /// Like [`Incident::failed`], for a program that prints its messages: returns the line instead of logging it.
    pub fn failure_line(&self, error: impl Display) -> Option<String> {
        let what = &self.what;
        match self.note(|record| record.fail(Instant::now()))? {
            Line::Began { failures: 1 } => Some(format!("{what}: {error}")),
            Line::Began { failures } => Some(format!("{what} ({failures} times): {error}")),
            Line::Lasts { failures, .. } => Some(format!("{what}, still ({failures} times): {error}")),
            Line::Ended { .. } => None,
        }
    }

    /// Records a success; logs the end of the incident if its beginning was logged.
    pub fn recovered(&self) {
        if !self.is_open.load(Ordering::Relaxed) {
            return;
        }
        if let Some(Line::Ended { failures, after }) = self.note(|record| record.succeed(Instant::now())) {
            let after = format_args!("{:.1} s", after.as_secs_f64());
            tracing::info!(failures, %after, "over: {}", self.what);
        }
    }

    /// Records the result of a call.
    pub fn observe<T, E: Display>(&self, result: &Result<T, E>) {
        match result {
            Ok(_) => self.recovered(),
            Err(error) => self.failed(error),
        }
    }

    fn note(&self, change: impl FnOnce(&mut Record) -> Option<Line>) -> Option<Line> {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let line = change(&mut record);
        self.is_open.store(record.open.is_some(), Ordering::Relaxed);
        line
    }
}

/// A line to log. `failures` is the number of failures since the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Began { failures: u64 },
    Lasts { failures: u64, since: Duration },
    Ended { failures: u64, after: Duration },
}

/// The state of an incident.
#[derive(Debug, Default)]
struct Record {
    open: Option<Open>,
    logged_at: Option<Instant>,
    /// Failures since the last line.
    failures: u64,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    began: Instant,
    last_failure: Instant,
    /// Whether its beginning was logged.
    is_logged: bool,
}

impl Record {
    fn fail(&mut self, now: Instant) -> Option<Line> {
        self.failures = self.failures.saturating_add(1);
        let recent = |open: &Open| now.saturating_duration_since(open.last_failure) < QUIET_MAX;
        let mut open = self.open.filter(recent).unwrap_or(Open {
            began: now,
            last_failure: now,
            is_logged: false,
        });
        open.last_failure = now;
        // Delays a beginning right after an end too: alternating failures and successes would log every change.
        let is_due = |logged_at| now.saturating_duration_since(logged_at) >= LOG_INTERVAL;
        let line = self.logged_at.is_none_or(is_due).then(|| {
            let failures = std::mem::take(&mut self.failures);
            self.logged_at = Some(now);
            let since = now.saturating_duration_since(open.began);
            match std::mem::replace(&mut open.is_logged, true) {
                true => Line::Lasts { failures, since },
                false => Line::Began { failures },
            }
        });
        self.open = Some(open);
        line
    }

    fn succeed(&mut self, now: Instant) -> Option<Line> {
        let ended = self.open.take().filter(|open| open.is_logged)?;
        self.logged_at = Some(now);
        Some(Line::Ended {
            failures: std::mem::take(&mut self.failures),
            after: now.saturating_duration_since(ended.began),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_failure_that_lasts_is_logged_at_its_beginning_every_ten_seconds_and_at_its_end() {
        let (mut record, start) = (Record::default(), Instant::now());
        assert_eq!(record.succeed(start), None);
        // A thousand failures a second for 25 seconds.
        let lines: Vec<(u64, Line)> = (0..25_000)
            .filter_map(|at| Some((at, record.fail(start + ms(at))?)))
            .collect();
        let lasts = |seconds| Line::Lasts {
            failures: 10_000,
            since: Duration::from_secs(seconds),
        };
        assert_eq!(
            lines,
            [
                (0, Line::Began { failures: 1 }),
                (10_000, lasts(10)),
                (20_000, lasts(20))
            ]
        );
        let ended = Line::Ended {
            failures: 4_999,
            after: ms(25_000),
        };
        assert_eq!(record.succeed(start + ms(25_000)), Some(ended));
        assert_eq!(record.succeed(start + ms(25_001)), None);
    }

    #[test]
    fn alternating_failures_and_successes_log_two_lines_in_ten_seconds() {
        let (mut record, start) = (Record::default(), Instant::now());
        let mut lines = Vec::new();
        for at in (0..30_000).step_by(2) {
            lines.extend(record.fail(start + ms(at)));
            lines.extend(record.succeed(start + ms(at + 1)));
        }
        let began = |failures| Line::Began { failures };
        let ended = Line::Ended {
            failures: 0,
            after: ms(1),
        };
        assert_eq!(lines, [began(1), ended, began(5_001), ended, began(5_001), ended]);
    }

    #[test]
    fn a_failure_long_after_the_last_one_is_a_new_incident() {
        let (mut record, start) = (Record::default(), Instant::now());
        record.fail(start);
        record.fail(start + ms(1));
        assert_eq!(
            record.fail(start + QUIET_MAX + ms(1)),
            Some(Line::Began { failures: 2 })
        );
    }
}
