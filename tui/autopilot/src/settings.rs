//! What an autopilot is asked to do.

use std::path::PathBuf;
use std::time::Duration;

use common::{Quantity, limits};

use super::mix::Mix;
use super::pace::Pace;
use super::popularity::Popularity;

/// The most shoppers at once.
pub const SHOPPERS_MAX: u32 = 10_000;

/// What an autopilot is asked to do. The default is the original client: one shopper, the random mix, no end.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Shoppers at once, 1 to [`SHOPPERS_MAX`].
    pub shoppers: u32,
    /// Stop after that time, the warm-up not counted; never where absent.
    pub duration: Option<Duration>,
    /// Stop after that many operations; never where absent.
    pub requests: Option<u64>,
    /// The same seed gives the same plan.
    pub seed: u64,
    /// Copies in each order.
    pub quantity: Quantity,
    /// How often each verb is chosen.
    pub mix: Mix,
    /// Which books are wanted more than others.
    pub popularity: Popularity,
    /// When the next operation begins.
    pub pace: Pace,
    /// Nothing that ends within this time is measured; the audit counts it all the same.
    pub warm_up: Duration,
    /// The shoppers come one after the other over this time.
    pub ramp: Duration,
    /// A shopkeeper adds that many copies to each book of which fewer than half as many are left.
    pub restock: Option<u32>,
    /// Where each shopper's first operations are written before any is done.
    pub plan: Option<PathBuf>,
    /// Where a line is written for each second.
    pub csv: Option<PathBuf>,
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
            popularity: Popularity::Uniform,
            pace: Pace::default(),
            warm_up: Duration::ZERO,
            ramp: Duration::ZERO,
            restock: None,
            plan: None,
            csv: None,
            patience: limits::DEADLINE_MAX,
        }
    }
}

/// Draws a seed that is short to type and exact in every JSON reader.
fn draw_seed() -> u64 {
    u64::from(rand::random::<u32>())
}
