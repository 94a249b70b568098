//! Stores of the ledger: CSV files, SQLite and PostgreSQL behind one trait. A store makes decisions durable, in order; it
//! decides nothing itself.
//!
//! Every call blocks, so callers use a blocking thread or the ledger thread. No other part of the services blocks.

mod batch;
pub mod catalog_file;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod csv;
mod error;
mod format_1;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod inspection;
mod lock;
mod lost;
#[cfg(feature = "sql")]
pub mod postgres;
mod private_file;
#[cfg(feature = "sql")]
mod sql;
#[cfg(feature = "sql")]
pub mod sqlite;
mod texts;
mod url;
mod writer_guard;

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use common::metrics::Histogram;
use common::wire::Book;
use common::{Entry, Epoch, ItemNumber, OrderId, Seq, StoreId};

use self::catalog_file::CatalogRow;
pub use self::error::{Difference, Error};
use self::inspection::INSPECTIONS_MAX;
pub use self::inspection::{Inspection, inspect};
pub use self::lock::Lock;
pub use self::url::Url;
use self::writer_guard::{FullDiskBackoff, WriterGuard};

/// The content of a store at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreState {
    /// The id of the ledger, drawn when the store is created.
    pub store: StoreId,
    /// The number of times that the id was [replaced](Store::replace_id).
    pub epoch: Epoch,
    /// The number of the last entry; [`Seq::ZERO`] in a new store.
    pub head: Seq,
    /// Every book with the stock that follows from the ledger, by item number.
    pub books: Vec<Book>,
}

impl StoreState {
    /// The book with this number.
    pub fn book(&self, item: ItemNumber) -> Option<&Book> {
        let index = self.books.binary_search_by_key(&item, |book| book.item);
        self.books.get(index.ok()?)
    }
}

/// A ledger and the books that follow from it.
///
/// Every method blocks. One thread writes at a time; concurrent reads return durable data only.
///
/// * Entries are ordered by `seq`, which counts from 1 without gaps. The lines of an order are a group of consecutive
///   entries ([`GroupPosition`](common::GroupPosition)). A store appends, reads and finds whole groups.
/// * [`append`](Self::append) is atomic while the process lives, and durable on return. A crash during an append loses no
///   older entry and may leave any prefix of its groups, but all or none of an import: entries of kind `set` or `withdrawn`
///   without an order id.
/// * After a transient error ([`Error::is_transient`]) nothing is changed and the store stays open. After any other error of a
///   writing method the durable state is unknown: the store closes, every later write returns [`Error::Closed`], and the
///   clients of the batch must not be answered. Reads continue.
/// * An entry `set` with a description creates a book or replaces all its columns, `withdrawn` removes it; every other kind
///   except a refusal requires an existing book.
/// * A store of ledger format 1 is upgraded when it is opened; one of a newer format is refused.
pub trait Store: fmt::Debug + Send + Sync {
    /// Returns the id, the head and the books with their stock, all as of the same moment.
    ///
    /// # Errors
    /// [`Error::RestoreIncomplete`] after an interrupted [`restore`](Self::restore); see [`Error`] for the rest.
    fn load(&self) -> Result<StoreState, Error>;

    /// Returns `limit` entries after `after`, in order, and the rest of the last group. `after` must be the end of a group.
    ///
    /// # Errors
    /// See [`Error`].
    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error>;

    /// Returns at most `limit` groups with an order id whose first entry is in `range`, in order, as the first entry and the
    /// order id.
    ///
    /// # Errors
    /// See [`Error`].
    fn orders(&self, range: RangeInclusive<Seq>, limit: usize) -> Result<Vec<(Seq, OrderId)>, Error>;

    /// Returns the entries with an order id, in order, if the first of them is in the range `among`. A store with an index may
    /// return entries outside the range too.
    ///
    /// # Errors
    /// See [`Error`].
    fn find(&self, order: OrderId, among: RangeInclusive<Seq>) -> Result<Vec<Entry>, Error>;

    /// Makes entries durable. The first of `entries` follows `expected_head`. Without entries the call only checks that
    /// `expected_head` is the last entry.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the last entry is not `expected_head`, or is not the entry that was appended or
    /// [confirmed](Self::confirm) last, [`Error::PartialGroup`], [`Error::CatalogFile`] for a description that no catalog
    /// file can hold, [`Error::Full`] if the disk is full, [`Error::Unavailable`] if the database cannot be reached,
    /// [`Error::ReadOnly`]; see [`Store`] for the rest.
    fn append(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error>;

    /// Copies entries of another store, durably and unchanged. The first call requires a store without entries. Until a
    /// [`checkpoint`](Self::checkpoint) at the last entry supplies the books, [`load`](Self::load) returns
    /// [`Error::RestoreIncomplete`] with the head to continue from.
    ///
    /// # Errors
    /// Those of [`append`](Self::append); [`Error::Conflict`] also if the store has entries of its own.
    fn restore(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error>;

    /// Saves the books as of the entry `at`, so that the next start reads only later entries, and ends a
    /// [`restore`](Self::restore). Does nothing if an equal or newer checkpoint exists, or if `at` is not the last entry.
    ///
    /// # Errors
    /// See [`Error`].
    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error>;

    /// Saves a blob under a name and replaces an older one. A blob makes the next start faster or adds a check: a crash
    /// may lose it or bring back an older one, but never leaves a partial one. In the folder of a CSV store its file is
    /// `.NAME.note`, in a database the table is `notes`.
    ///
    /// # Errors
    /// See [`Error`].
    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error>;

    /// Returns the blob with this name.
    ///
    /// # Errors
    /// See [`Error`].
    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Returns the books of the catalog file beside an empty ledger, for the first import.
    ///
    /// # Errors
    /// [`Error::CatalogFile`] if the file is not a valid catalog file.
    fn seed_rows(&self) -> Result<Option<Vec<CatalogRow>>, Error> {
        Ok(None)
    }

    /// Returns the manual edit of the catalog file over which the store was opened with [`EditPolicy::Discard`] or
    /// [`EditPolicy::KeepForImport`]. An unedited stock is replaced by the ledger's, so that an import does not undo later
    /// sales.
    fn manual_edit(&self) -> Option<Vec<CatalogRow>> {
        None
    }

    /// Whether other processes may append as well.
    fn is_shared(&self) -> bool {
        false
    }

    /// A setting of the database that may lose durable entries, as of the last check.
    fn risk(&self) -> Option<String> {
        None
    }

    /// Returns the size of the ledger with its indexes in bytes; `None` if it is unknown.
    ///
    /// # Errors
    /// See [`Error`].
    fn ledger_bytes(&self) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    /// The durations of the syncs of appends; `None` if a database syncs.
    fn syncs(&self) -> Option<&Histogram> {
        None
    }

    /// Makes the read entry `last` and all entries before it durable on the synchronous standby too, and requires the next
    /// append to follow this very entry. Before that, a failover of a shared store may lose entries of other processes.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the ledger no longer has the entry; see [`Store`] for the rest.
    fn confirm(&self, _last: &Entry) -> Result<(), Error> {
        Ok(())
    }

    /// Takes an exclusive claim until the store is dropped; other callers get [`Error::Locked`]. Does nothing if the store is
    /// not shared, because it is locked anyway.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process holds the claim; see [`Error`] for the rest.
    fn claim(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Takes the append lock: until [`unlock_appends`](Self::unlock_appends) the appends of other processes wait. Does nothing
    /// if the store is not shared.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if other processes hold the lock for `timeout`; see [`Error`] for the rest.
    fn lock_appends(&self, _timeout: Duration) -> Result<(), Error> {
        Ok(())
    }

    /// Releases the append lock if this process holds it.
    fn unlock_appends(&self) {}

    /// After entries were lost: gives the ledger a new id and the next epoch if its id is still `old`. Thus one process
    /// replaces the id, and the others find it with [`load`](Self::load). Only a shared store can lose entries and stay open.
    ///
    /// # Errors
    /// See [`Store`].
    fn replace_id(&self, _old: StoreId) -> Result<(), Error> {
        Err(Error::Closed)
    }

    /// Waits at most `timeout` until another process appends after `after`, and returns the last entry. This process's own
    /// appends do not end the wait. A store that is not shared waits for the whole timeout and returns `after`.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the ledger ends before `after` or has another id; see [`Error`] for the rest. The caller may call
    /// again after any error.
    #[expect(clippy::disallowed_methods, reason = "every method of this trait blocks")]
    fn wait_for_append(&self, after: Seq, timeout: Duration) -> Result<Seq, Error> {
        std::thread::sleep(timeout);
        Ok(after)
    }
}

/// What [`open`] does with a catalog file that was edited by hand.
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
        Url::Csv(folder) => Ok(Box::new(csv::CsvStore::open(folder, edit)?)),
        #[cfg(feature = "sql")]
        Url::Sqlite(file) => Ok(Box::new(sqlite::SqliteStore::open(file)?)),
        #[cfg(feature = "sql")]
        Url::Postgres(address) => Ok(Box::new(postgres::PostgresStore::open(address)?)),
    }
}

/// If the ledger of the store at a URL is missing, moves the store's other files into a new folder, so that [`open`] creates a
/// new store. Does nothing if the ledger or no file exists.
///
/// # Errors
/// [`Error::Locked`], [`Error::Io`].
pub fn init(url: &Url) -> Result<(), Error> {
    match url {
        Url::Csv(folder) => csv::CsvStore::init(folder),
        #[cfg(feature = "sql")]
        Url::Sqlite(file) => sqlite::SqliteStore::init(file),
        #[cfg(feature = "sql")]
        Url::Postgres(_) => Ok(()),
    }
}

/// Locks the store at a URL, so that no other process can open it; `None` if it is shared.
///
/// # Errors
/// [`Error::Missing`] if its folder does not exist, [`Error::Locked`], [`Error::Io`].
pub fn lock(url: &Url) -> Result<Option<Lock>, Error> {
    let Some(path) = url.lock_path() else { return Ok(None) };
    if !std::path::absolute(&path).is_ok_and(|path| path.parent().is_some_and(std::path::Path::is_dir)) {
        return Err(Error::Missing(url.to_string()));
    }
    match url {
        Url::Csv(folder) => Lock::acquire(&path, folder).map(Some),
        #[cfg(feature = "sql")]
        Url::Sqlite(file) => Lock::acquire(&path, file).map(Some),
        #[cfg(feature = "sql")]
        Url::Postgres(_) => Ok(None),
    }
}
