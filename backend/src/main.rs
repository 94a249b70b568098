//! `bookstored`: the bookstore's services, headless, and the commands on their stores.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use backend::cli::{Cli, Command};
use backend::daemon;
use clap::{CommandFactory, Parser};
use color_eyre::eyre::Result;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_standard_error(cli.command.log_level());
    let error = match run(cli) {
        Ok(code) => return code,
        Err(error) => error,
    };
    match error.downcast::<clap::Error>() {
        Ok(usage) => usage.format(&mut Cli::command()).exit(),
        Err(error) => {
            // Standard error may be closed; the exit code reports the failure too.
            let _ = writeln!(io::stderr(), "bookstored: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Store(command) => command.run(),
        Command::Serve(services) => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            if let Some(threads) = services.threads() {
                builder.worker_threads(threads);
            }
            builder.enable_all().build()?.block_on(daemon::run(services))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `BOOKSTORE_LOG` filters, as in `debug` or `backend::catalog=debug`.
fn log_to_standard_error(level: &str) {
    let filter = EnvFilter::try_from_env("BOOKSTORE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let use_colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(use_colours)
        .init();
}
