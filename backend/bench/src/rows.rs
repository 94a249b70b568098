//! The bookstore against the bare handler: reads and purchases, by connections and processes.

use anyhow::Result;

use crate::goal::Bound;
use crate::operation::Operation;
use crate::processes::{Program, Setup};
use crate::report::{Heading, Report};
use crate::sample::{Settings, ratio};

pub(crate) const CONNECTIONS: [u32; 4] = [1, 64, 256, 1024];
pub(crate) const OPERATIONS: [Operation; 4] = [Operation::Lookup, Operation::Search, Operation::Topics, Operation::Buy];

const HEADING: Heading = Heading {
    title: "Against the bare handler",
    about: "CSV store, four books. Rounds of both in turn; the ratio is the median of the rounds' ratios. CPU and switches \
            (of threads, voluntary or not) are those of all processes of the bookstore, per answer; MiB is their peak.",
    columns: "what | connections | bookstore/s | bare/s | ratio | p50 µs | p99 µs | p99.9 µs | CPU µs | switches | MiB",
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) connections: u32,
    pub(crate) in_one_process: bool,
}

impl Row {
    /// The name on the command line.
    pub(crate) fn name(self) -> String {
        let processes = if self.in_one_process { "one" } else { "three" };
        format!("{}-{}-{processes}", self.operation, self.connections)
    }

    fn goal(self) -> Option<f64> {
        match (self.operation, self.connections, self.in_one_process) {
            (Operation::Lookup | Operation::Search | Operation::Topics, 64, false) => Some(0.95),
            (Operation::Buy, 64, false) => Some(0.50),
            (Operation::Buy, 256, false) => Some(0.75),
            (Operation::Buy, 64, true) => Some(0.60),
            (Operation::Buy, 256, true) => Some(0.75),
            _ => None,
        }
    }

    /// The highest accepted CPU time per answer, relative to the bare handler.
    fn cpu_goal(self) -> Option<f64> {
        (self.operation == Operation::Buy && self.connections == 256 && self.in_one_process).then_some(1.4)
    }

    pub(crate) async fn measure(self, settings: &Settings, report: &mut Report) -> Result<()> {
        let setup = Setup {
            in_one_process: self.in_one_process,
            ..Setup::default()
        };
        let start = |ours| match ours {
            true => settings.bookstore(&setup),
            false => Program::bare(&settings.binaries),
        };
        let [ours, bare] = settings.compare(self.operation, self.connections, start).await?;
        let processes = if self.in_one_process {
            "one process"
        } else {
            "three processes"
        };
        let what = format!("{}, {processes}", self.operation);
        let names = vec![what.clone(), self.connections.to_string()];
        let cells = [names, ours.against(&bare.rates), ours.latencies(), ours.costs()];
        report.row(&HEADING, cells.concat());
        if let Some(goal) = self.cpu_goal() {
            let what = format!(
                "CPU time of a {what} ÷ bare handler's, {} connections",
                self.connections
            );
            let name = format!("{}-cpu", self.name());
            report.goal(&name, &what, ours.cpu_us() / bare.cpu_us(), Bound::AtMost(goal, ""));
        }
        if let Some(goal) = self.goal() {
            let durable = if self.operation == Operation::Buy {
                "durable "
            } else {
                ""
            };
            let what = format!("{durable}{what} ÷ bare handler, {} connections", self.connections);
            report.goal(
                &self.name(),
                &what,
                ratio(&ours.rates, &bare.rates),
                Bound::AtLeast(goal),
            );
        }
        Ok(())
    }
}
