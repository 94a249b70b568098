//! The bookstore against the bare handler: reads and purchases, by connections and processes.

use anyhow::Result;

use crate::ask::Ask;
use crate::processes::{Program, Setup};
use crate::report::{Bound, Heading, Report};
use crate::sample::{Bench, Samples, ratio};

/// Connections that are measured.
pub(crate) const CONNECTIONS: [u32; 4] = [1, 64, 256, 1024];
/// What is asked for.
pub(crate) const ASKS: [Ask; 4] = [Ask::Lookup, Ask::Search, Ask::Topics, Ask::Buy];

const HEADING: Heading = Heading {
    title: "Against the bare handler",
    about: "CSV store, four books. Rounds of both in turn; the ratio is the median of the rounds' ratios. CPU and switches \
            (of threads, wanted and unwanted) are of all processes of the bookstore, for one answer; MiB is the most they ever had.",
    columns: &[
        "what",
        "connections",
        "bookstore/s",
        "bare/s",
        "ratio",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "CPU µs",
        "switches",
        "MiB",
    ],
};

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) ask: Ask,
    pub(crate) connections: u32,
    pub(crate) in_one: bool,
}

impl Row {
    /// As it is chosen by.
    pub(crate) fn name(self) -> String {
        let processes = if self.in_one { "one" } else { "three" };
        format!("{}-{}-{processes}", self.ask, self.connections)
    }

    fn goal(self) -> Option<f64> {
        match (self.ask, self.connections, self.in_one) {
            (Ask::Lookup | Ask::Search | Ask::Topics, 64, false) => Some(0.90),
            (Ask::Buy, 64, false) => Some(0.50),
            (Ask::Buy, 256, false) => Some(0.75),
            (Ask::Buy, 64, true) => Some(0.55),
            (Ask::Buy, 256, true) => Some(0.80),
            _ => None,
        }
    }

    /// Measures it.
    ///
    /// # Errors
    /// When a program does not start or answers anything but success.
    pub(crate) async fn measure(self, bench: &Bench, report: &mut Report) -> Result<()> {
        let (mut ours, mut bare) = (Samples::new()?, Samples::new()?);
        for round in 0..bench.rounds {
            // Each goes first in turn, so that a machine that grows slower favours none.
            for ours_now in [round % 2 == 1, round % 2 == 0] {
                let (program, samples) = if ours_now {
                    let setup = Setup {
                        in_one: self.in_one,
                        ..Setup::default()
                    };
                    (Program::bookstore(&bench.binaries, &setup)?, &mut ours)
                } else {
                    (Program::bare(&bench.binaries)?, &mut bare)
                };
                bench.sample(samples, &program, self.ask, self.connections).await?;
            }
        }
        self.tell(&ours, &bare, report);
        Ok(())
    }

    fn tell(self, ours: &Samples, bare: &Samples, report: &mut Report) {
        let processes = if self.in_one { "one process" } else { "three processes" };
        let what = format!("{}, {processes}", self.ask);
        let ratio = ratio(&ours.rates, &bare.rates);
        let names = vec![what.clone(), self.connections.to_string()];
        report.row(&HEADING, [names, ours.against(bare), ours.costs()].concat());
        if let Some(goal) = self.goal() {
            let durable = if self.ask == Ask::Buy { "durable " } else { "" };
            let what = format!("{durable}{what} ÷ bare handler, {} connections", self.connections);
            report.goal(&self.name(), &what, ratio, Bound::AtLeast(goal));
        }
    }
}
