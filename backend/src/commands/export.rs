//! `bookstored export`: the books of a store as a catalog file, with today's stock.

use std::process::ExitCode;

use anyhow::Result;
use common::wire::Book;

use super::output::{Target, tell};
use super::progress::Progress;
use crate::store::catalog_file::{CatalogRowRef, CatalogWriter};
use crate::store::{self, Inspection, StoreState};

/// Rows between two looks at the bar.
const STRIDE: usize = 1_000;

/// Which store, and where its books go.
#[derive(Debug)]
pub struct Export {
    /// The store.
    pub store: store::Url,
    /// The file.
    pub target: Target,
}

impl Export {
    pub(super) fn run(self) -> Result<ExitCode> {
        let (_store, loaded) = look(&self.store)?;
        let progress = Progress::counting("writing books", loaded.books.len() as u64);
        self.target
            .write(|out| write(out, &loaded.books, &self.target, &progress))?;
        drop(progress);
        if let Target::File(path) = &self.target {
            let (count, head, path) = (loaded.books.len(), loaded.head, path.display());
            tell(&format!(
                "{count} books, as they stand after the entry {head}, are in {path}"
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Looks at a store whose catalog file nobody has edited. It stays locked for as long as it is held.
pub(super) fn look(url: &store::Url) -> Result<(Box<dyn store::Store>, StoreState)> {
    let progress = Progress::waiting(format!("opening {url}"));
    let Inspection { store, edits, .. } = store::inspect(url)?;
    if !edits.is_empty() {
        return Err(store::Error::Edited {
            path: url.to_string().into(),
            differences: edits,
        }
        .into());
    }
    let loaded = store.load()?;
    drop(progress);
    Ok((store, loaded))
}

fn write(out: &mut dyn std::io::Write, books: &[Book], target: &Target, progress: &Progress) -> Result<()> {
    let with_author = books.iter().any(|book| book.author.is_some());
    let mut writer = CatalogWriter::begin(out, with_author, target.path())?;
    for books in books.chunks(STRIDE) {
        for book in books {
            writer.write(CatalogRowRef::from(book))?;
        }
        progress.add(books.len());
    }
    Ok(writer.finish()?)
}
