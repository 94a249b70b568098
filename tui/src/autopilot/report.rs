//! The report of a run, word for word as the contract has it, and its summary in plain text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use common::ItemNumber;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::faults::FaultsReport;
use super::outcome::{Outcomes, Verb};
use super::pace::{Pace, Think};
use super::series::Overview;
use super::settings::Settings;

/// The version of the report's form.
pub(super) const SCHEMA: u32 = 1;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of this form, 1.
    pub schema: u32,
    /// The seed that gives the same plan again.
    pub seed: u64,
    /// The plan's name: equal names, equal plans.
    pub plan: String,
    /// The mix's name.
    pub mix: &'static str,
    /// Shoppers at once, at the end.
    pub shoppers: u32,
    /// From the first operation to the last, in seconds.
    pub elapsed_s: f64,
    /// Operations that ended; a request that was sent again counts once.
    pub requests: u64,
    /// Operations a second.
    pub rate: f64,
    /// By verb.
    pub operations: Operations,
    /// By outcome.
    pub outcomes: Outcomes,
    /// By book.
    pub stock: Vec<StockLine>,
    /// What was asked for, and how near the plan came to it.
    pub workload: Workload,
    /// What was done to the store, where it was mishandled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<FaultsReport>,
    /// Whether the store was right.
    pub audit: Audit,
    /// The seconds, for pictures.
    #[serde(skip)]
    pub overview: Overview,
}

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
        let (pace, rate, think) = match settings.pace {
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

/// Numbers by verb.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operations {
    /// Searches of a topic.
    pub search: Operation,
    /// Lookups of a book.
    pub lookup: Operation,
    /// Purchases.
    pub buy: Operation,
}

/// One verb's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Operation {
    /// Operations that ended.
    pub requests: u64,
    /// Of these, those that brought what was wanted.
    pub ok: u64,
    /// The others.
    pub failed: u64,
    /// How long the answers took, lost ones that were asked for again included.
    pub latency_us: Latency,
}

/// Latencies in microseconds; 0 without an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half of the answers came within it.
    pub p50: u64,
    /// 95 in 100.
    pub p95: u64,
    /// 99 in 100.
    pub p99: u64,
    /// 999 in 1,000.
    pub p999: u64,
    /// All of them.
    pub max: u64,
}

impl Latency {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            p50: histogram.value_at_quantile(0.5),
            p95: histogram.value_at_quantile(0.95),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

/// One book's copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockLine {
    /// The book.
    pub item: ItemNumber,
    /// Copies at the start.
    pub start: u32,
    /// Copies sold to this autopilot.
    pub sold: u64,
    /// Copies the shopkeeper added, less those taken away; known from the ledger only, 0 without it.
    pub restocked: i64,
    /// Copies at the end.
    pub end: u32,
    /// The title, for the summary.
    #[serde(skip)]
    pub title: String,
}

/// What the audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The verdict.
    pub verdict: Verdict,
    /// Each check that was made, and how many things it looked at.
    pub checks: BTreeMap<&'static str, u64>,
    /// Checks that could not be made.
    pub skipped: Vec<&'static str>,
    /// Entries of the ledger that are other people's.
    pub others: u64,
    /// Why checks could not be made, where they could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How much was wrong.
    pub found: u64,
    /// What was wrong; of each check at most seven.
    pub violations: Vec<Violation>,
}

/// One thing that was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The check that saw it.
    pub check: &'static str,
    /// What was expected and what was found.
    pub detail: String,
    /// The smallest history that shows it, a line for each operation or entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
}

/// The audit's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every check was made and nothing was wrong.
    Clean,
    /// Something was wrong.
    Violated,
    /// Nothing was wrong as far as it could be checked.
    Incomplete,
}

impl Verdict {
    /// Its word in the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Violated => "violated",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Operations a second, to a tenth; 0 before any time has passed.
pub(super) fn rate(requests: u64, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ operations")]
    let requests = requests as f64;
    (requests / seconds * 10.0).round() / 10.0
}

impl Report {
    /// The summary for people: a few aligned lines, cleaned.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = self.write_summary(&mut text);
        text
    }

    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "{} requests in {:.1} s ({:.1}/s), {} {}, mix {}, seed {}, plan {}",
            self.requests,
            self.elapsed_s,
            self.rate,
            self.shoppers,
            if self.shoppers == 1 { "shopper" } else { "shoppers" },
            self.mix,
            self.seed,
            self.plan
        )?;
        writeln!(
            out,
            "\n{:8}{:>10}{:>8}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "", "requests", "mix %", "is %", "ok", "failed", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms"
        )?;
        let Operations { search, lookup, buy } = &self.operations;
        let Shares {
            search: searches,
            lookup: lookups,
            buy: buys,
        } = &self.workload.shares;
        for (name, verb, share) in [
            ("search", search, searches),
            ("lookup", lookup, lookups),
            ("buy", buy, buys),
        ] {
            let latency = &verb.latency_us;
            writeln!(
                out,
                "{name:8}{:>10}{:>8.2}{:>8.2}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
                verb.requests,
                share.declared * 100.0,
                share.measured * 100.0,
                verb.ok,
                verb.failed,
                ms(latency.p50),
                ms(latency.p95),
                ms(latency.p99),
                ms(latency.p999),
                ms(latency.max)
            )?;
        }
        let outcomes = &self.outcomes;
        writeln!(
            out,
            "\nsold {}   sold out {}   unavailable {}   unknown {}   error {}",
            outcomes.sold, outcomes.sold_out, outcomes.unavailable, outcomes.unknown, outcomes.error
        )?;
        self.write_stock(out)?;
        if let Some(faults) = &self.faults {
            faults.write_summary(out)?;
        }
        self.audit.write_summary(out)
    }

    fn write_stock(&self, out: &mut String) -> std::fmt::Result {
        const LINES_MAX: usize = 20;
        writeln!(
            out,
            "\n{:>6}{:>11}{:>11}{:>11}{:>11}  title",
            "item", "start", "sold", "restocked", "end"
        )?;
        for line in self.stock.iter().take(LINES_MAX) {
            let title = common::text::clean(&line.title);
            writeln!(
                out,
                "{:>6}{:>11}{:>11}{:>11}{:>11}  {title}",
                line.item, line.start, line.sold, line.restocked, line.end
            )?;
        }
        if let Some(more) = self.stock.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
            writeln!(out, "       and {more} more books")?;
        }
        Ok(())
    }
}

impl Audit {
    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "\naudit: {}", self.verdict.word())?;
        for (check, count) in self.checks.iter().filter(|(_, count)| **count > 0) {
            write!(out, "   {check} {count}")?;
        }
        if self.others > 0 {
            write!(out, "   entries of others {}", self.others)?;
        }
        if !self.skipped.is_empty() {
            write!(out, "\n  not checked: {}", self.skipped.join(", "))?;
        }
        if let Some(note) = &self.note {
            write!(out, "\n  {}", common::text::clean(note))?;
        }
        for violation in &self.violations {
            write!(
                out,
                "\n  {}: {}",
                violation.check,
                common::text::clean(&violation.detail)
            )?;
            for line in &violation.history {
                write!(out, "\n      {}", common::text::clean(line))?;
            }
        }
        let untold = self.found.saturating_sub(self.violations.len() as u64);
        if untold > 0 {
            write!(out, "\n  and {untold} more violations")?;
        }
        Ok(())
    }
}

/// Microseconds as milliseconds, with as many places as mean something.
pub(super) fn ms(us: u64) -> String {
    match us {
        0 => "-".to_owned(),
        1..=99_999 => format!("{}.{:02}", us / 1_000, us % 1_000 / 10),
        _ => (us / 1_000).to_string(),
    }
}
