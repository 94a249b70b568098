//! Measures the bookstore against a bare handler, other stores and other programs: rounds of both in turn, on the same
//! machine, with the same load generator. Also measures the start of a large catalog.

mod appends;
mod event_readers;
mod goal;
mod idle;
mod latency;
mod ledger;
mod load;
mod lone;
mod machine;
mod million;
mod mix;
mod operation;
mod pgbench;
mod processes;
mod redis;
mod report;
mod rows;
mod sample;
mod sizes;
mod speed;
mod stores;
mod subscribers;
mod syscalls;
mod tool;
mod wrk;

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Measures the bookstore.
///
/// All measured programs, and this one, are built with the cargo profile `dist` first: `cargo run --release -p bench` only
/// starts the `dist` build.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The folder for the results
    #[arg(long, value_name = "DIR", global = true, default_value = "target/bench")]
    out: PathBuf,
    /// A folder on the disk to measure [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER", global = true)]
    folder: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure all goals, as ratios to a bare handler, other stores and other programs
    Speed(speed::Arguments),
    /// Measure how long a large catalog takes to be ready, and its memory
    Sizes(sizes::Arguments),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let binaries = build()?;
    if std::env::current_exe()?.parent() != Some(&binaries) {
        let mut dist = process::Command::new(binaries.join("bench"));
        return Err(dist.args(std::env::args_os().skip(1)).exec()).context("cannot start the dist build");
    }
    std::fs::create_dir_all(&cli.out).with_context(|| cli.out.display().to_string())?;
    if let Some(folder) = cli.folder {
        let overridden = tempfile::env::override_temp_dir(&folder);
        ensure!(overridden.is_ok(), "the folder for temporary files is set already");
    }
    raise_open_file_limit()?;
    match &cli.command {
        Command::Speed(arguments) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(speed::measure(arguments, &binaries, &cli.out))
        }
        Command::Sizes(arguments) => {
            let table = sizes::measure(arguments, &binaries)?;
            std::fs::write(cli.out.join("sizes.md"), &table)?;
            Ok(std::io::stdout().write_all(table.as_bytes())?)
        }
    }
}

/// Builds all programs with the profile `dist`, and returns their folder.
fn build() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).context("no target folder")?;
    let packages = ["--package", "backend", "--package", "bare", "--package", "bench"];
    let status = process::Command::new(env!("CARGO"))
        .args(["build", "--profile", "dist", "--locked", "--target-dir"])
        .arg(target)
        .args(packages)
        .status()?;
    ensure!(status.success(), "the programs cannot be built");
    Ok(target.join("dist"))
}

/// Raises the soft limit of open files to the hard limit. The started programs inherit it.
fn raise_open_file_limit() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
