//! The command line of `bookstored`.

use std::num::NonZeroUsize;

use clap::{Parser, Subcommand};

use crate::commands;
use crate::settings::{AllInOneSettings, CatalogArgs, FrontendArgs, OrderArgs};

/// The bookstore's services, headless.
#[derive(Debug, Parser)]
#[command(
    name = "bookstored",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
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
    /// Work on a store that no catalog has open.
    #[command(flatten)]
    Store(commands::Command),
}

impl Command {
    /// What is logged unless `BOOKSTORE_LOG` is set. A command on a store prints its result and logs only problems.
    pub fn log_level(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info",
            Self::Store(_) => "warn",
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
    /// Run the front-end: the public HTTP
    Frontend(FrontendArgs),
}

impl Services {
    /// The number of worker threads; `None` for one per processor.
    ///
    /// A catalog or an order service receives one batch after the other: more threads only wake each other.
    pub fn threads(&self) -> Option<usize> {
        match self {
            Self::All(_) | Self::Frontend(_) => None,
            Self::Catalog(_) | Self::Order(_) => {
                let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
                Some(processors.div_ceil(2))
            }
        }
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
