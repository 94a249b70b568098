//! The report: every goal with its measured value, the tables behind them, and the machine.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::chart;
use crate::machine::Machine;

/// The bound of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    /// A ratio of at least this.
    AtLeast(f64),
    /// At most this, in that unit.
    AtMost(f64, &'static str),
}

/// A goal and its measured value.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Goal {
    name: String,
    what: String,
    measured: f64,
    bound: Bound,
    reached: bool,
}

/// The fixed parts of a table.
#[derive(Debug)]
pub(crate) struct Heading {
    pub(crate) title: &'static str,
    /// The method of measurement.
    pub(crate) about: &'static str,
    pub(crate) columns: &'static [&'static str],
}

#[derive(Debug, Serialize)]
struct Table {
    title: &'static str,
    about: &'static str,
    columns: &'static [&'static str],
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

impl Goal {
    fn new(name: &str, what: &str, measured: f64, bound: Bound) -> Self {
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            measured,
            bound,
            reached: match bound {
                Bound::AtLeast(least) => measured >= least,
                Bound::AtMost(most, _) => measured <= most,
            },
        }
    }

    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The measured value relative to the goal: at least 1 if the goal is reached.
    pub(crate) fn relative(&self) -> f64 {
        match self.bound {
            Bound::AtLeast(least) => self.measured / least,
            Bound::AtMost(most, _) => most / self.measured.max(most / 100.0),
        }
    }

    pub(crate) fn is_reached(&self) -> bool {
        self.reached
    }

    /// The measured value and the bound. The value is rounded away from the goal.
    pub(crate) fn numbers(&self) -> [String; 2] {
        let hundredths = self.measured * 100.0;
        match self.bound {
            Bound::AtLeast(least) => [format!("{:.2}", hundredths.floor() / 100.0), format!("≥ {least:.2}")],
            Bound::AtMost(most, unit) => [
                format!("{:.2} {unit}", hundredths.ceil() / 100.0).trim_end().to_owned(),
                format!("≤ {most} {unit}").trim_end().to_owned(),
            ],
        }
    }
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

    /// Prints and adds the result of a goal.
    pub(crate) fn goal(&mut self, name: &str, what: &str, measured: f64, bound: Bound) {
        let goal = Goal::new(name, what, measured, bound);
        let [measured, wanted] = goal.numbers();
        say(&format!("{what}: {measured} ({wanted}) {}", verdict(goal.reached)));
        self.goals.push(goal);
    }

    /// Prints and adds the row of a table.
    pub(crate) fn row(&mut self, heading: &'static Heading, cells: Vec<String>) {
        say(&cells.join(" | "));
        let Heading { title, about, columns } = *heading;
        match self.tables.iter_mut().find(|table| table.title == title) {
            Some(table) => table.rows.push(cells),
            None => self.tables.push(Table {
                title,
                about,
                columns,
                rows: vec![cells],
            }),
        }
    }

    /// Prints and adds that a part was not measured.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        say(&format!("NOT MEASURED: {name}: {why}"));
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

    /// Writes `speed.md`, `speed.json` and `benchmarks.svg`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn store(&self, folder: &Path) -> Result<()> {
        let write = |name: &str, content: &str| {
            let path = folder.join(name);
            std::fs::write(&path, content).with_context(|| path.display().to_string())
        };
        write("speed.md", &self.markdown())?;
        write("speed.json", &serde_json::to_string_pretty(self)?)?;
        write("benchmarks.svg", &chart::draw(&self.goals))
    }
}

fn verdict(reached: bool) -> &'static str {
    match reached {
        true => "yes",
        false => "**no**",
    }
}

/// Prints a line on standard error.
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    // A closed standard error must not end the measurement.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_at_its_bound() {
        let reached = |measured, bound| {
            let goal = Goal::new("x", "X", measured, bound);
            (goal.is_reached(), goal.relative() >= 1.0)
        };
        assert_eq!(reached(0.75, Bound::AtLeast(0.75)), (true, true));
        assert_eq!(reached(0.74, Bound::AtLeast(0.75)), (false, false));
        assert_eq!(reached(20.0, Bound::AtMost(20.0, "KiB")), (true, true));
        assert_eq!(reached(20.1, Bound::AtMost(20.0, "KiB")), (false, false));
        assert_eq!(reached(0.0, Bound::AtMost(0.1, "s")), (true, true));
        let [measured, wanted] = Goal::new("x", "X", 0.849_9, Bound::AtLeast(0.85)).numbers();
        assert_eq!([measured, wanted], ["0.84", "≥ 0.85"]);
    }

    #[test]
    fn the_report_is_markdown() {
        const HEADING: Heading = Heading {
            title: "Numbers",
            about: "About them.",
            columns: &["what", "a", "b"],
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
