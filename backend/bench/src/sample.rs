//! One measurement of a program, and the median of several.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::load::{self, Pace};
use crate::operation::Operation;
use crate::processes::Program;

/// The settings of all measurements.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The folder of the programs.
    pub(crate) binaries: PathBuf,
    /// The number of measurements of each program.
    pub(crate) rounds: u32,
    /// The length of one measurement.
    pub(crate) time: Duration,
}

/// The measurements of some rounds.
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

    /// The median of answers per second.
    pub(crate) fn rate(&self) -> f64 {
        median(&self.rates)
    }

    /// Cells of a table: both rates, their ratio, and the latency of all rounds together at p50, p99 and p99.9.
    pub(crate) fn against(&self, other: &Self) -> Vec<String> {
        let at = |quantile| self.latency_us.value_at_quantile(quantile).to_string();
        vec![
            format!("{:.0}", self.rate()),
            format!("{:.0}", other.rate()),
            format!("{:.2}", ratio(&self.rates, &other.rates)),
            at(0.5),
            at(0.99),
            at(0.999),
        ]
    }

    /// Cells of a table: processor time in microseconds and switches between threads for one answer, the most memory.
    pub(crate) fn costs(&self) -> Vec<String> {
        vec![
            format!("{:.1}", median(&self.cpu_us)),
            format!("{:.2}", self.switches()),
            self.memory_mib.to_string(),
        ]
    }

    /// Switches between threads for one answer.
    pub(crate) fn switches(&self) -> f64 {
        median(&self.switches)
    }
}

impl Settings {
    /// Measures a program after a warm-up and adds the result.
    ///
    /// # Errors
    /// When it answers anything but success.
    pub(crate) async fn sample(
        &self,
        samples: &mut Samples,
        program: &Program,
        operation: Operation,
        connections: u32,
    ) -> Result<f64> {
        let warm = self.time.min(Duration::from_millis(500));
        load::run(program.address, operation, connections, Pace::Closed, warm).await?;
        let before = program.usage();
        let outcome = load::run(program.address, operation, connections, Pace::Closed, self.time).await?;
        let used = program.usage().since(before);
        let answers = outcome.answers.max(1) as f64;
        samples.rates.push(outcome.rate);
        samples.latency_us.add(outcome.latency_us)?;
        samples.cpu_us.push(used.cpu_s * 1e6 / answers);
        samples.switches.push(used.switches as f64 / answers);
        samples.memory_mib = samples.memory_mib.max(program.memory_mib());
        Ok(outcome.rate)
    }
}

/// The median; 0 if there are no values.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The median of the rounds' ratios.
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
