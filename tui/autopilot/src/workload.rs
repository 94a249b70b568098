//! The requested workload, and the mix that was measured.

use serde::Serialize;

use super::outcome::Verb;
use super::pace::{Pace, Think};
use super::settings::Settings;

/// The requested workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workload {
    /// The distribution over books.
    pub popularity: String,
    /// `closed`, or `open` if a rate was set.
    pub pace: &'static str,
    /// The requested operations per second; absent in a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The think time after each answer.
    pub think: String,
    /// Copies in each order.
    pub quantity: u32,
    /// Copies added by each restock; absent without restocking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restock: Option<u32>,
    /// The warm-up in seconds, which is not measured.
    pub warm_up_s: f64,
    /// The ramp-up in seconds.
    pub ramp_s: f64,
    /// The share of each verb, declared and measured.
    pub shares: Shares,
}

/// The share of each verb.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shares {
    /// Searches of a topic.
    pub search: Share,
    /// Lookups of a book.
    pub lookup: Share,
    /// Purchases.
    pub buy: Share,
}

/// The share of one verb, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// The share that the mix declares.
    pub declared: f64,
    /// The share that was measured.
    pub measured: f64,
}

impl Workload {
    /// The workload of a run with `settings`, in which `requests` counts the operations of each verb.
    pub(super) fn of(settings: &Settings, requests: impl Fn(Verb) -> u64) -> Self {
        let all: u64 = Verb::ALL.into_iter().map(&requests).sum();
        let share = |verb| Share {
            declared: rounded(settings.mix.share(verb)),
            measured: rounded(ratio(requests(verb), all)),
        };
        let (pace, rate, think) = match settings.pace() {
            Pace::Closed(think) => ("closed", None, think),
            Pace::Open(rate) => ("open", Some(rate), Think::None),
        };
        Self {
            popularity: settings.popularity.to_string(),
            pace,
            rate,
            think: think.to_string(),
            quantity: settings.quantity.get(),
            restock: settings.restock,
            warm_up_s: settings.warm_up.as_secs_f64(),
            ramp_s: settings.ramp.as_secs_f64(),
            shares: Shares {
                search: share(Verb::Search),
                lookup: share(Verb::Lookup),
                buy: share(Verb::Buy),
            },
        }
    }
}

/// The ratio of a part to a whole; 0 if the whole is 0.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ operations")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Rounded to six decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
