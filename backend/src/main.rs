//! `bookstored`: the bookstore's services, headless, and the commands on their stores.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use backend::cli::{Cli, Plan};
use clap::Parser;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_standard_error(cli.role.log_level());
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            if let Some(usage) = error.downcast_ref::<clap::Error>() {
                usage.exit();
            }
            // Nobody may be reading; the exit code says it, too.
            let _ = writeln!(io::stderr(), "bookstored: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli.role.plan()? {
        Plan::Work(command) => command.run(),
        Plan::Serve(services) => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            if let Some(threads) = services.threads() {
                builder.worker_threads(threads);
            }
            builder.enable_all().build()?.block_on(backend::run(services))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `BOOKSTORE_LOG` filters, as in `debug` or `backend::catalog=debug`.
fn log_to_standard_error(level: &str) {
    let filter = std::env::var("BOOKSTORE_LOG").ok();
    let filter = filter.as_deref().unwrap_or(level).parse::<Targets>();
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let format = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colours);
    let is_bad = filter.is_err();
    tracing_subscriber::registry()
        .with(format)
        .with(filter.unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO)))
        .init();
    if is_bad {
        tracing::warn!("BOOKSTORE_LOG is no filter: use `debug` or `backend::catalog=debug`");
    }
}
