//! The report of injected faults and of the store's recovery.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use strum::VariantArray as _;

use super::schedule::{Fault, FaultKind};
use crate::number::rate;
use crate::table::Table;

/// The most faults listed one by one.
const EVENTS_MAX: usize = 10_000;

/// The injected faults of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FaultsReport {
    /// Operations per second before the first fault.
    #[serde(rename = "calm_rate")]
    pub(super) baseline_rate: f64,
    /// Operations per second from the first fault on.
    rate: f64,
    /// `rate` divided by `baseline_rate`.
    #[serde(rename = "kept")]
    rate_ratio: f64,
    /// The number of duplicated requests.
    #[serde(rename = "doubled")]
    duplicated: u64,
    /// The number of exits of services without a fault as their cause.
    #[serde(rename = "died")]
    pub(super) unexpected_exits: u64,
    kinds: BTreeMap<&'static str, KindReport>,
    /// The injected faults in the order of their start.
    pub(crate) events: Vec<Event>,
}

/// The faults of one kind.
#[derive(Debug, Clone, Serialize)]
struct KindReport {
    count: u64,
    lasted_ms_max: u64,
    /// The median time from the end of a fault to the next sale.
    recovered_ms_p50: u64,
    recovered_ms_max: u64,
}

/// One injected fault.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Event {
    /// Start, in seconds since the start of the run.
    pub(crate) at_s: f64,
    pub(crate) kind: FaultKind,
    pub(crate) target: &'static str,
    pub(crate) lasted_ms: u64,
    /// The time from its end to the next sale; absent if there was none in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovered_ms: Option<u64>,
}

impl FaultsReport {
    pub(super) fn add(&mut self, fault: &Fault, at: Duration, lasted: Duration, recovered: Option<Duration>) {
        if self.events.len() < EVENTS_MAX {
            self.events.push(Event {
                at_s: (at.as_secs_f64() * 1_000.0).round() / 1_000.0,
                kind: fault.kind,
                target: fault.target(),
                lasted_ms: millis(lasted),
                recovered_ms: recovered.map(millis),
            });
        }
    }

    pub(super) fn close(&mut self, answered: u64, time: Duration, duplicated: u64) {
        self.rate = rate(answered, time);
        if self.baseline_rate > 0.0 {
            self.rate_ratio = (self.rate / self.baseline_rate * 1_000.0).round() / 1_000.0;
        }
        self.duplicated = duplicated;
        for kind in FaultKind::VARIANTS {
            let of_kind = || self.events.iter().filter(move |event| event.kind == *kind);
            let mut recovered: Vec<_> = of_kind().filter_map(|event| event.recovered_ms).collect();
            recovered.sort_unstable();
            let report = KindReport {
                count: of_kind().count() as u64,
                lasted_ms_max: of_kind().map(|event| event.lasted_ms).max().unwrap_or(0),
                recovered_ms_p50: recovered.get(recovered.len() / 2).copied().unwrap_or(0),
                recovered_ms_max: recovered.last().copied().unwrap_or(0),
            };
            self.kinds.insert(kind.into(), report);
        }
    }

    pub(crate) fn kinds_table(&self) -> Table {
        let rows = self.kinds.iter().map(|(name, kind)| {
            let numbers = [
                kind.count,
                kind.lasted_ms_max,
                kind.recovered_ms_p50,
                kind.recovered_ms_max,
            ];
            let numbers = numbers.map(|number| number.to_string());
            [(*name).to_owned()].into_iter().chain(numbers).collect()
        });
        let columns = &["fault", "times", "longest ms", "recovery p50 ms", "recovery max ms"];
        Table::new(columns, rows)
    }

    pub(crate) fn sentence(&self) -> String {
        format!(
            "{:.1}/s before the first fault, {:.1}/s from then on: {:.0}% kept; {} requests duplicated; {} unexpected exits",
            self.baseline_rate,
            self.rate,
            self.rate_ratio * 100.0,
            self.duplicated,
            self.unexpected_exits
        )
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
