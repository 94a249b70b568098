//! Measures the bookstore against a bare handler: rounds of both in turn, on the same machine, by the same generator. And
//! how a catalog starts that has much to remember.

mod load;
mod processes;
mod sizes;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use color_eyre::eyre::{OptionExt, Result, ensure};
use load::{Ask, Outcome, Pace};
use processes::Program;

/// Measures the bookstore.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
    /// Where the table is kept, too
    #[arg(long, value_name = "FILE", global = true)]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Against a bare handler, as ratios
    Speed(Arguments),
    /// How long a catalog takes to be ready, and its memory
    Sizes(sizes::Arguments),
}

/// Measures the bookstore against a bare handler.
#[derive(Debug, Args)]
struct Arguments {
    /// Rounds; a row tells the median of their ratios
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of one measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Connections
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 256, 1024])]
    connections: Vec<u32>,
    /// What is asked for
    #[arg(long, value_delimiter = ',', default_values_t = [Ask::Lookup, Ask::Search, Ask::Topics, Ask::Buy])]
    ask: Vec<Ask>,
    /// In how many processes the bookstore runs
    #[arg(long, value_delimiter = ',', default_values_t = [3, 1], value_parser = clap::value_parser!(u8).range(1..=3))]
    processes: Vec<u8>,
}

/// One row of the table.
struct Row {
    what: String,
    connections: u32,
    ours: Vec<f64>,
    bare: Vec<f64>,
    p50_us: u64,
    p99_us: u64,
    cpu_us: f64,
    memory_mib: u64,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    build()?;
    let binaries = std::env::current_exe()?
        .parent()
        .ok_or_eyre("no folder of programs")?
        .to_owned();
    let table = match &cli.what {
        What::Speed(arguments) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(measure(arguments, &binaries))?
        }
        What::Sizes(arguments) => sizes::measure(arguments, &binaries)?,
    };
    std::io::stdout().write_all(table.as_bytes())?;
    if let Some(out) = &cli.out {
        std::fs::write(out, table)?;
    }
    Ok(())
}

/// Both programs, as they are shipped.
fn build() -> Result<()> {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            "backend",
            "--package",
            "bare",
            "--package",
            "bench",
        ])
        .status()?;
    ensure!(built.success(), "the programs were not built");
    Ok(())
}

async fn measure(arguments: &Arguments, binaries: &Path) -> Result<String> {
    let mut table = String::from(
        "| what | connections | bookstore/s | bare/s | ratio | p50 µs | p99 µs | CPU µs | MiB |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for &processes in &arguments.processes {
        let (name, in_one) = match processes {
            1 => ("one process", true),
            _ => ("three processes", false),
        };
        for &ask in &arguments.ask {
            for &connections in &arguments.connections {
                let row = measure_row(arguments, binaries, ask, connections, name, in_one).await?;
                let line = row.line();
                std::io::stderr().write_all(line.as_bytes())?;
                table.push_str(&line);
            }
        }
    }
    table.push_str(
        "\nAt half of its peak, sent at a fixed rate: latency from the moment each request was due.\n\n\
         | what | connections | a second | p50 µs | p99 µs | p99.9 µs |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for &ask in arguments.ask.iter().filter(|ask| matches!(ask, Ask::Lookup | Ask::Buy)) {
        let line = measure_latency(arguments, binaries, ask).await?;
        std::io::stderr().write_all(line.as_bytes())?;
        table.push_str(&line);
    }
    Ok(table)
}

async fn measure_latency(arguments: &Arguments, binaries: &Path, ask: Ask) -> Result<String> {
    let connections = 256;
    let time = Duration::from_secs(arguments.seconds);
    let ours = Program::bookstore(binaries, false)?;
    let peak = load::run(ours.address, ask, connections, Pace::Closed, time)
        .await?
        .rate;
    let at_half = load::run(ours.address, ask, connections, Pace::Open(peak / 2.0), time * 3).await?;
    let at = |quantile| at_half.latency_us.value_at_quantile(quantile);
    Ok(format!(
        "| {ask}, three processes | {connections} | {:.0} | {} | {} | {} |\n",
        at_half.rate,
        at(0.5),
        at(0.99),
        at(0.999)
    ))
}

async fn measure_row(
    arguments: &Arguments,
    binaries: &Path,
    ask: Ask,
    connections: u32,
    name: &str,
    in_one: bool,
) -> Result<Row> {
    let mut row = Row {
        what: format!("{ask}, {name}"),
        connections,
        ours: Vec::new(),
        bare: Vec::new(),
        p50_us: 0,
        p99_us: 0,
        cpu_us: 0.0,
        memory_mib: 0,
    };
    let time = Duration::from_secs(arguments.seconds);
    let warm = Duration::from_millis(500);
    for _ in 0..arguments.rounds {
        let bare = Program::bare(binaries)?;
        load::run(bare.address, ask, connections, Pace::Closed, warm).await?;
        row.bare.push(
            load::run(bare.address, ask, connections, Pace::Closed, time)
                .await?
                .rate,
        );
        drop(bare);
        let ours = Program::bookstore(binaries, in_one)?;
        load::run(ours.address, ask, connections, Pace::Closed, warm).await?;
        let before_s = ours.cpu_s();
        let Outcome { rate, latency_us } = load::run(ours.address, ask, connections, Pace::Closed, time).await?;
        row.cpu_us = (ours.cpu_s() - before_s) * 1e6 / (rate * time.as_secs_f64());
        row.memory_mib = ours.memory_mib();
        row.p50_us = latency_us.value_at_quantile(0.5);
        row.p99_us = latency_us.value_at_quantile(0.99);
        row.ours.push(rate);
    }
    Ok(row)
}

impl Row {
    fn line(&self) -> String {
        let mut line = String::new();
        let ratios: Vec<f64> = self
            .ours
            .iter()
            .zip(&self.bare)
            .map(|(ours, bare)| ours / bare)
            .collect();
        // Writing into memory cannot fail.
        let _ = writeln!(
            line,
            "| {} | {} | {:.0} | {:.0} | {:.2} | {} | {} | {:.1} | {} |",
            self.what,
            self.connections,
            median(&self.ours),
            median(&self.bare),
            median(&ratios),
            self.p50_us,
            self.p99_us,
            self.cpu_us,
            self.memory_mib
        );
        line
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
