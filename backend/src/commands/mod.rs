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

pub use export::Export;
pub use generate::Generate;
pub use import::Import;
pub use output::Target;
pub use transfer::Transfer;

use crate::store;

/// A command with everything it needs.
#[derive(Debug)]
pub enum Command {
    /// Take a catalog file into a store.
    Import(Import),
    /// Write a store's books into a catalog file.
    Export(Export),
    /// Move a store with its ledger into a fresh one.
    Transfer(Transfer),
    /// Prove that a store follows from its ledger.
    Audit(Audit),
    /// Make up a catalog file.
    Generate(Generate),
}

/// Which store to audit, and how to tell.
#[derive(Debug)]
pub struct Audit {
    /// The store.
    pub store: store::Url,
    /// Whether programs read the result.
    pub json: bool,
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
            Self::Transfer(transfer) => transfer.run(),
            Self::Audit(audit) => audit.run(),
            Self::Generate(generate) => generate.run(),
        }
    }
}
