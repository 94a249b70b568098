//! The command line of `bookstored`: raw arguments, made into checked settings.

mod commands;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use common::time::parse_duration;

pub use self::commands::{AuditArgs, ExportArgs, GenerateArgs, ImportArgs};
use crate::all;
use crate::catalog::InitialCatalog;
use crate::commands::Command;
use crate::descriptors;
use crate::service::{CatalogSettings, Listen};
use crate::store::{self, EditPolicy};

/// The bookstore's services, headless.
#[derive(Debug, Parser)]
#[command(
    name = "bookstored",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Which part of the shop to run.
    #[command(subcommand)]
    pub role: Role,
}

/// The parts of the shop, and what is done to a store at rest.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// Run the whole shop in one process
    All(AllArgs),
    /// Run the catalog: books, topics, stock and the ledger
    Catalog(CatalogArgs),
    /// Run the order service: buying, receipts, order queries
    Order(OrderArgs),
    /// Run the front-end: the public HTTP
    Frontend(FrontendArgs),
    /// Take a catalog file into a store
    ///
    /// Books that are new or differ in any column are recorded in the ledger, each with an entry; all of them or, after
    /// a bad line or any failure, none. The changes are shown first. On a terminal you are asked before they are made;
    /// a script is not.
    ///
    /// No catalog may run meanwhile. A CSV or SQLite store is locked by its catalog; of a PostgreSQL store all catalogs
    /// must be stopped by you: if one changes the store meanwhile, nothing is imported.
    Import(ImportArgs),
    /// Write a store's books into a catalog file, or move the store to another one
    ///
    /// With --to the whole store is moved: the fresh store there gets every entry as it is (number, time, order, cost)
    /// and the same books, and both are read again and compared. It has an id of its own, so that clients read
    /// everything afresh. Stop the catalogs first. A move that broke off is refused by every other command and goes on
    /// when it is run again.
    Export(ExportArgs),
    /// Prove that a store at rest follows from its ledger
    ///
    /// Follows the ledger from its first entry to its last: no gap, every stock follows from the one before, a sale
    /// takes what was ordered at the cost of that time, no order is decided twice, no stock is below zero, and the
    /// store's books are those that the ledger gives. Changes nothing. Exit code 1 and the first violation if anything
    /// is wrong.
    Audit(AuditArgs),
    /// Make up a catalog file of any size
    Generate(GenerateArgs),
}

#[derive(Debug, Args)]
struct PlaceArgs {
    /// Where the ledger is kept: csv:DIR, sqlite:FILE or postgres://… [default: csv: in your data folder]
    #[arg(long, env = "BOOKSTORE_STORE", value_name = "URL")]
    store: Option<store::Url>,
}

#[derive(Debug, Args)]
struct StoreArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// A catalog file whose books fill a fresh store [default: four books, built in]
    #[arg(long, env = "BOOKSTORE_BOOKS", value_name = "FILE")]
    books: Option<PathBuf>,
    /// If the store's catalog file was edited by hand, keep a copy of it and go by the ledger
    #[arg(long)]
    discard_edit: bool,
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// A file with the shopkeeper's token; the variable BOOKSTORE_ADMIN_TOKEN may hold the token itself
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct GraceArgs {
    /// How long requests in hand may take after a stop, like 10s
    #[arg(long, env = "BOOKSTORE_GRACE", value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    grace: Duration,
}

#[derive(Debug, Args)]
struct CatalogUrlArgs {
    /// The catalog's address; of several, separated by commas, the first that is ready is used
    #[arg(
        long,
        env = "BOOKSTORE_CATALOG_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8081"
    )]
    catalog_url: String,
}

/// `bookstored all`.
#[derive(Debug, Args)]
pub struct AllArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Where the front-end listens; port 0 takes a free one
    #[arg(
        long,
        env = "BOOKSTORE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    listen: SocketAddr,
    /// Where the catalog listens
    #[arg(
        long,
        env = "BOOKSTORE_CATALOG_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081"
    )]
    catalog_listen: SocketAddr,
    /// Where the order service listens
    #[arg(
        long,
        env = "BOOKSTORE_ORDER_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8082"
    )]
    order_listen: SocketAddr,
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    grace: GraceArgs,
}

/// `bookstored catalog`.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Where it listens; port 0 takes a free one
    #[arg(
        long,
        env = "BOOKSTORE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081"
    )]
    listen: SocketAddr,
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    grace: GraceArgs,
}

/// `bookstored order`.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// Where it listens; port 0 takes a free one
    #[arg(
        long,
        env = "BOOKSTORE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8082"
    )]
    listen: SocketAddr,
    #[command(flatten)]
    catalog: CatalogUrlArgs,
    #[command(flatten)]
    grace: GraceArgs,
}

/// `bookstored frontend`.
#[derive(Debug, Args)]
pub struct FrontendArgs {
    /// Where it listens; port 0 takes a free one
    #[arg(
        long,
        env = "BOOKSTORE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    listen: SocketAddr,
    #[command(flatten)]
    catalog: CatalogUrlArgs,
    /// The order service's address; of several, separated by commas, the first that is ready is used
    #[arg(
        long,
        env = "BOOKSTORE_ORDER_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8082"
    )]
    order_url: String,
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    grace: GraceArgs,
}

/// What to do, with everything it needs.
#[derive(Debug)]
pub enum Plan {
    /// Run services until told to stop.
    Serve(Services),
    /// Work on a store at rest.
    Work(Command),
}

/// Services with everything they need.
#[derive(Debug)]
pub enum Services {
    /// The whole shop.
    All(all::Settings),
    /// A catalog.
    Catalog(Listen, CatalogSettings),
    /// An order service, over those catalogs.
    Order(Listen, String),
    /// A front-end, over those catalogs and order services.
    Frontend(Listen, String, String, Option<Arc<str>>),
}

impl Services {
    /// How many threads answer requests; as many as the machine has processors unless said otherwise.
    ///
    /// What reaches a catalog or an order service comes in batches, one after the other: there, more threads wake each other
    /// for nothing.
    pub fn threads(&self) -> Option<usize> {
        match self {
            Self::All(_) | Self::Frontend(..) => None,
            Self::Catalog(..) | Self::Order(..) => {
                let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
                Some(processors.div_ceil(2))
            }
        }
    }
}

impl Role {
    /// Checks the arguments and reads what they name.
    ///
    /// # Errors
    /// What is wrong and what to do about it.
    pub fn plan(self) -> Result<Plan> {
        let services = match self {
            Self::All(args) => {
                let token = args.token.read()?;
                Services::All(all::Settings {
                    catalog: args.store.settings(token)?,
                    listen: args.listen,
                    catalog_listen: args.catalog_listen,
                    order_listen: args.order_listen,
                    grace: args.grace.grace,
                    share_token: false,
                })
            }
            Self::Catalog(args) => {
                let token = args.token.read()?;
                Services::Catalog(args.grace.listen(args.listen), args.store.settings(token)?)
            }
            Self::Order(args) => Services::Order(args.grace.listen(args.listen), args.catalog.catalog_url),
            Self::Frontend(args) => {
                let token = args.token.read()?;
                let listen = args.grace.listen(args.listen);
                Services::Frontend(listen, args.catalog.catalog_url, args.order_url, token)
            }
            Self::Import(args) => return Ok(Plan::Work(args.command()?)),
            Self::Export(args) => return Ok(Plan::Work(args.command()?)),
            Self::Audit(args) => return Ok(Plan::Work(args.command()?)),
            Self::Generate(args) => return Ok(Plan::Work(args.command())),
        };
        Ok(Plan::Serve(services))
    }

    /// What is logged unless `BOOKSTORE_LOG` says otherwise. A command tells its result, not its doings.
    pub fn log_level(&self) -> &'static str {
        match self {
            Self::All(_) | Self::Catalog(_) | Self::Order(_) | Self::Frontend(_) => "info",
            Self::Import(_) | Self::Export(_) | Self::Audit(_) | Self::Generate(_) => "warn",
        }
    }
}

impl PlaceArgs {
    fn url(self) -> Result<store::Url> {
        let url = self.store.or_else(store::Url::user_default);
        url.context("no data folder is known; say where the store is with --store")
    }
}

impl StoreArgs {
    fn settings(self, token: Option<Arc<str>>) -> Result<CatalogSettings> {
        Ok(CatalogSettings {
            store: self.place.url()?,
            edit: if self.discard_edit {
                EditPolicy::Discard
            } else {
                EditPolicy::Refuse
            },
            books: self.books.map_or(InitialCatalog::BuiltIn, InitialCatalog::File),
            token,
        })
    }
}

impl GraceArgs {
    fn listen(&self, address: SocketAddr) -> Listen {
        Listen {
            address,
            grace: self.grace,
            connections_max: descriptors::connections_max(1),
        }
    }
}

impl TokenArgs {
    fn read(&self) -> Result<Option<Arc<str>>> {
        const VARIABLE: &str = "BOOKSTORE_ADMIN_TOKEN";
        let (token, source) = match &self.admin_token_file {
            Some(path) => {
                let token = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the shopkeeper's token from {}", path.display()))?;
                (token, path.display().to_string())
            }
            None => match std::env::var(VARIABLE) {
                Ok(token) => (token, VARIABLE.to_owned()),
                Err(std::env::VarError::NotPresent) => return Ok(None),
                Err(error) => bail!("{VARIABLE}: {error}"),
            },
        };
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("{source}: expected one word of visible ASCII characters as the shopkeeper's token");
        }
        Ok(Some(Arc::from(token)))
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
