//! Fills a fresh store with the entries of its first books: a `set` for each.

use std::path::PathBuf;

use common::wire::Book;
use common::{Entry, Seq, Timestamp};

use super::catalog_diff::CatalogDiff;
use crate::store::catalog_file::{self, CatalogRow};
use crate::store::{self, Store, StoreState};

/// The source of the first books of a fresh store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum InitialCatalog {
    /// The four books that are compiled in.
    #[default]
    BuiltIn,
    /// A catalog file.
    File {
        /// The path of the file.
        path: PathBuf,
        /// Whether it may have no books.
        allow_empty: bool,
    },
}

impl InitialCatalog {
    fn read(&self) -> Result<Vec<CatalogRow>, catalog_file::Error> {
        match self {
            Self::BuiltIn => catalog_file::parse(catalog_file::DEFAULT.as_bytes(), "the built-in catalog".as_ref()),
            Self::File { path, allow_empty } => {
                let rows = catalog_file::read(path)?;
                catalog_file::check_not_empty(&rows, *allow_empty, path)?;
                Ok(rows)
            }
        }
    }
}

/// Loads the store; fills it first if it is fresh. Without a file in `initial`, a catalog file in the folder of the store takes
/// precedence over the built-in books.
pub(super) fn load_or_seed(store: &dyn Store, initial: &InitialCatalog) -> Result<StoreState, store::Error> {
    let loaded = store.load()?;
    if loaded.head > Seq::ZERO || !loaded.books.is_empty() {
        if let InitialCatalog::File { path, .. } = initial {
            tracing::info!(books = %path.display(), "the store already has books; the catalog file is ignored");
        }
        return Ok(loaded);
    }
    let rows = match (initial, store.seed_rows()?) {
        (InitialCatalog::BuiltIn, Some(found)) => found,
        (initial, _) => initial.read()?,
    };
    let CatalogDiff { entries, .. } = CatalogDiff::between(Seq::ZERO, &[], rows, false, Timestamp::now());
    store.append(Seq::ZERO, &entries)?;
    let mut books: Vec<Book> = entries.iter().filter_map(Entry::described).collect();
    books.sort_unstable_by_key(|book| book.item);
    let head = entries.last().map_or(Seq::ZERO, |last| last.seq);
    store.checkpoint(&books, head)?;
    tracing::info!(books = books.len(), "a new store was filled with books");
    Ok(StoreState { head, books, ..loaded })
}
