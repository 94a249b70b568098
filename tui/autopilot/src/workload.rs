//! What was asked for, as a report tells it, and how near the run came to it.

use serde::Serialize;

use super::outcome::Verb;
use super::pace::{Pace, Think};
use super::settings::Settings;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workload {
    /// How the wishes are spread over the books.
    pub popularity: String,
    /// `closed`, or `open` with a set rate.
    pub pace: &'static str,
    /// Operations a second that were to begin; absent in a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// How long a shopper rested after each answer.
    pub think: String,
    /// Copies in each order.
    pub quantity: u32,
    /// Copies that the shopkeeper added whenever few were left; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restock: Option<u32>,
    /// Seconds at the start that were not measured.
    pub warm_up_s: f64,
    /// Seconds in which the shoppers came.
    pub ramp_s: f64,
    /// Each verb's part of the operations, 0 to 1: declared and measured.
    pub shares: Shares,
}

/// Each verb's part of the operations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shares {
    /// Searches of a topic.
    pub search: Share,
    /// Lookups of a book.
    pub lookup: Share,
    /// Purchases.
    pub buy: Share,
}

/// One verb's part of the operations, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// By the mix.
    pub declared: f64,
    /// As it came out.
    pub measured: f64,
}

impl Workload {
    /// Of a run with those settings, in which each verb was asked for so often.
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

/// A part of a whole, 0 to 1; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ operations")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// To six decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
