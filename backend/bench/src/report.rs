//! The report: every goal with its measured value, the tables behind them, and the machine.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use autopilot::svg;
use serde::Serialize;

use crate::goal::{Bound, Goal};
use crate::machine::Machine;

/// The fixed parts of a table.
#[derive(Debug)]
pub(crate) struct Heading {
    pub(crate) title: &'static str,
    /// The method of measurement.
    pub(crate) about: &'static str,
    /// The names of the columns, separated by ` | `.
    pub(crate) columns: &'static str,
}

#[derive(Debug, Serialize)]
struct Table {
    title: &'static str,
    about: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    /// The command that repeats it.
    command: String,
    goals: Vec<Goal>,
    tables: Vec<Table>,
    not_measured: Vec<String>,
}

impl Report {
    pub(crate) fn new(machine: Machine) -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Self {
            machine,
            command: format!("cargo run --profile dist -p bench -- {}", arguments.join(" ")),
            goals: Vec::new(),
            tables: Vec::new(),
            not_measured: Vec::new(),
        }
    }

    pub(crate) fn goal(&mut self, name: &str, what: &str, measured: f64, bound: Bound) {
        let goal = Goal::new(name, what, measured, bound);
        let [measured, wanted] = goal.numbers();
        print_line(&format!("{what}: {measured} ({wanted}) {}", verdict(goal.reached)));
        self.goals.push(goal);
    }

    pub(crate) fn row(&mut self, heading: &'static Heading, cells: Vec<String>) {
        print_line(&cells.join(" | "));
        let Heading { title, about, columns } = *heading;
        match self.tables.iter_mut().find(|table| table.title == title) {
            Some(table) => table.rows.push(cells),
            None => self.tables.push(Table {
                title,
                about,
                columns: columns.split(" | ").collect(),
                rows: vec![cells],
            }),
        }
    }

    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        print_line(&format!("NOT MEASURED: {name}: {why}"));
        self.not_measured.push(format!("{name}: {why}"));
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = self.machine.sentence();
        // Writing into memory cannot fail.
        let _ = write!(text, "\n\n```console\n$ {}\n```\n\n", self.command);
        if !self.goals.is_empty() {
            text.push_str("| what | measured | goal | reached |\n| --- | ---: | ---: | --- |\n");
        }
        for goal in &self.goals {
            let [measured, wanted] = goal.numbers();
            let reached = verdict(goal.reached);
            let _ = writeln!(text, "| {} | {measured} | {wanted} | {reached} |", goal.what);
        }
        for why in &self.not_measured {
            let _ = write!(text, "\nNot measured: {why}\n");
        }
        for table in &self.tables {
            let _ = write!(text, "\n## {}\n\n", table.title);
            if !table.about.is_empty() {
                let _ = write!(text, "{}\n\n", table.about);
            }
            let _ = writeln!(text, "| {} |", table.columns.join(" | "));
            // The first column is text, the others are numbers.
            let numbers = " ---: |".repeat(table.columns.len().saturating_sub(1));
            let _ = writeln!(text, "| --- |{numbers}");
            for row in &table.rows {
                let _ = writeln!(text, "| {} |", row.join(" | "));
            }
        }
        text
    }

    pub(crate) fn store(&self, folder: &Path) -> Result<()> {
        let write = |name: &str, content: &str| {
            let path = folder.join(name);
            std::fs::write(&path, content).with_context(|| path.display().to_string())
        };
        write("speed.md", &self.markdown())?;
        write("speed.json", &serde_json::to_string_pretty(self)?)?;
        let bars: Vec<_> = self.goals.iter().map(Goal::bar).collect();
        write("benchmarks.svg", &svg::goal_chart(&bars))
    }
}

fn verdict(reached: bool) -> &'static str {
    match reached {
        true => "yes",
        false => "**no**",
    }
}

pub(crate) fn print_line(line: &str) {
    use std::io::Write as _;
    // A closed standard error must not end the measurement.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_markdown() {
        const HEADING: Heading = Heading {
            title: "Numbers",
            about: "About them.",
            columns: "what | a | b",
        };
        let mut report = Report::new(Machine::default());
        report.goal("x", "X ÷ Y", 0.5, Bound::AtLeast(0.4));
        report.row(&HEADING, vec!["one".into(), "1".into(), "2".into()]);
        report.row(&HEADING, vec!["two".into(), "3".into(), "4".into()]);
        report.skip("z", "there is none");
        let text = report.markdown();
        let expected = "| what | measured | goal | reached |\n| --- | ---: | ---: | --- |\n\
                        | X ÷ Y | 0.50 | ≥ 0.40 | yes |\n\nNot measured: z: there is none\n\n\
                        ## Numbers\n\nAbout them.\n\n| what | a | b |\n| --- | ---: | ---: |\n| one | 1 | 2 |\n| two | 3 | 4 |\n";
        assert!(text.ends_with(expected), "{text}");
    }
}
