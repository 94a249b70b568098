//! Everything that has a goal, one part after the other; what is known is stored after each.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use crate::ask::Ask;
use crate::machine::Machine;
use crate::report::{Report, say};
use crate::rows::{self, Row};
use crate::sample::Bench;
use crate::stores::Other;
use crate::{idle, latency, million, pgbench, redis, subscribers, syscalls, wrk};

/// Measures everything that has a goal.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Rounds; a row tells the median of their ratios
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
    /// Only the parts of these names, or whose names begin like `buy-`, as in `buy-256,redis,idle`
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Tells the names of all parts, and measures nothing
    #[arg(long)]
    list: bool,
}

/// Something that can be measured alone.
#[derive(Debug, Clone, Copy)]
enum Part {
    Row(Row),
    Store(Other),
    Redis(u32),
    Pgbench,
    Million,
    Subscribers,
    Idle,
    Latency(Ask),
    Wrk,
    Syscalls,
}

impl Part {
    fn all() -> Vec<Self> {
        let mut parts = Vec::new();
        for in_one in [false, true] {
            for ask in rows::ASKS {
                parts.extend(rows::CONNECTIONS.map(|connections| {
                    Self::Row(Row {
                        ask,
                        connections,
                        in_one,
                    })
                }));
            }
        }
        parts.extend([Other::Sqlite, Other::Postgres].map(Self::Store));
        parts.extend([64, 256].map(Self::Redis));
        parts.extend([Self::Pgbench, Self::Million, Self::Subscribers, Self::Idle]);
        parts.extend([Ask::Lookup, Ask::Buy].map(Self::Latency));
        parts.extend([Self::Wrk, Self::Syscalls]);
        parts
    }

    fn name(self) -> String {
        match self {
            Self::Row(row) => row.name(),
            Self::Store(store) => store.name().to_owned(),
            Self::Redis(connections) => format!("redis-{connections}"),
            Self::Pgbench => "pgbench".to_owned(),
            Self::Million => "million".to_owned(),
            Self::Subscribers => "subscribers".to_owned(),
            Self::Idle => "idle".to_owned(),
            Self::Latency(ask) => format!("latency-{ask}"),
            Self::Wrk => "wrk".to_owned(),
            Self::Syscalls => "syscalls".to_owned(),
        }
    }

    /// Whether it is meant by its name, or by a beginning of it.
    fn is_meant(self, word: &str) -> bool {
        let name = self.name();
        let rest = name.strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    async fn measure(self, arguments: &Arguments, bench: &Bench, report: &mut Report) -> Result<()> {
        match self {
            Self::Row(row) => row.measure(bench, report).await,
            Self::Store(store) => store.measure(bench, report).await,
            Self::Redis(connections) => redis::measure(connections, bench, report).await,
            Self::Pgbench => pgbench::measure(bench, report).await,
            Self::Million => million::measure(arguments.books, bench, report).await,
            Self::Subscribers => subscribers::measure(arguments.subscribers, bench, report).await,
            Self::Idle => idle::measure(Duration::from_secs(arguments.idle_seconds), bench, report).await,
            Self::Latency(ask) => latency::measure(ask, bench, report).await,
            Self::Wrk => wrk::measure(bench, report).await,
            Self::Syscalls => syscalls::measure(bench, report).await,
        }
    }
}

/// The parts that are asked for; all of them if nothing is.
fn chosen(only: &[String]) -> Result<Vec<Part>> {
    let mut parts = Part::all();
    for word in only {
        let known = parts.iter().any(|part| part.is_meant(word));
        ensure!(known, "nothing is called {word}; `speed --list` tells the names");
    }
    parts.retain(|part| only.is_empty() || only.iter().any(|word| part.is_meant(word)));
    Ok(parts)
}

/// Measures what is asked for, tells it and stores it.
///
/// # Errors
/// When a part failed; the others are measured all the same.
pub(crate) async fn measure(arguments: &Arguments, binaries: &Path, out: &Path) -> Result<()> {
    let parts = chosen(&arguments.only)?;
    if arguments.list {
        let names: Vec<String> = parts.into_iter().map(Part::name).collect();
        return Ok(writeln!(std::io::stdout(), "{}", names.join("\n"))?);
    }
    let bench = Bench {
        binaries: binaries.to_owned(),
        rounds: arguments.rounds,
        time: Duration::from_secs(arguments.seconds),
    };
    let mut report = Report::new(Machine::find()?);
    let mut failed = 0;
    for (index, &part) in parts.iter().enumerate() {
        say(&format!("[{}/{}] {}", index + 1, parts.len(), part.name()));
        if let Err(why) = part.measure(arguments, &bench, &mut report).await {
            failed += 1;
            report.skip(&part.name(), &format!("it failed: {why:#}"));
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
        let parts = chosen(&only).unwrap();
        parts.into_iter().map(Part::name).collect()
    }

    #[test]
    fn a_word_means_a_part_or_all_whose_names_begin_with_it() {
        assert_eq!(names(&["buy-64-one"]), ["buy-64-one"]);
        assert_eq!(
            names(&["redis", "buy-256"]),
            ["buy-256-three", "buy-256-one", "redis-64", "redis-256"]
        );
        assert_eq!(names(&[]).len(), Part::all().len());
        assert!(chosen(&["buy-25".to_owned()]).is_err());
    }

    #[test]
    fn no_two_parts_have_one_name() {
        let mut all = names(&[]);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), Part::all().len());
    }
}
