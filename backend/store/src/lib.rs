//! Stores of the ledger: CSV files, SQLite and PostgreSQL behind one trait. A store makes decisions durable, in order; it
//! decides nothing itself.
//!
//! Every call blocks, so callers run on threads of their own. No other part of the services blocks.

mod batch;
pub mod catalog_file;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod csv;
mod error;
mod format_1;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
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
pub use self::lock::Lock;
pub use self::url::Url;
use self::writer_guard::{FullDiskBackoff, WriterGuard};

/// The content of a store at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreState {
    /// The id of the ledger, made when the store was created.
    pub store: StoreId,
    /// How often the id was [replaced](Store::replace_id).
    pub epoch: Epoch,
    /// The last entry; [`Seq::ZERO`] in a fresh store.
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

/// A ledger, from which the books follow.
///
/// Every method blocks. One thread writes at a time; reads run beside it and return durable data only.
///
/// * Entries are ordered by `seq`, which counts from 1 without gaps. The lines of an order are a group of consecutive
///   entries ([`GroupPosition`](common::GroupPosition)). What is appended, read and found are whole groups.
/// * [`append`](Self::append) is atomic while the process lives, and durable on return. A crash during one loses nothing
///   older and may leave any prefix of its groups, but all or none of an import: entries of kind `set` or `withdrawn`
///   without an order id.
/// * A transient error ([`Error::is_transient`]) has changed nothing, and the store stays open. After any other error of a
///   writing method the durable state is unknown: the store closes, every later write returns [`Error::Closed`], and no
///   client waiting for the batch may be answered. Reads continue.
/// * An entry `set` with a description creates a book or replaces all its columns, `withdrawn` removes it; every other kind
///   is about an existing book, except refusals.
/// * A store of ledger format 1 is upgraded when it is opened; one of a newer format is refused.
pub trait Store: fmt::Debug + Send + Sync {
    /// Returns the id, the head and the books with their stock, all as of the same moment.
    ///
    /// # Errors
    /// [`Error::RestoreIncomplete`] after an interrupted [`restore`](Self::restore); see [`Error`] for the rest.
    fn load(&self) -> Result<StoreState, Error>;

    /// Returns about `limit` entries after `after`, in order: if the last group would be cut, its rest too. `after` is the
    /// end of a group.
    ///
    /// # Errors
    /// See [`Error`].
    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error>;

    /// Returns the groups with an order id whose first entries are in a range, in order and at most `limit`: that entry and
    /// the id.
    ///
    /// # Errors
    /// See [`Error`].
    fn orders(&self, range: RangeInclusive<Seq>, limit: usize) -> Result<Vec<(Seq, OrderId)>, Error>;

    /// Finds the entries with this order id, in order, if the first of them is in the range `among`. A store with an index
    /// may also find them outside the range.
    ///
    /// # Errors
    /// See [`Error`].
    fn find(&self, order: OrderId, among: RangeInclusive<Seq>) -> Result<Vec<Entry>, Error>;

    /// Makes entries durable. `head` is the last entry the caller knows; the first of `entries` follows it. Without entries
    /// the call confirms that `head` is the last entry.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the last entry is not `head`, or not the one that was appended or
    /// [confirmed](Self::confirm) before, [`Error::PartialGroup`], [`Error::CatalogFile`] for a description that no catalog
    /// file can hold, [`Error::Full`] if the disk is full, [`Error::Unavailable`] if the database cannot be reached,
    /// [`Error::ReadOnly`]; see [`Store`] for the rest.
    fn append(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error>;

    /// Copies entries of another store, durably and unchanged. The first call needs a store without entries, later calls
    /// continue from there. Until a [`checkpoint`](Self::checkpoint) at the last of them supplies the books,
    /// [`load`](Self::load) returns [`Error::RestoreIncomplete`], which names the head to continue from.
    ///
    /// # Errors
    /// Those of [`append`](Self::append); [`Error::Conflict`] also if the store has entries of its own.
    fn restore(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error>;

    /// Saves the books as of the entry `at`, so that the next start replays only later entries, and ends a
    /// [`restore`](Self::restore). Does nothing if an equal or newer checkpoint exists, or if `at` is not the last entry.
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

    /// Why durable entries may still be lost, as it was last found: a setting of the database.
    fn risk(&self) -> Option<String> {
        None
    }

    /// Returns the size of the ledger with its indexes; `None` if the store cannot tell.
    ///
    /// # Errors
    /// See [`Error`].
    fn ledger_bytes(&self) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    /// How long the syncs of appends took, if the store syncs by itself.
    fn syncs(&self) -> Option<&Histogram> {
        None
    }

    /// Makes sure that the entry `last`, which was read, and all before it will last, and that the next append follows this
    /// very entry. Until then a failover of a shared store may take what other processes appended.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the ledger does not have the entry any more; see [`Store`] for the rest.
    fn confirm(&self, _last: &Entry) -> Result<(), Error> {
        Ok(())
    }

    /// Keeps other processes that call this out, for as long as this one has the store open. Only a shared store is not
    /// locked anyway.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has claimed it; see [`Error`] for the rest.
    fn claim(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Waits at most `timeout` until no other process appends; until [`unlock_appends`](Self::unlock_appends) the appends of others wait.
    /// Does nothing if the store is not shared.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if others append for so long; see [`Error`] for the rest.
    fn lock_appends(&self, _timeout: Duration) -> Result<(), Error> {
        Ok(())
    }

    /// Ends a turn, if there is one.
    fn unlock_appends(&self) {}

    /// Gives the ledger another id and the next epoch because entries were lost, unless its id is no longer `old`: one process replaces it,
    /// and the others find the new one with [`load`](Self::load). Only a shared store can lose entries and stay open.
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
    /// [`Error::Conflict`] if the ledger ends before `after` or has another id; see [`Error`] for the rest. The caller may call again after any error.
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
        Url::Csv(folder) => Ok(Box::new(csv::CsvStore::open(folder, edit)?)),
        #[cfg(feature = "sql")]
        Url::Sqlite(file) => Ok(Box::new(sqlite::SqliteStore::open(file)?)),
        #[cfg(feature = "sql")]
        Url::Postgres(address) => Ok(Box::new(postgres::PostgresStore::open(address)?)),
    }
}

/// If the ledger of the store at a URL is missing, moves what is left of the store into a new folder, so that [`open`] creates
/// a new store. Does nothing if the ledger is there or nothing is left.
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

/// Locks the store at a URL, so that no other process can open it; `None` if it is shared, which nothing locks.
///
/// # Errors
/// [`Error::Missing`] if not even its folder exists, [`Error::Locked`], [`Error::Io`].
pub fn lock(url: &Url) -> Result<Option<Lock>, Error> {
    let store = match url {
        Url::Csv(folder) => folder,
        #[cfg(feature = "sql")]
        Url::Sqlite(file) => file,
        #[cfg(feature = "sql")]
        Url::Postgres(_) => return Ok(None),
    };
    let Some(path) = url.lock_path() else { return Ok(None) };
    match std::path::absolute(&path).is_ok_and(|path| path.parent().is_some_and(std::path::Path::is_dir)) {
        true => Lock::acquire(&path, store).map(Some),
        false => Err(Error::Missing(url.to_string())),
    }
}

/// A store opened for inspection, with what inspection found.
#[derive(Debug)]
pub struct Inspection {
    /// Open for reading; a caller must not write.
    pub store: Box<dyn Store>,
    /// What it loads: its id, its last entry and its books.
    pub state: StoreState,
    /// Harmless findings, such as a torn tail.
    pub remarks: Vec<String>,
    /// Manual edits of the catalog file.
    pub edits: Vec<Difference>,
}

impl Inspection {
    fn of(store: Box<dyn Store>) -> Result<Self, Error> {
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

/// How often an inspection begins anew because a catalog changed the files meanwhile.
const INSPECTIONS_MAX: u32 = 10;

/// Opens the store at a URL for inspection, as it is at that moment: neither creates, repairs nor upgrades it, changes no data
/// of it and takes no lock. A catalog may use it meanwhile, and it may be on read-only media.
///
/// A catalog that starts, stops or runs out of room during later reads may still make them fail, or find damage that is
/// not there: what is certain is found again by another inspection.
///
/// # Errors
/// [`Error::Missing`], [`Error::OldFormat`]; see [`Error`] for the rest.
pub fn inspect(url: &Url) -> Result<Inspection, Error> {
    match url {
        Url::Csv(folder) => csv::CsvStore::inspect(folder),
        #[cfg(feature = "sql")]
        Url::Sqlite(file) => sqlite::SqliteStore::inspect(file),
        #[cfg(feature = "sql")]
        Url::Postgres(address) => postgres::PostgresStore::inspect(address),
    }
}
