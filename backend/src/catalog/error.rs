//! Why a request to the catalog failed.

use crate::store;

/// Why a request failed. A failed write changed nothing; where that is not known, there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was changed; a retry may succeed.
    #[error("{0}")]
    Busy(&'static str),
    /// Nothing was changed: the store does not serve now, for the reason given.
    #[error("{0}")]
    Unavailable(String),
    /// Nothing was changed: the store has no room left.
    #[error("The store has no room left; nothing was changed.")]
    Full,
    /// The store could not be read.
    #[error(transparent)]
    Store(store::Error),
}

impl Error {
    /// Other catalogs won every attempt to append.
    pub(super) const CONTENDED: Self = Self::Busy("Other catalogs keep changing the ledger; try again.");
    /// The process lacks something that it may have later, such as a file descriptor.
    pub(super) const UNAVAILABLE: Self = Self::Busy("The store is not available; nothing was changed; try again.");
    /// The queue of the ledger's thread is full.
    pub(super) const QUEUE_FULL: Self = Self::Busy("Too many changes are waiting; try again.");
    /// The ledger's thread has ended.
    pub(super) const STOPPING: Self = Self::Busy("The catalog is stopping.");
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error.is_transient() {
            true => Self::of_transient(&error),
            false => Self::Store(error),
        }
    }
}
