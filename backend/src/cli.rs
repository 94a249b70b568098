//! The command line of `bookstored`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use common::wire::ServiceKind;

#[cfg(feature = "commands")]
use crate::commands;
use crate::listeners::InheritedListeners;
use crate::manual::{CompletionsArgs, ManArgs};
use crate::settings::{self, AllInOneSettings, CatalogArgs, FrontendArgs, LogSettings, OrderArgs};

/// The bookstore's services, headless.
#[derive(Debug, Parser)]
#[command(
    name = "bookstored",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// How it logs.
    #[command(flatten)]
    pub logging: LogSettings,
    /// A configuration file (TOML) whose keys are the long names of flags; flags and environment variables override it
    #[arg(long, global = true, env = "BOOKSTORE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Filter of the log, like `debug` or `info,backend::catalog=debug`
    #[arg(long, global = true, env = "BOOKSTORE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run services until they are stopped.
    #[command(flatten)]
    Serve(Box<Services>),
    /// Work on a store.
    #[cfg(feature = "commands")]
    #[command(flatten)]
    Store(commands::Command),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the man page, or write one page for each command to a folder
    Man(ManArgs),
    /// Print the settings in force and where each comes from: a flag, a variable, the configuration file or a default
    ///
    /// Takes the flags of that service. The output has the form of a configuration file and contains no secrets.
    Config(ConfigArgs),
}

/// `bookstored config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The service; `all` unless given.
    #[command(subcommand)]
    pub service: Option<Box<Services>>,
}

impl Command {
    /// The log's filter unless `BOOKSTORE_LOG` is set. A command on a store logs only problems, unless it runs until it is
    /// stopped. The driver's notices are off, because the store reports their meaning.
    pub fn log_filter(&self) -> &'static str {
        match self {
            #[cfg(feature = "commands")]
            Self::Store(command) if !command.is_service() => "warn,sqlx::postgres::notice=error",
            #[cfg(feature = "commands")]
            Self::Store(_) => "info,sqlx::postgres::notice=error",
            Self::Config(_) => "warn,sqlx::postgres::notice=error",
            Self::Serve(_) => "info,sqlx::postgres::notice=error",
            Self::Completions(_) | Self::Man(_) => "warn",
        }
    }
}

/// The services that a process runs.
#[derive(Debug, Clone, Subcommand)]
pub enum Services {
    /// Run the whole shop in one process
    All(AllInOneSettings),
    /// Run the catalog: books, topics, stock and the ledger
    Catalog(CatalogArgs),
    /// Run the order service: buying, receipts, order queries
    Order(OrderArgs),
    /// Run the front-end: the shop's public HTTP interface
    Frontend(FrontendArgs),
}

impl Services {
    /// The name of their subcommand.
    pub(crate) fn role(&self) -> &'static str {
        match self {
            Self::All(_) => "all",
            Self::Catalog(_) => "catalog",
            Self::Order(_) => "order",
            Self::Frontend(_) => "frontend",
        }
    }

    /// The store's URL without a password; `None` for services without a store.
    pub(crate) fn store(&self) -> Option<String> {
        let store = match self {
            Self::All(settings) => &settings.catalog.store,
            Self::Catalog(args) => &args.catalog.store,
            Self::Order(_) | Self::Frontend(_) => return None,
        };
        Some(store.url().ok()?.to_string())
    }

    /// Takes the listeners that the process has inherited. Call it while the process has one thread.
    ///
    /// # Errors
    /// If a listener is not for one of these services.
    pub fn with_inherited_listeners(mut self) -> Result<Self, settings::Error> {
        let (server, services): (_, &[ServiceKind]) = match &mut self {
            Self::All(settings) => (
                &mut settings.server,
                &[ServiceKind::Frontend, ServiceKind::Catalog, ServiceKind::Order],
            ),
            Self::Catalog(args) => (&mut args.server, &[ServiceKind::Catalog]),
            Self::Order(args) => (&mut args.server, &[ServiceKind::Order]),
            Self::Frontend(args) => (&mut args.server, &[ServiceKind::Frontend]),
        };
        server.inherited = InheritedListeners::take(services).map_err(settings::Error)?;
        Ok(self)
    }

    /// How long they keep serving after a stop has begun.
    pub(crate) fn drain_delay(&self) -> Duration {
        let server = match self {
            Self::All(settings) => &settings.server,
            Self::Catalog(args) => &args.server,
            Self::Order(args) => &args.server,
            Self::Frontend(args) => &args.server,
        };
        server.drain_delay
    }

    /// The number of threads beside the main one that serve connections: one for each processor, none if there is only one;
    /// half as many in a service that receives one batch at a time.
    pub(crate) fn connection_threads(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = match self {
            Self::All(_) | Self::Frontend(_) => processors,
            Self::Catalog(_) | Self::Order(_) => processors / 2,
        };
        if threads > 1 { threads } else { 0 }
    }

    /// Whether the services call each other directly.
    pub(crate) fn are_local(&self) -> bool {
        matches!(self, Self::All(_))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        Cli::command().debug_assert();
    }
}
