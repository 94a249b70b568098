//! `bookstored`: the bookstore's services, headless, and the commands on their stores.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use backend::cli::{Cli, Command, message};
use backend::{daemon, logging, service, settings};
use clap::{CommandFactory, Parser};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = std::env::var("BOOKSTORE_LOG").ok();
    let filter = filter.as_deref().unwrap_or(cli.command.log_filter());
    logging::init(cli.logging.log_format, filter);
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
            builder
                .enable_all()
                .build()?
                .block_on(daemon::run(*services, &cli.logging))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
