//! What `bookstore autopilot` can be asked.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueHint};
use common::Quantity;
use common::time::parse_duration;

use autopilot::{Mix, Pace, Popularity, Settings, Think};

/// Arguments of `autopilot`.
#[derive(Debug, Clone, Args)]
pub struct AutopilotArgs {
    /// How many shoppers at once [default: 1; 64 with --rate, 16 with --faults]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shoppers: Option<u32>,
    /// Stop after that time, like 30s, 5m or 2h; a warm-up comes before it
    #[arg(long, value_name = "TIME", value_parser = parse_run)]
    pub duration: Option<Duration>,
    /// Stop after that many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// The same seed gives the same plan; drawn and printed otherwise
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// random, browsing, shopping, ordering, or weights of search, lookup and buy like 74:24:0.7
    #[arg(long, value_name = "MIX", default_value = "random")]
    pub mix: Mix,
    /// Which books are wanted: uniform, or zipf with an exponent like zipf:0.8
    #[arg(long, value_name = "LAW", default_value = "uniform")]
    pub popularity: Popularity,
    /// How long a shopper thinks after each answer: none, a time, or tpcw (7 s in the mean, 70 s at the most)
    #[arg(long, value_name = "TIME", default_value = "none", conflicts_with = "rate")]
    pub think: Think,
    /// Begin that many operations a second whatever the answers do; latency counts from when one was due
    #[arg(long, value_name = "PER_SECOND", value_parser = parse_rate)]
    pub rate: Option<f64>,
    /// Measure nothing for that long at first
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    pub warm_up: Duration,
    /// Let the shoppers come one after the other over that time
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    pub ramp: Duration,
    /// Copies in each order, 1 to 100
    #[arg(long, value_name = "Q", default_value_t)]
    pub quantity: Quantity,
    /// Add that many copies to each book of which fewer than half as many are left (shopkeeper)
    #[arg(long, value_name = "COPIES", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub restock: Option<u32>,
    /// Run a store of its own and mishandle it: kill, pause, restart, delay, cut, drop, duplicate
    #[arg(long)]
    pub faults: bool,
    /// No screen: one line a second, then the summary
    #[arg(long, action = ArgAction::SetTrue)]
    pub headless: bool,
    /// Write each shopper's first 10,000 operations there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub plan: Option<PathBuf>,
    /// Write a line for each second there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub csv: Option<PathBuf>,
    /// Write the report with its charts there, as one page that needs nothing else
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
}

impl AutopilotArgs {
    /// What the autopilot is asked to do.
    pub fn settings(&self) -> Settings {
        let defaults = Settings::default();
        let shoppers = match (self.faults, self.rate) {
            (true, _) => 16,
            (false, Some(_)) => 64,
            (false, None) => defaults.shoppers,
        };
        Settings {
            shoppers: self.shoppers.unwrap_or(shoppers),
            duration: self.duration,
            requests: self.requests,
            seed: self.seed.unwrap_or(defaults.seed),
            quantity: self.quantity,
            mix: self.mix,
            popularity: self.popularity,
            pace: self.rate.map_or(Pace::Closed(self.think), Pace::Open),
            warm_up: self.warm_up,
            ramp: self.ramp,
            // Shelves that stay empty would tell nothing of a store that is mishandled.
            restock: self.restock.or(self.faults.then_some(FAULTS_RESTOCK)),
            plan: self.plan.clone(),
            csv: self.csv.clone(),
            ..defaults
        }
    }
}

/// Copies that the shopkeeper adds with `--faults`, unless told otherwise.
const FAULTS_RESTOCK: u32 = 1_000;

fn parse_time(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e7).contains(&rate) => Ok(rate),
        _ => Err("expected operations a second, from 0.001 to 10000000".to_owned()),
    }
}

fn parse_run(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("expected more than no time at all".to_owned()),
        Ok(run) => Ok(run),
        Err(error) => Err(error.to_string()),
    }
}
