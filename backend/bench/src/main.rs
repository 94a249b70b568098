//! Measures the bookstore against a bare handler, other stores and other programs: rounds of both in turn, on the same
//! machine, by the same generator. And how a catalog starts that has much to remember.

mod ask;
mod chart;
mod crowd;
mod idle;
mod latency;
mod load;
mod machine;
mod million;
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
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Measures the bookstore.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
    /// The folder in which the results are stored
    #[arg(long, value_name = "DIR", global = true, default_value = "target/bench")]
    out: PathBuf,
    /// A folder on the disk to be measured [default: the system's for temporary files]
    #[arg(long, value_name = "FOLDER", global = true)]
    folder: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All goals: against a bare handler, other stores and other programs, as ratios
    Speed(speed::Arguments),
    /// How long a catalog takes to be ready, and its memory
    Sizes(sizes::Arguments),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    build()?;
    let binaries = std::env::current_exe()?
        .parent()
        .context("no folder of programs")?
        .to_owned();
    std::fs::create_dir_all(&cli.out).with_context(|| cli.out.display().to_string())?;
    if let Some(folder) = cli.folder {
        let overridden = tempfile::env::override_temp_dir(&folder);
        ensure!(overridden.is_ok(), "a folder for temporary files is in use already");
    }
    allow_many_files()?;
    match &cli.what {
        What::Speed(arguments) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(speed::measure(arguments, &binaries, &cli.out))
        }
        What::Sizes(arguments) => {
            let table = sizes::measure(arguments, &binaries)?;
            std::fs::write(cli.out.join("sizes.md"), &table)?;
            Ok(std::io::stdout().write_all(table.as_bytes())?)
        }
    }
}

/// All programs, as they are shipped.
fn build() -> Result<()> {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--profile",
            "dist",
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

/// As many open files, connections among them, as the system grants; the programs that are started inherit it.
fn allow_many_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
