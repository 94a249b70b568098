//! Inspects a store without locking or changing it.

use common::Epoch;

use crate::csv::CsvStore;
#[cfg(feature = "sql")]
use crate::postgres::PostgresStore;
#[cfg(feature = "sql")]
use crate::sqlite::SqliteStore;
use crate::{Difference, Error, Store, StoreState, Url};

/// A store opened for inspection, and the findings.
#[derive(Debug)]
pub struct Inspection {
    /// Open for reading; a caller must not write.
    pub store: Box<dyn Store>,
    /// The result of [`Store::load`].
    pub state: StoreState,
    /// Harmless findings, such as a torn tail.
    pub remarks: Vec<String>,
    /// Manual edits of the catalog file.
    pub edits: Vec<Difference>,
}

impl Inspection {
    pub(crate) fn of(store: Box<dyn Store>) -> Result<Self, Error> {
        let state = store.load()?;
        let remark = || {
            let Epoch(times) = state.epoch;
            format!(
                "the history was replaced {times} times, because the database had lost entries: sales that were \
                 acknowledged before may be missing"
            )
        };
        Ok(Self {
            remarks: (!state.epoch.is_first()).then(remark).into_iter().collect(),
            state,
            store,
            edits: Vec::new(),
        })
    }
}

/// The attempts of an inspection: a catalog that changes the files meanwhile makes it start again.
pub(crate) const INSPECTIONS_MAX: u32 = 10;

/// Opens the store at a URL for inspection, as of that moment. Takes no lock and changes nothing: it neither creates, repairs
/// nor upgrades the store. A catalog may use the store meanwhile, and the store may be on read-only media.
///
/// If a catalog starts, stops or runs out of room during later reads, they may fail or report damage that does not exist.
/// Repeat the inspection: real damage is found again.
///
/// # Errors
/// [`Error::Missing`], [`Error::OldFormat`]; see [`Error`] for the rest.
pub fn inspect(url: &Url) -> Result<Inspection, Error> {
    match url {
        Url::Csv(folder) => CsvStore::inspect(folder),
        #[cfg(feature = "sql")]
        Url::Sqlite(file) => SqliteStore::inspect(file),
        #[cfg(feature = "sql")]
        Url::Postgres(address) => PostgresStore::inspect(address),
    }
}
