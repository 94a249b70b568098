//! Commands on a store or a running shop. Results go to standard output; progress goes to standard error, if that is a
//! terminal.

mod audit;
mod backup;
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

use self::backup::Backup;
use self::export::Export;
use self::generate::Generate;
use self::import::Import;
use crate::settings::StoreArg;

/// The commands, as they stand on the command line.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import a catalog file into a store, or into a running shop
    ///
    /// Each book that is new or differs in any column is recorded as one entry of the ledger. All of them are recorded, or none
    /// if the file has a bad line or anything fails. The changes are shown first. On a terminal the command asks before it
    /// makes them; in a script it does not ask.
    ///
    /// No catalog may run during the import. A CSV or SQLite store is locked by its catalog. With a PostgreSQL store you must
    /// stop all catalogs: if one changes the store during the import, nothing is imported.
    ///
    /// With --url a running shop is changed through its front-end, in batches of up to 1,000 books. Each batch is atomic, but
    /// the import as a whole is not: if it fails, it reports the batches that are done, and the same command does the rest.
    Import(Import),
    /// Write a store's books into a catalog file, or copy the store to another one
    ///
    /// A catalog file can be written while a catalog runs. With --to the whole store is copied: the new store gets every entry
    /// unchanged (number, time, order, cost) and the same books; then both stores are read and compared. The copy has an id of
    /// its own, so that clients reload everything. Stop the catalogs first, or use `bookstored backup`. An unfinished copy is
    /// refused by every other command; run the same command again to finish it.
    Export(Export),
    /// Verify that a store follows from its ledger
    ///
    /// Reads the ledger from its first entry to its last and checks that no entry is missing, every stock follows from the
    /// previous one, each sale has the quantity ordered and the cost at that time, no order is decided twice, no stock is below
    /// zero, and the store's books equal those of the ledger. Changes nothing and takes no lock, so a catalog may run at the
    /// same time. If a check fails, prints the first violations and exits with 4; exits with 1 if the store cannot be read.
    Audit(Audit),
    /// Copy the ledger of a running shop into a store, once or continuously (--follow)
    ///
    /// Continues after the last entry of an existing copy. After every batch the copy is a store that a catalog can be started
    /// on: it has the same entries and an id of its own, so that clients reload everything. It records the id of the shop's
    /// store; a shop with another store or another history is refused.
    ///
    /// The shop's ledger is read through its front-end with the shopkeeper's token, or through its catalog, with the service
    /// token if there is one.
    Backup(Backup),
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
    /// Whether it runs until a signal stops it.
    pub fn is_service(&self) -> bool {
        matches!(self, Self::Backup(backup) if backup.follows())
    }

    /// Runs the command to its end. Blocks.
    ///
    /// # Errors
    /// The reason of the failure. A `clap::Error` means wrong usage.
    pub fn run(self) -> Result<ExitCode> {
        match self {
            Self::Import(import) => import.run(),
            Self::Export(export) => export.run(),
            Self::Audit(audit) => audit.run(),
            Self::Backup(backup) => backup.run(),
            Self::Generate(generate) => generate.run(),
        }
    }
}
