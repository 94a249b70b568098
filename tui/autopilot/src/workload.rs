//! The requested workload, and the measured mix.

use serde::Serialize;

use super::operation_stats::OperationStats;
use super::outcome::ByOperation;
use super::pace::{Pace, Think};
use super::settings::Settings;

/// The requested workload.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Workload {
    pub(super) popularity: String,
    /// `closed`, or `open` if a rate was set.
    pace: &'static str,
    /// The requested operations per second; absent in a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    think: String,
    /// Books in each order, a number or a range; absent if every order has one book.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) basket: Option<String>,
    /// Copies of each book in an order.
    quantity: u32,
    /// Copies added by each restock; absent without restocking.
    #[serde(skip_serializing_if = "Option::is_none")]
    restock: Option<u32>,
    warm_up_s: f64,
    ramp_s: f64,
    pub(super) shares: ByOperation<Share>,
}

/// The share of one kind of operation, 0 to 1.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Share {
    /// The share that the mix declares.
    pub(super) declared: f64,
    pub(super) measured: f64,
}

impl Workload {
    pub(super) fn of(settings: &Settings, operations: &ByOperation<OperationStats>) -> Self {
        let named = operations.named().into_iter();
        let all: u64 = named.map(|(_, operation)| operation.requests).sum();
        let share = |kind| Share {
            declared: rounded(settings.mix.share(kind)),
            measured: rounded(operations[kind].requests as f64 / all.max(1) as f64),
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
            basket: settings.basket.is_several().then(|| settings.basket.to_string()),
            quantity: settings.quantity.get(),
            restock: settings.restock,
            warm_up_s: settings.warm_up.as_secs_f64(),
            ramp_s: settings.ramp.as_secs_f64(),
            shares: ByOperation::new(share),
        }
    }
}

/// Rounded to six decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
