//! The command line of `bookstored`: raw arguments, made into checked settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use color_eyre::eyre::{Context, OptionExt, Result, bail};
use common::time::parse_duration;

use crate::all;
use crate::catalog::Listings;
use crate::service::{CatalogSettings, Listen};
use crate::store::{self, Edit};

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

/// The parts of the shop.
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
}

#[derive(Debug, Args)]
struct StoreArgs {
    /// Where the ledger is kept: csv:DIR, sqlite:FILE or postgres://… [default: csv: in your data folder]
    #[arg(long, env = "BOOKSTORE_STORE", value_name = "URL")]
    store: Option<store::Url>,
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

/// A role with everything it needs.
#[derive(Debug)]
pub enum Plan {
    /// The whole shop.
    All(all::Settings),
    /// A catalog.
    Catalog(Listen, CatalogSettings),
    /// An order service, over those catalogs.
    Order(Listen, String),
    /// A front-end, over those catalogs and order services.
    Frontend(Listen, String, String, Option<Arc<str>>),
}

impl Role {
    /// Checks the arguments and reads what they name.
    ///
    /// # Errors
    /// What is wrong and what to do about it.
    pub fn plan(self) -> Result<Plan> {
        Ok(match self {
            Self::All(args) => {
                let token = args.token.read()?;
                Plan::All(all::Settings {
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
                Plan::Catalog(args.grace.listen(args.listen), args.store.settings(token)?)
            }
            Self::Order(args) => Plan::Order(args.grace.listen(args.listen), args.catalog.catalog_url),
            Self::Frontend(args) => {
                let token = args.token.read()?;
                let listen = args.grace.listen(args.listen);
                Plan::Frontend(listen, args.catalog.catalog_url, args.order_url, token)
            }
        })
    }
}

impl StoreArgs {
    fn settings(self, token: Option<Arc<str>>) -> Result<CatalogSettings> {
        let store = match self.store {
            Some(store) => store,
            None => store::Url::of_user().ok_or_eyre("no data folder is known; say where the store is with --store")?,
        };
        Ok(CatalogSettings {
            store,
            edit: if self.discard_edit { Edit::Discard } else { Edit::Refuse },
            books: self.books.map_or(Listings::Default, Listings::File),
            token,
        })
    }
}

impl GraceArgs {
    fn listen(&self, address: SocketAddr) -> Listen {
        Listen {
            address,
            grace: self.grace,
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
