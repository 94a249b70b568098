//! The settings of a run, as the command line takes them.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ArgPredicate;
use clap::{Args, ValueHint, value_parser};
use common::time::parse_duration;
use common::{Quantity, limits};

use super::basket::Basket;
use super::mix::Mix;
use super::pace::{Pace, Think};
use super::popularity::Popularity;

/// The most shoppers at once.
pub const SHOPPERS_MAX: u32 = 10_000;

/// The settings of a run. The default is the original client: one shopper, the random mix, no end.
///
/// The defaults of `shoppers` and `restock` depend on the flag `faults` of the command that flattens these arguments.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Settings {
    /// Number of concurrent shoppers [default: 1; 64 with --rate, 16 with --faults]
    #[arg(
        long, value_name = "N", default_value = "1", hide_default_value = true,
        default_value_ifs = [
            ("faults", ArgPredicate::from("true"), "16"),
            ("rate", ArgPredicate::IsPresent, "64"),
        ],
        value_parser = value_parser!(u32).range(1..=i64::from(SHOPPERS_MAX))
    )]
    pub shoppers: u32,
    /// Stop after this time, like 30s, 5m or 2h, not counting the warm-up
    #[arg(long, value_name = "TIME", value_parser = parse_run_time)]
    pub duration: Option<Duration>,
    /// Stop after this many operations
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// Seed of the plan: the same seed gives the same operations [default: random, printed]
    #[arg(long, value_name = "N", default_value_t = random_seed(), hide_default_value = true)]
    pub seed: u64,
    /// Mix of operations: random, browsing, shopping, ordering, or weights of search, lookup and buy like 74:24:0.7
    #[arg(long, value_name = "MIX", default_value = "random")]
    pub mix: Mix,
    /// Distribution of demand over the books: uniform, or zipf with an exponent like zipf:0.8
    #[arg(long, value_name = "LAW", default_value = "uniform")]
    pub popularity: Popularity,
    /// Pause of a shopper after each answer: none, a time, or tpcw (7 s on average, at most 70 s)
    #[arg(long, value_name = "TIME", default_value = "none", conflicts_with = "rate")]
    pub think: Think,
    /// Start this many operations a second, however slow the answers are; latency counts from the scheduled start
    #[arg(long, value_name = "PER_SECOND", value_parser = parse_rate)]
    pub rate: Option<f64>,
    /// Exclude this time at the start from the measurements; the audit includes it
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration)]
    pub warm_up: Duration,
    /// Start the shoppers one after another over this time
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration)]
    pub ramp: Duration,
    /// Books in each order, 1 to 20: a number, or a range like 1..5
    #[arg(long, value_name = "LINES", default_value_t = Basket::ONE)]
    pub basket: Basket,
    /// Copies of each book in an order, 1 to 100
    #[arg(long, value_name = "Q", default_value_t)]
    pub quantity: Quantity,
    /// Add this many copies to each book whose stock is below half of that (shopkeeper) [default: 1000 with --faults]
    // A store without stock would test nothing but refusals.
    #[arg(
        long, value_name = "COPIES", hide_default_value = true, default_value_if("faults", "true", "1000"),
        value_parser = value_parser!(u32).range(1..=1_000_000)
    )]
    pub restock: Option<u32>,
    /// Write each shopper's first 10,000 operations to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub plan: Option<PathBuf>,
    /// Write one CSV line a second to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub csv: Option<PathBuf>,
    /// The deadline of an order, repetitions included; at most [`limits::DEADLINE_MAX`].
    #[arg(skip = limits::DEADLINE_MAX)]
    pub order_timeout: Duration,
}

impl Settings {
    pub(super) fn pace(&self) -> Pace {
        self.rate.map_or(Pace::Closed(self.think), Pace::Open)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shoppers: 1,
            duration: None,
            requests: None,
            seed: random_seed(),
            mix: Mix::RANDOM,
            popularity: Popularity::default(),
            think: Think::default(),
            rate: None,
            warm_up: Duration::ZERO,
            ramp: Duration::ZERO,
            basket: Basket::ONE,
            quantity: Quantity::ONE,
            restock: None,
            plan: None,
            csv: None,
            order_timeout: limits::DEADLINE_MAX,
        }
    }
}

/// A seed that is short to type and exact in every JSON reader.
fn random_seed() -> u64 {
    u64::from(rand::random::<u32>())
}

fn parse_rate(text: &str) -> Result<f64, &'static str> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e7).contains(&rate) => Ok(rate),
        _ => Err("expected operations a second, from 0.001 to 10000000"),
    }
}

fn parse_run_time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("expected more than 0 s".to_owned()),
        Ok(run) => Ok(run),
        Err(error) => Err(error.to_string()),
    }
}
