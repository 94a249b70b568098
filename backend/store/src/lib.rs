//! Stores of the ledger: CSV files, SQLite and PostgreSQL behind one trait. A store makes decisions durable, in order; it
//! decides nothing itself.
//!
//! Every call blocks, so callers run on threads of their own. No other part of the services blocks.

pub mod catalog_file;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod csv;
mod error;
mod lock;
#[cfg(feature = "sql")]
pub mod postgres;
#[cfg(feature = "sql")]
mod sql;
#[cfg(feature = "sql")]
pub mod sqlite;
mod url;
mod writer_guard;

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use common::wire::Book;
use common::{Entry, OrderId, Seq, StoreId};

use self::catalog_file::CatalogRow;
pub use self::error::{Difference, Error};
pub use self::url::Url;
use self::writer_guard::{FullDiskBackoff, WriterGuard};

/// The content of a store at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreState {
    /// The id of the ledger, made when the store was created.
    pub store: StoreId,
    /// The last entry; [`Seq::ZERO`] in a fresh store.
    pub head: Seq,
    /// Every book with the stock that follows from the ledger, by item number.
    pub books: Vec<Book>,
}

/// A ledger and its books.
///
/// Every method blocks. One thread writes at a time; reads run beside it and return durable data only.
///
/// * Entries are ordered by `seq`, which counts from 1 without gaps.
/// * [`append`](Self::append) and [`import`](Self::import) are atomic while the process lives, and durable on return. A
///   crash during one may leave any prefix of its entries, and loses nothing older.
/// * A transient error ([`Error::is_transient`]) has changed nothing, and the store stays open. After any other error of a
///   writing method the durable state is unknown: the store closes, every later write returns [`Error::Closed`], and no
///   client waiting for the batch may be answered. Reads continue.
/// * Only `import` adds or removes books. The entries of `append` are about existing books, except refusals.
pub trait Store: fmt::Debug + Send + Sync {
    /// Returns the id, the head and the books with their stock, all as of the same moment.
    ///
    /// # Errors
    /// [`Error::RestoreIncomplete`] after an interrupted [`restore`](Self::restore); see [`Error`] for the rest.
    fn load(&self) -> Result<StoreState, Error>;

    /// Returns at most `limit` entries after `after`, in order.
    ///
    /// # Errors
    /// See [`Error`].
    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error>;

    /// Finds the entry with this order id in the range `among`. A store with an index may also find one outside the range.
    ///
    /// # Errors
    /// See [`Error`].
    fn find(&self, order: OrderId, among: RangeInclusive<Seq>) -> Result<Option<Entry>, Error>;

    /// Makes entries durable. `head` is the last entry the caller knows; the first of `entries` follows it. Without entries
    /// the call confirms that `head` is the last entry.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the last entry is not `head`, [`Error::Full`] if the disk is full, [`Error::Unavailable`] if
    /// the database cannot be reached; see [`Store`] for the rest.
    fn append(&self, head: Seq, entries: &[Entry]) -> Result<(), Error>;

    /// Appends `entries` and replaces the catalog with `books`, whose stock is the one after the last of `entries`. A crash
    /// leaves all of `entries` or none.
    ///
    /// # Errors
    /// Those of [`append`](Self::append); [`Error::CatalogFile`] for a book that no catalog file can hold.
    fn import(&self, head: Seq, entries: &[Entry], books: &[Book]) -> Result<(), Error>;

    /// Copies entries of another store, durably and unchanged; no book changes. The first call needs a store without
    /// entries, later calls continue from there. Until an [`import`](Self::import) without entries supplies the books that
    /// follow, [`load`](Self::load) returns [`Error::RestoreIncomplete`], which names the head to continue from.
    ///
    /// # Errors
    /// Those of [`append`](Self::append); [`Error::Conflict`] also if the store has entries of its own.
    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error>;

    /// Saves the books as of the entry `at`, so that the next start replays only later entries. Does nothing if an equal or
    /// newer checkpoint exists, or if `at` is not the last entry.
    ///
    /// # Errors
    /// See [`Error`].
    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error>;

    /// Saves a blob under a name and replaces an older one. Blobs hold derived data that only saves time: a crash may lose
    /// one or bring back an older one, but never leaves a partial one.
    ///
    /// # Errors
    /// See [`Error`].
    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error>;

    /// Returns the blob with this name.
    ///
    /// # Errors
    /// See [`Error`].
    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Returns the books of a catalog file found beside an empty ledger, for the first import.
    ///
    /// # Errors
    /// [`Error::CatalogFile`] if the file is not a valid catalog file.
    fn seed_rows(&self) -> Result<Option<Vec<CatalogRow>>, Error> {
        Ok(None)
    }

    /// Returns the manual edit of the catalog file over which the store was opened with [`EditPolicy::Discard`] or
    /// [`EditPolicy::KeepForImport`]. A stock that was not edited is the ledger's, so that an import does not undo later sales.
    fn manual_edit(&self) -> Option<Vec<CatalogRow>> {
        None
    }

    /// Whether other processes may append as well.
    fn is_shared(&self) -> bool {
        false
    }

    /// Waits at most `timeout` until another process appends after `after`, and returns the last entry. This process's own
    /// appends do not end the wait. A store that is not shared waits for the whole timeout and returns `after`.
    ///
    /// # Errors
    /// See [`Error`]. The caller may call again after any error.
    #[expect(clippy::disallowed_methods, reason = "every method of this trait blocks")]
    fn wait_for_append(&self, after: Seq, timeout: Duration) -> Result<Seq, Error> {
        std::thread::sleep(timeout);
        Ok(after)
    }
}

/// What opening does about a catalog file that was edited by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EditPolicy {
    /// Refuse to open and report the differences.
    #[default]
    Refuse,
    /// Save a copy of the edited file and restore it from the ledger.
    Discard,
    /// Leave the edited file in place until an import has read it; the ledger remains authoritative.
    KeepForImport,
}

/// Opens the store at a URL, or creates it, and locks it for this process unless it is shared. `edit` applies to the catalog
/// file of a CSV store.
///
/// # Errors
/// See [`Error`].
pub fn open(url: &Url, edit: EditPolicy) -> Result<Box<dyn Store>, Error> {
    match url {
        Url::Csv(folder) => Ok(Box::new(csv::Store::open(folder, edit)?)),
        #[cfg(feature = "sql")]
        Url::Sqlite(file) => Ok(Box::new(sqlite::Store::open(file)?)),
        #[cfg(feature = "sql")]
        Url::Postgres(address) => Ok(Box::new(postgres::Store::open(address)?)),
    }
}

/// A store opened for inspection, with what inspection found.
#[derive(Debug)]
pub struct Inspection {
    /// Open for reading; a caller must not write.
    pub store: Box<dyn Store>,
    /// Its id, its last entry, and the books as of the newest checkpoint.
    pub checkpoint: StoreState,
    /// The entry as of which the checkpoint's books are; later entries are in the ledger only.
    pub checkpoint_seq: Seq,
    /// Harmless findings, such as a torn tail.
    pub remarks: Vec<String>,
    /// Manual edits of the catalog file.
    pub edits: Vec<Difference>,
}

impl Inspection {
    /// For a store that updates its books with every batch.
    fn of(store: Box<dyn Store>) -> Result<Self, Error> {
        let checkpoint = store.load()?;
        Ok(Self {
            checkpoint_seq: checkpoint.head,
            checkpoint,
            store,
            remarks: Vec::new(),
            edits: Vec::new(),
        })
    }
}

/// Opens the store at a URL for inspection: neither creates nor repairs it. Locks it unless it is shared.
///
/// # Errors
/// [`Error::Missing`]; see [`Error`] for the rest.
pub fn inspect(url: &Url) -> Result<Inspection, Error> {
    match url {
        Url::Csv(folder) => csv::Store::inspect(folder),
        #[cfg(feature = "sql")]
        Url::Sqlite(file) => sqlite::Store::inspect(file),
        #[cfg(feature = "sql")]
        Url::Postgres(address) => Inspection::of(Box::new(postgres::Store::open_existing(address)?)),
    }
}
