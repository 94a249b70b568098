//! The shopkeeper's commands on a store at rest. Results go to standard output, progress to standard error, and only to
//! a terminal.

mod audit;
mod export;
mod generate;
mod import;
mod output;
mod progress;
mod transfer;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

pub use export::Export;
pub use generate::Generate;
pub use import::Import;
pub use output::Target;

use crate::settings::StoreArg;

/// A command with everything it needs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a catalog file into a store
    ///
    /// Books that are new or differ in any column are recorded in the ledger, each with an entry; all of them or, after
    /// a bad line or any failure, none. The changes are shown first. On a terminal you are asked before they are made;
    /// a script is not.
    ///
    /// No catalog may run meanwhile. A CSV or SQLite store is locked by its catalog; of a PostgreSQL store all catalogs
    /// must be stopped by you: if one changes the store meanwhile, nothing is imported.
    Import(Import),
    /// Write a store's books into a catalog file, or move the store to another one
    ///
    /// With --to the whole store is moved: the fresh store there gets every entry as it is (number, time, order, cost)
    /// and the same books, and both are read again and compared. It has an id of its own, so that clients read
    /// everything afresh. Stop the catalogs first. A move that broke off is refused by every other command and goes on
    /// when it is run again.
    Export(Export),
    /// Prove that a store at rest follows from its ledger
    ///
    /// Follows the ledger from its first entry to its last: no gap, every stock follows from the one before, a sale
    /// takes what was ordered at the cost of that time, no order is decided twice, no stock is below zero, and the
    /// store's books are those that the ledger gives. Changes nothing. Exit code 1 and the first violation if anything
    /// is wrong.
    Audit(Audit),
    /// Make up a catalog file of any size
    Generate(Generate),
}

/// `bookstored audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// The store.
    #[command(flatten)]
    store: StoreArg,
    /// Tell the result as one line of JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    /// Carries it out. Blocks; needs no runtime.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(self) -> Result<ExitCode> {
        match self {
            Self::Import(import) => import.run(),
            Self::Export(export) => export.run(),
            Self::Audit(audit) => audit.run(),
            Self::Generate(generate) => generate.run(),
        }
    }
}
