//! Why a request to the catalog failed.

use common::{Code, Problem};

use crate::store;

/// Why a request failed. A failed write changed nothing: without that certainty the request gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was changed; a retry may succeed.
    #[error("{0}")]
    Busy(&'static str),
    /// Nothing was changed: the store does not serve now. The text says why.
    #[error("{0}")]
    Unavailable(String),
    /// Nothing was changed: the disk is full.
    #[error("The store is out of disk space; nothing was changed.")]
    Full,
    /// The cursor of a page has the wrong form.
    #[error("after: expected the value of `next` of the previous page.")]
    InvalidCursor,
    /// The store could not be read.
    #[error(transparent)]
    Store(store::Error),
}

impl Error {
    /// Other catalogs appended first in every attempt.
    pub(super) const CONTENDED: Self = Self::Busy("Other catalogs keep changing the ledger; try again.");
    /// A temporary lack of a resource of the process, such as a file descriptor.
    pub(super) const UNAVAILABLE: Self = Self::Busy("The store is not available; nothing was changed. Try again.");
    /// The queue of the ledger thread is full.
    pub(super) const QUEUE_FULL: Self = Self::Busy("Too many changes are waiting; try again.");
    /// The ledger thread has ended.
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

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy(why) => Self::new(Code::Unavailable, why),
            Error::Unavailable(why) => Self::new(Code::Unavailable, why),
            Error::Full => Self::new(Code::StorageFull, error.to_string()),
            Error::InvalidCursor => Self::new(Code::InvalidRequest, error.to_string()),
            // The catalog has logged it.
            Error::Store(error) if error.is_transient() => {
                Self::new(Code::Unavailable, "The store cannot be read at the moment; try again.")
            }
            Error::Store(_) => Self::new(Code::Internal, "The store could not be read."),
        }
    }
}
