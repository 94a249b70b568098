//! `bookstored`: the bookstore's services, headless, and the commands on their stores.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use backend::cli::{Cli, Command, message};
use backend::{daemon, service, settings};
use clap::{CommandFactory, Parser};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_standard_error(cli.command.log_filter());
    let error = match run(cli) {
        Ok(code) => return code,
        Err(error) => error,
    };
    match error.downcast::<clap::Error>() {
        Ok(usage) => usage.format(&mut Cli::command()).exit(),
        Err(error) => {
            // Standard error may be closed; the exit code reports the failure too.
            let _ = writeln!(io::stderr(), "bookstored: {}", message(&error));
            let is_usage = error.downcast_ref().is_some_and(service::Error::is_usage);
            match is_usage || error.is::<settings::Error>() {
                true => ExitCode::from(2),
                false => ExitCode::FAILURE,
            }
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
            builder.enable_all().build()?.block_on(daemon::run(*services))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `BOOKSTORE_LOG` filters, as in `debug` or `backend::catalog=debug`.
fn log_to_standard_error(default_filter: &str) {
    let filter = std::env::var("BOOKSTORE_LOG").ok();
    let filter = filter.as_deref().unwrap_or(default_filter).parse::<Targets>();
    let use_colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let format = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(use_colours);
    let is_invalid = filter.is_err();
    tracing_subscriber::registry()
        .with(format)
        .with(filter.unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO)))
        .init();
    if is_invalid {
        tracing::warn!("BOOKSTORE_LOG is not a filter: use `debug` or `backend::catalog=debug`");
    }
}
