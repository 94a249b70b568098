//! Commands on a store that no catalog uses. Results go to standard output; progress goes to standard error, if that is a
//! terminal.

mod audit;
mod export;
mod generate;
mod import;
mod output;
mod progress;
mod source;
mod transfer;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use self::export::Export;
use self::generate::Generate;
use self::import::Import;
use crate::settings::StoreArg;

/// The commands, as they stand on the command line.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import a catalog file into a store
    ///
    /// Each book that is new or differs in any column is recorded as one entry of the ledger. All of them are recorded,
    /// or none if the file has a bad line or anything fails. The changes are shown first. On a terminal you are asked
    /// before they are made; a script is not.
    ///
    /// No catalog may run meanwhile. A CSV or SQLite store is locked by its catalog. With a PostgreSQL store you must
    /// stop all catalogs: if one changes the store meanwhile, nothing is imported.
    Import(Import),
    /// Write a store's books into a catalog file, or copy the store to another one
    ///
    /// With --to the whole store is copied: the new store gets every entry unchanged (number, time, order, cost) and the
    /// same books; then both stores are read and compared. The copy has an id of its own, so that clients reload
    /// everything. Stop the catalogs first. An unfinished copy is refused by every other command; run the same command
    /// again to finish it.
    Export(Export),
    /// Verify that a store follows from its ledger
    ///
    /// Replays the ledger from its first entry to its last: no entry is missing, every stock follows from the one before,
    /// a sale takes what was ordered at the cost of that time, no order is decided twice, no stock is below zero, and the
    /// store's books are those that the ledger gives. Changes nothing. Exit code 4 and the first violations if anything is
    /// wrong, 1 if the store cannot be read.
    Audit(Audit),
    /// Generate a catalog file of any size
    Generate(Generate),
}

/// `bookstored audit`.
#[derive(Debug, Args)]
pub struct Audit {
    #[command(flatten)]
    store: StoreArg,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    /// Runs the command to its end. Blocks; needs no runtime.
    ///
    /// # Errors
    /// Why it failed. A `clap::Error` means wrong usage.
    pub fn run(self) -> Result<ExitCode> {
        match self {
            Self::Import(import) => import.run(),
            Self::Export(export) => export.run(),
            Self::Audit(audit) => audit.run(),
            Self::Generate(generate) => generate.run(),
        }
    }
}
