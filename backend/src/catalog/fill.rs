//! The first entries of a fresh store: the `set` of each book.

use std::path::PathBuf;

use common::{Seq, Timestamp};

use super::changes::Changes;
use crate::store::catalog_file::{self, CatalogRow};
use crate::store::{self, Store, StoreState};

/// Where the first books of a fresh store come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Listings {
    /// The four books that are compiled in.
    #[default]
    Default,
    /// A catalog file.
    File(PathBuf),
}

impl Listings {
    fn read(&self) -> Result<Vec<CatalogRow>, catalog_file::Error> {
        match self {
            Self::Default => catalog_file::parse(catalog_file::DEFAULT.as_bytes(), "the built-in catalog".as_ref()),
            Self::File(path) => catalog_file::read(path),
        }
    }
}

/// What the store holds, after filling it if it is fresh.
pub(super) fn load(store: &dyn Store, listings: &Listings) -> Result<StoreState, store::Error> {
    let loaded = store.load()?;
    if loaded.head > Seq::ZERO || !loaded.books.is_empty() {
        if let Listings::File(path) = listings {
            tracing::info!(books = %path.display(), "the store has books already; the file is not read");
        }
        return Ok(loaded);
    }
    let listings = match (listings, store.seed_rows()?) {
        (Listings::Default, Some(found)) => found,
        (named, _) => named.read()?,
    };
    let changes = Changes::between(Seq::ZERO, &[], listings, false, Timestamp::now());
    store.import(Seq::ZERO, &changes.entries, &changes.books)?;
    tracing::info!(books = changes.books.len(), "a fresh store was filled");
    store.load()
}
