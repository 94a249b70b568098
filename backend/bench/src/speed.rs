//! All parts of the benchmark, one after the other. The report is written after each.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use crate::machine::Machine;
use crate::operation::Operation;
use crate::report::{Report, print_line};
use crate::rows::{self, Row};
use crate::sample::Settings;
use crate::stores::Engine;
use crate::{appends, idle, latency, ledger, lone, million, mix, pgbench, redis, subscribers, syscalls, tool, wrk};

/// Measures all parts, or those that are named.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Rounds; a row shows the median of their ratios
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of one measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Seconds without traffic
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    idle_seconds: u64,
    /// Event subscribers
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    subscribers: u32,
    /// Books of the large catalog
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(4..))]
    books: u32,
    /// Only the parts with these names or prefixes of names, as in `buy-256,redis,idle`
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Print the names of all parts, and measure nothing
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Row(Row),
    Store(Engine),
    Redis(u32),
    Append(appends::Engine),
    Pgbench,
    /// In one process, or in three.
    Lone(bool),
    Mix,
    /// The sales in a batch.
    Ledger(u32),
    Million,
    Subscribers,
    Idle,
    Latency(Operation),
    Wrk,
    Syscalls,
}

impl Part {
    fn all() -> Vec<Self> {
        let mut parts = Vec::new();
        for in_one_process in [false, true] {
            for operation in rows::OPERATIONS {
                parts.extend(rows::CONNECTIONS.map(|connections| {
                    Self::Row(Row {
                        operation,
                        connections,
                        in_one_process,
                    })
                }));
            }
        }
        parts.extend([Engine::Sqlite, Engine::Postgres].map(Self::Store));
        parts.extend([64, 256].map(Self::Redis));
        parts.extend([appends::Engine::Etcd, appends::Engine::JetStream].map(Self::Append));
        parts.extend([false, true].map(Self::Lone));
        parts.push(Self::Mix);
        parts.extend(ledger::BATCHES.map(Self::Ledger));
        parts.extend([Self::Pgbench, Self::Million, Self::Subscribers, Self::Idle]);
        parts.extend([Operation::Lookup, Operation::Buy].map(Self::Latency));
        parts.extend([Self::Wrk, Self::Syscalls]);
        parts
    }

    fn name(self) -> String {
        match self {
            Self::Row(row) => row.name(),
            Self::Store(store) => store.name().to_owned(),
            Self::Redis(connections) => format!("redis-{connections}"),
            Self::Append(engine) => engine.to_string(),
            Self::Lone(in_one_process) => format!("lone-{}", if in_one_process { "one" } else { "three" }),
            Self::Mix => "mix".to_owned(),
            Self::Ledger(batch) => format!("ledger-{batch}"),
            Self::Pgbench => "pgbench".to_owned(),
            Self::Million => "million".to_owned(),
            Self::Subscribers => "subscribers".to_owned(),
            Self::Idle => "idle".to_owned(),
            Self::Latency(operation) => format!("latency-{operation}"),
            Self::Wrk => "wrk".to_owned(),
            Self::Syscalls => "syscalls".to_owned(),
        }
    }

    fn programs(self) -> Vec<&'static str> {
        match self {
            Self::Redis(_) => vec!["redis-server", "redis-benchmark", "redis-cli"],
            Self::Append(engine) => vec![engine.program()],
            Self::Wrk => vec!["wrk"],
            Self::Syscalls => vec!["perf"],
            _ => vec![],
        }
    }

    /// Whether `word` is its name, or the first words of its name.
    fn matches(self, word: &str) -> bool {
        let name = self.name();
        let rest = name.strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    async fn measure(self, arguments: &Arguments, settings: &Settings, report: &mut Report) -> Result<()> {
        match self {
            Self::Row(row) => row.measure(settings, report).await,
            Self::Store(store) => store.measure(settings, report).await,
            Self::Redis(connections) => redis::measure(connections, settings, report).await,
            Self::Append(engine) => engine.measure(settings, report).await,
            Self::Lone(in_one_process) => lone::measure(in_one_process, settings, report).await,
            Self::Mix => mix::measure(settings, report).await,
            Self::Ledger(batch) => ledger::measure(batch, settings, report).await,
            Self::Pgbench => pgbench::measure(settings, report).await,
            Self::Million => million::measure(arguments.books, settings, report).await,
            Self::Subscribers => subscribers::measure(arguments.subscribers, settings, report).await,
            Self::Idle => idle::measure(Duration::from_secs(arguments.idle_seconds), settings, report).await,
            Self::Latency(operation) => latency::measure(operation, settings, report).await,
            Self::Wrk => wrk::measure(settings, report).await,
            Self::Syscalls => syscalls::measure(settings, report).await,
        }
    }
}

/// The selected parts; all if `only` is empty.
fn select(only: &[String]) -> Result<Vec<Part>> {
    let mut parts = Part::all();
    for word in only {
        let known = parts.iter().any(|part| part.matches(word));
        ensure!(known, "no part is called {word}; `speed --list` prints the names");
    }
    parts.retain(|part| only.is_empty() || only.iter().any(|word| part.matches(word)));
    Ok(parts)
}

/// Measures the selected parts, and prints and writes the report.
///
/// # Errors
/// If a part failed, after the others are measured.
pub(crate) async fn measure(arguments: &Arguments, binaries: &Path, out: &Path) -> Result<()> {
    let parts = select(&arguments.only)?;
    if arguments.list {
        let names: Vec<String> = parts.into_iter().map(Part::name).collect();
        return Ok(writeln!(std::io::stdout(), "{}", names.join("\n"))?);
    }
    let settings = Settings {
        binaries: binaries.to_owned(),
        rounds: arguments.rounds,
        time: Duration::from_secs(arguments.seconds),
    };
    let mut report = Report::new(Machine::detect()?);
    let mut failed = 0;
    for (index, &part) in parts.iter().enumerate() {
        print_line(&format!("[{}/{}] {}", index + 1, parts.len(), part.name()));
        if let Some(program) = part
            .programs()
            .into_iter()
            .find(|program| tool::find(program).is_none())
        {
            report.skip(&part.name(), &format!("{program} is not installed"));
        } else if let Err(why) = part.measure(arguments, &settings, &mut report).await {
            failed += 1;
            report.skip(&part.name(), &format!("failed: {why:#}"));
        }
        report.store(out)?;
    }
    std::io::stdout().write_all(report.markdown().as_bytes())?;
    ensure!(failed == 0, "{failed} of {} parts failed", parts.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str]) -> Vec<String> {
        let only: Vec<String> = only.iter().map(|&word| word.to_owned()).collect();
        let parts = select(&only).unwrap();
        parts.into_iter().map(Part::name).collect()
    }

    #[test]
    fn a_word_selects_a_part_or_all_whose_names_begin_with_it() {
        assert_eq!(names(&["buy-64-one"]), ["buy-64-one"]);
        assert_eq!(
            names(&["redis", "buy-256"]),
            ["buy-256-three", "buy-256-one", "redis-64", "redis-256"]
        );
        assert_eq!(names(&[]).len(), Part::all().len());
        assert!(select(&["buy-25".to_owned()]).is_err());
    }

    #[test]
    fn part_names_are_unique() {
        let mut all = names(&[]);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), Part::all().len());
    }
}
