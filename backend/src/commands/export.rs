//! `bookstored export`: writes a store's books, with their current stock, into a catalog file.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use common::wire::Book;

use super::output::{Target, tell};
use super::progress::Progress;
use super::source::inspect;
use super::transfer::transfer;
use crate::settings::StoreArg;
use crate::store;
use crate::store::catalog_file::{CatalogRow, CatalogWriter, columns_of};

/// Rows between two updates of the progress bar.
const PROGRESS_ROWS: usize = 1_000;

/// `bookstored export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The catalog file to write, or - for standard output
    #[arg(value_name = "FILE", default_value = "-")]
    file: Target,
    #[command(flatten)]
    store: StoreArg,
    /// Copy the store with its ledger into a new store there: csv:DIR, sqlite:FILE or postgres://…
    #[arg(long, value_name = "URL", conflicts_with = "file")]
    to: Option<store::Url>,
    /// Print the result of a copy as one line of JSON
    #[arg(long, requires = "to")]
    json: bool,
}

impl Export {
    pub(super) fn run(self) -> Result<ExitCode> {
        let url = self.store.url()?;
        if let Some(to) = &self.to {
            return transfer(&url, to, self.json);
        }
        let (_store, loaded) = inspect(&url)?;
        let progress = Progress::counting("writing books", loaded.books.len() as u64);
        self.file
            .write(|out| write(out, &loaded.books, &self.file, &progress))?;
        drop(progress);
        if let Target::File(path) = &self.file {
            let (count, head, path) = (loaded.books.len(), loaded.head, path.display());
            tell(&format!("{count} books, as of the entry {head}, are in {path}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write(out: &mut dyn std::io::Write, books: &[Book], target: &Target, progress: &Progress) -> Result<()> {
    let mut writer = CatalogWriter::begin(out, columns_of(books), target.path())?;
    for books in books.chunks(PROGRESS_ROWS) {
        for book in books {
            writer.write(&CatalogRow::from(book))?;
        }
        progress.add(books.len());
    }
    Ok(writer.finish()?)
}
