//! The first entries of a fresh store: a `set` for each book.

use std::path::PathBuf;

use common::{Seq, Timestamp};

use super::catalog_diff::CatalogDiff;
use crate::store::catalog_file::{self, CatalogRow};
use crate::store::{self, Store, StoreState};

/// Where the first books of a fresh store come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum InitialCatalog {
    /// The four books that are compiled in.
    #[default]
    BuiltIn,
    /// A catalog file.
    File(PathBuf),
}

impl InitialCatalog {
    fn read(&self) -> Result<Vec<CatalogRow>, catalog_file::Error> {
        match self {
            Self::BuiltIn => catalog_file::parse(catalog_file::DEFAULT.as_bytes(), "the built-in catalog".as_ref()),
            Self::File(path) => catalog_file::read(path),
        }
    }
}

/// Loads the store, after seeding it if it is fresh. A catalog file that lies in a fresh store is used unless another file
/// is named.
pub(super) fn load_or_seed(store: &dyn Store, initial: &InitialCatalog) -> Result<StoreState, store::Error> {
    let loaded = store.load()?;
    if loaded.head > Seq::ZERO || !loaded.books.is_empty() {
        if let InitialCatalog::File(path) = initial {
            tracing::info!(books = %path.display(), "the store has books already; the file is not read");
        }
        return Ok(loaded);
    }
    let rows = match (initial, store.seed_rows()?) {
        (InitialCatalog::BuiltIn, Some(found)) => found,
        (initial, _) => initial.read()?,
    };
    let diff = CatalogDiff::between(Seq::ZERO, &[], rows, false, Timestamp::now());
    store.append(Seq::ZERO, &diff.entries)?;
    let loaded = store.load()?;
    store.checkpoint(&loaded.books, loaded.head)?;
    tracing::info!(books = loaded.books.len(), "a fresh store was filled");
    Ok(loaded)
}
