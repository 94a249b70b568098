//! The arguments of the commands on a store at rest.

use std::path::PathBuf;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _};

use super::{Cli, PlaceArgs};
use crate::commands::{Audit, Command, Export, Generate, Import, Target, Transfer};
use crate::store;

/// `bookstored import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The catalog file, or - for standard input [default: a CSV store's own catalog.csv, as you edited it]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Withdraw the books that are not in the file; else they stay
    #[arg(long)]
    replace: bool,
    /// If the store's own catalog.csv was edited by hand, keep a copy of it and go by the ledger
    #[arg(long, requires = "file")]
    discard_edit: bool,
    /// Show the changes and make none
    #[arg(long)]
    dry_run: bool,
    /// Make the changes without asking
    #[arg(long, short)]
    yes: bool,
    /// Tell the result as one line of JSON, and ask nobody
    #[arg(long)]
    json: bool,
}

/// `bookstored export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The catalog file to write, or - for standard output
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
    /// Move the store with its ledger into a fresh store there: csv:DIR, sqlite:FILE or postgres://…
    #[arg(long, value_name = "URL", conflicts_with = "file")]
    to: Option<store::Url>,
    /// Tell the result of a move as one line of JSON
    #[arg(long, requires = "to")]
    json: bool,
}

/// `bookstored audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Tell the result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// `bookstored generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// How many books; their numbers are 1 to N
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    books: u32,
    /// The catalog file to write, or - for standard output
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// The same seed gives the same books
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How many topics; the first has the most books
    #[arg(long, value_name = "T", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    topics: u32,
}

impl ImportArgs {
    pub(super) fn command(self) -> Result<Command> {
        let store = self.place.url()?;
        if self.file.is_none() && !matches!(store, store::Url::Csv(_)) {
            let why = "name the catalog FILE to import; only a CSV store has one of its own to be edited";
            return Err(Cli::command().error(ErrorKind::MissingRequiredArgument, why).into());
        }
        Ok(Command::Import(Import {
            file: self.file,
            store,
            replace: self.replace,
            discard_edit: self.discard_edit,
            dry_run: self.dry_run,
            yes: self.yes,
            json: self.json,
        }))
    }
}

impl ExportArgs {
    pub(super) fn command(self) -> Result<Command> {
        let store = self.place.url()?;
        Ok(match self.to {
            Some(to) => Command::Transfer(Transfer {
                from: store,
                to,
                json: self.json,
            }),
            None => Command::Export(Export {
                store,
                target: Target::named(Some(self.file)),
            }),
        })
    }
}

impl AuditArgs {
    pub(super) fn command(self) -> Result<Command> {
        Ok(Command::Audit(Audit {
            store: self.place.url()?,
            json: self.json,
        }))
    }
}

impl GenerateArgs {
    pub(super) fn command(self) -> Command {
        Command::Generate(Generate {
            books: self.books,
            seed: self.seed,
            topics: self.topics,
            target: Target::named(Some(self.file)),
        })
    }
}
