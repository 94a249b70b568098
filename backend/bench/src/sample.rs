//! One measurement of a program, and the median of several.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::load::{self, Pace};
use crate::operation::Operation;
use crate::processes::{Program, Setup};

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) binaries: PathBuf,
    /// The number of measurements of each program.
    pub(crate) rounds: u32,
    /// The length of one measurement.
    pub(crate) time: Duration,
}

#[derive(Debug)]
pub(crate) struct Samples {
    /// Answers per second, for each round.
    pub(crate) rates: Vec<f64>,
    latency_us: Histogram<u64>,
    cpu_us: Vec<f64>,
    switches: Vec<f64>,
    memory_mib: u64,
}

impl Samples {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            rates: Vec::new(),
            latency_us: load::histogram()?,
            cpu_us: Vec::new(),
            switches: Vec::new(),
            memory_mib: 0,
        })
    }

    /// Cells of a table: both rates and their ratio.
    pub(crate) fn against(&self, other_rates: &[f64]) -> Vec<String> {
        vec![
            format!("{:.0}", median(&self.rates)),
            format!("{:.0}", median(other_rates)),
            format!("{:.2}", ratio(&self.rates, other_rates)),
        ]
    }

    /// Cells of a table: the latency of all rounds together at p50, p99 and p99.9, in microseconds.
    pub(crate) fn latencies(&self) -> Vec<String> {
        quantiles(&self.latency_us)
    }

    pub(crate) fn p50_us(&self) -> f64 {
        self.latency_us.value_at_quantile(0.5) as f64
    }

    /// CPU time per answer, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        median(&self.cpu_us)
    }

    /// Context switches per answer.
    pub(crate) fn switches(&self) -> f64 {
        median(&self.switches)
    }

    /// Cells of a table: CPU time in microseconds and context switches per answer, peak memory in MiB.
    pub(crate) fn costs(&self) -> Vec<String> {
        vec![
            format!("{:.1}", self.cpu_us()),
            format!("{:.2}", self.switches()),
            self.memory_mib.to_string(),
        ]
    }
}

impl Settings {
    pub(crate) fn bookstore(&self, setup: &Setup<'_>) -> Result<Program> {
        Program::bookstore(&self.binaries, setup)
    }

    /// Measures ours and another program in rounds; `start` starts ours, or else the other.
    pub(crate) async fn compare(
        &self,
        operation: Operation,
        connections: u32,
        start: impl Fn(bool) -> Result<Program>,
    ) -> Result<[Samples; 2]> {
        let (mut ours, mut other) = (Samples::new()?, Samples::new()?);
        for round in 0..self.rounds {
            // Each is measured first in turn, so that a machine that slows down favours neither.
            for is_ours in [round % 2 == 1, round % 2 == 0] {
                let samples = if is_ours { &mut ours } else { &mut other };
                self.sample(samples, &start(is_ours)?, operation, connections).await?;
            }
        }
        Ok([ours, other])
    }

    /// Measures a program after a warm-up and adds the result.
    pub(crate) async fn sample(
        &self,
        samples: &mut Samples,
        program: &Program,
        operation: Operation,
        connections: u32,
    ) -> Result<()> {
        let warm = self.time.min(Duration::from_millis(500));
        program.load(operation, connections, Pace::Closed, warm).await?;
        let before = program.usage();
        let outcome = program.load(operation, connections, Pace::Closed, self.time).await?;
        let used = program.usage().since(before);
        let answers = outcome.latency_us.len().max(1) as f64;
        samples.rates.push(outcome.rate);
        samples.latency_us.add(outcome.latency_us)?;
        samples.cpu_us.push(used.cpu_s * 1e6 / answers);
        samples.switches.push(used.switches as f64 / answers);
        samples.memory_mib = samples.memory_mib.max(program.memory_mib());
        Ok(())
    }
}

pub(crate) fn quantiles(latency_us: &Histogram<u64>) -> Vec<String> {
    let at = |quantile| latency_us.value_at_quantile(quantile).to_string();
    [0.5, 0.99, 0.999].map(at).to_vec()
}

/// The median; 0 if there are no values.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios() {
        assert_eq!(ratio(&[10.0, 30.0, 900.0], &[20.0, 30.0, 300.0]), 1.0);
        assert_eq!(median(&[]), 0.0);
    }
}
