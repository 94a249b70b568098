//! What an autopilot is asked to do.

use std::path::PathBuf;
use std::time::Duration;

use common::{Quantity, limits};

use super::plan::Mix;

/// The most shoppers at once.
pub const SHOPPERS_MAX: u32 = 10_000;

/// What an autopilot is asked to do. The default is the original client: one shopper, the random mix, no end.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Shoppers at once, 1 to [`SHOPPERS_MAX`].
    pub shoppers: u32,
    /// Stop after that time; never where absent.
    pub duration: Option<Duration>,
    /// Stop after that many operations; never where absent.
    pub requests: Option<u64>,
    /// The same seed gives the same plan.
    pub seed: u64,
    /// Copies in each order.
    pub quantity: Quantity,
    /// How often each verb is chosen.
    pub mix: Mix,
    /// Where each shopper's first operations are written before any is done.
    pub plan: Option<PathBuf>,
    /// How long an order may take, lost answers included; at most [`limits::DEADLINE_MAX`].
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shoppers: 1,
            duration: None,
            requests: None,
            seed: draw_seed(),
            quantity: Quantity::ONE,
            mix: Mix::RANDOM,
            plan: None,
            patience: limits::DEADLINE_MAX,
        }
    }
}

/// Draws a seed that is short to type and exact in every JSON reader.
fn draw_seed() -> u64 {
    u64::from(rand::random::<u32>())
}
