//! The report of injected faults and of how the store recovered.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use super::schedule::{Fault, Kind};
use crate::number::rate;

/// The most faults listed one by one.
const EVENTS_MAX: usize = 10_000;

/// The faults of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FaultsReport {
    /// Operations per second before the first fault.
    pub calm_rate: f64,
    /// Operations per second from then on.
    pub rate: f64,
    /// `rate` divided by `calm_rate`.
    pub kept: f64,
    /// The number of keyed requests that were sent twice.
    #[serde(rename = "doubled")]
    pub duplicated: u64,
    /// How often a service exited without being asked to.
    pub died: u64,
    /// Totals by kind of fault.
    pub kinds: BTreeMap<&'static str, KindReport>,
    /// The single faults, in order.
    pub events: Vec<Event>,
}

/// The faults of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KindReport {
    /// The number of faults.
    pub count: u64,
    /// The longest duration, in milliseconds.
    pub lasted_ms_max: u64,
    /// The median time from the end of a fault to the next sale, in milliseconds.
    pub recovered_ms_p50: u64,
    /// The longest such time, in milliseconds.
    pub recovered_ms_max: u64,
}

/// One injected fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// When it began, in seconds since the start of the run.
    pub at_s: f64,
    /// The kind of fault.
    pub kind: Kind,
    /// The process or link.
    pub target: &'static str,
    /// Its duration, in milliseconds.
    pub lasted_ms: u64,
    /// The time from its end to the next sale, in milliseconds; absent if nothing was sold before the run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered_ms: Option<u64>,
}

impl Event {
    pub(super) fn new(at: Duration, fault: Fault, lasted: Duration, recovered: Option<Duration>) -> Self {
        Self {
            at_s: (at.as_secs_f64() * 1_000.0).round() / 1_000.0,
            kind: fault.kind,
            target: fault.target(),
            lasted_ms: millis(lasted),
            recovered_ms: recovered.map(millis),
        }
    }
}

impl FaultsReport {
    pub(super) fn calm(&mut self, answered: u64, time: Duration) {
        self.calm_rate = rate(answered, time);
    }

    pub(super) fn add(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push(event);
        }
    }

    pub(super) fn close(&mut self, answered: u64, time: Duration, duplicated: u64) {
        self.rate = rate(answered, time);
        if self.calm_rate > 0.0 {
            self.kept = (self.rate / self.calm_rate * 1_000.0).round() / 1_000.0;
        }
        self.duplicated = duplicated;
        for kind in Kind::ALL {
            let of_kind = || self.events.iter().filter(move |event| event.kind == kind);
            let mut recovered: Vec<_> = of_kind().filter_map(|event| event.recovered_ms).collect();
            recovered.sort_unstable();
            let report = KindReport {
                count: of_kind().count() as u64,
                lasted_ms_max: of_kind().map(|event| event.lasted_ms).max().unwrap_or(0),
                recovered_ms_p50: recovered.get(recovered.len() / 2).copied().unwrap_or(0),
                recovered_ms_max: recovered.last().copied().unwrap_or(0),
            };
            self.kinds.insert(kind.name(), report);
        }
    }

    pub(crate) fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n{:10}{:>7}{:>16}{:>18}{:>18}",
            "fault", "times", "longest ms", "recovery p50 ms", "recovery max ms"
        )?;
        for (name, kind) in &self.kinds {
            writeln!(
                out,
                "{name:10}{:>7}{:>16}{:>18}{:>18}",
                kind.count, kind.lasted_ms_max, kind.recovered_ms_p50, kind.recovered_ms_max
            )?;
        }
        writeln!(
            out,
            "{:.1}/s before the first fault, {:.1}/s from then on: {:.0}% kept; {} requests duplicated; {} unasked ends",
            self.calm_rate,
            self.rate,
            self.kept * 100.0,
            self.duplicated,
            self.died
        )
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
