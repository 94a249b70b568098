//! `bookstored`: the bookstore's services, headless, and the commands on their stores.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use backend::cli::{Cli, Command};
use backend::config::{self, Configuration};
use backend::message::message;
use backend::{daemon, logging, service, settings};
use clap::CommandFactory;

fn main() -> ExitCode {
    let configuration = match Configuration::load(std::env::args_os()) {
        Ok(configuration) => configuration,
        Err(config::Error::CommandLine(usage)) => usage.exit(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "bookstored: {error}");
            return ExitCode::from(2);
        }
    };
    let cli = &configuration.cli;
    let filter = cli.log.as_deref().unwrap_or(cli.command.log_filter());
    logging::init(cli.logging.log_format, filter);
    for why in config::unknown_variables() {
        tracing::warn!("{why}");
    }
    let error = match run(configuration) {
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

fn run(configuration: Configuration) -> Result<ExitCode> {
    let config = configuration.file().map(Path::to_owned);
    match configuration.cli.command {
        Command::Config(_) => {
            io::stdout().write_all(configuration.report().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(feature = "commands")]
        Command::Store(command) => command.run(),
        Command::Completions(args) => Ok(args.run(Cli::command()).map(|()| ExitCode::SUCCESS)?),
        Command::Man(args) => Ok(args.run(Cli::command()).map(|()| ExitCode::SUCCESS)?),
        Command::Serve(services) => {
            let services = services.with_inherited_listeners()?;
            daemon::run(services, &configuration.cli.logging, config.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
