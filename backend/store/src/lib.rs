//! Where the ledger lives. A store makes decisions durable, in order; it decides nothing itself.
//!
//! This is the only part of the services that blocks: its callers run on threads of their own.

pub mod catalog_file;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod csv;
mod lock;
pub mod postgres;
mod sql;
pub mod sqlite;
mod url;

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::wire::Book;
use common::{Entry, OrderId, Seq, StoreId};

use self::catalog_file::Listing;
pub use self::url::Url;

/// What a store holds when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Whose ledger it is.
    pub store: StoreId,
    /// The last entry; [`Seq::ZERO`] in a fresh store.
    pub head: Seq,
    /// Every book with the stock that follows from the ledger, by item number.
    pub books: Vec<Book>,
}

/// A ledger and the books it is about.
///
/// Every method blocks. One thread appends at a time; reads may run beside it and see only what is durable.
///
/// * Entries stand in the order of their `seq`, which counts from 1 without gaps.
/// * [`append`](Self::append) and [`import`](Self::import) are all or nothing while the program lives, and durable when
///   they return: after a crash during one, any prefix of its entries may be there, and nothing else is lost.
/// * After a passing error ([`Error::is_passing`]) nothing has changed and the store goes on. Any other error of a
///   writing method means that nobody knows what is on the disk: the store is closed for good, every later write is
///   [`Error::Closed`], and whoever waited for the batch must not be answered. Reads go on.
/// * Only `import` brings new books or takes one away; the entries of `append` are about books that are there, but for
///   refusals.
pub trait Store: fmt::Debug + Send + Sync {
    /// The books with their stock, the head and the store's id, all as of the same moment.
    ///
    /// # Errors
    /// [`Error::Unfinished`] after a [`restore`](Self::restore) that did not come to its end; see [`Error`] for the rest.
    fn load(&self) -> Result<Loaded, Error>;

    /// At most `limit` entries after `after`, in order.
    ///
    /// # Errors
    /// See [`Error`].
    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error>;

    /// The entry that decided an order or a stock change, if it is among those; one elsewhere may be found, too.
    ///
    /// # Errors
    /// See [`Error`].
    fn find(&self, order: OrderId, among: RangeInclusive<Seq>) -> Result<Option<Entry>, Error>;

    /// Makes entries durable. `head` is the last entry the caller knows; the first of `entries` is the next one.
    /// Without entries it confirms that `head` is the last entry.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the last entry is another one, [`Error::Full`] if there is no room, [`Error::Unavailable`]
    /// if the database cannot be reached; see [`Store`] for the rest.
    fn append(&self, head: Seq, entries: &[Entry]) -> Result<(), Error>;

    /// Like [`append`](Self::append), and `books` are the whole catalog from then on: their titles, authors, topics and
    /// costs, and the stock after the last of `entries`. Here a crash may leave all of `entries` or none.
    ///
    /// # Errors
    /// Those of [`append`](Self::append); [`Error::CatalogFile`] for a book that no catalog file can hold.
    fn import(&self, head: Seq, entries: &[Entry], books: &[Book]) -> Result<(), Error>;

    /// Takes entries over from another store as they are, durably; no book changes. `head` and errors are those of
    /// [`append`](Self::append). The first call needs a store without entries, the next ones go on from there. Until an
    /// [`import`](Self::import) of the books that follow from all of them, without entries of its own, the store is
    /// [`Error::Unfinished`] for whoever loads it; after a crash or a failure one goes on from the head named there.
    ///
    /// # Errors
    /// Those of [`append`](Self::append); [`Error::Conflict`] also where there are entries of the store's own.
    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error>;

    /// Notes the books as they stand after the entry `at`, so that the next start need not replay what is older. Does
    /// nothing if an equal or newer note is there, or if `at` is not the last entry: the note is worth nothing then.
    ///
    /// # Errors
    /// See [`Error`].
    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error>;

    /// Keeps a note under a name, in place of an older one. Notes follow from the ledger and only save time: a crash may
    /// take one away or bring an older one back, but never half of one.
    ///
    /// # Errors
    /// See [`Error`].
    fn keep(&self, name: &str, note: &[u8]) -> Result<(), Error>;

    /// The note under a name, if there is one.
    ///
    /// # Errors
    /// See [`Error`].
    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;

    /// The books that somebody left beside an empty ledger, for the first import.
    ///
    /// # Errors
    /// [`Error::CatalogFile`] if they cannot be understood.
    fn seed(&self) -> Result<Option<Vec<Listing>>, Error> {
        Ok(None)
    }

    /// The edit of the catalog that the store was opened over with [`Edit::Discard`] or [`Edit::Take`], for whoever wants
    /// to import it. Where the stock of a book was not edited, it is the ledger's: an import must not undo the sales since.
    fn edit(&self) -> Option<Vec<Listing>> {
        None
    }

    /// Whether other processes may append to it, too. Nobody need wait for others where there are none.
    fn is_shared(&self) -> bool {
        false
    }

    /// Waits until another process has appended after `after`, but for at most `patience`; gives the last entry. What was
    /// appended from here is no news. A store that is not shared has nobody to wait for: it sits the time out and gives `after`.
    ///
    /// # Errors
    /// See [`Error`]. An error here is no reason to stop: the next call looks again.
    fn wait_for_others(&self, after: Seq, patience: Duration) -> Result<Seq, Error> {
        let until = Instant::now() + patience;
        while let Some(left) = until
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            std::thread::park_timeout(left);
        }
        Ok(after)
    }
}

/// What to do about a catalog file that was edited by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edit {
    /// Refuse to start and show the differences.
    #[default]
    Refuse,
    /// Keep a copy of the edited file and go by the ledger.
    Discard,
    /// Go by the ledger, and leave the edited file where it is until an import has taken it.
    Take,
}

/// Opens the store at a URL and, unless it is a shared one, locks it for this process; makes a fresh one where there is
/// none. `edit` is about a CSV store's catalog file.
///
/// # Errors
/// See [`Error`].
pub fn open(url: &Url, edit: Edit) -> Result<Box<dyn Store>, Error> {
    match url {
        Url::Csv(folder) => Ok(Box::new(csv::Store::open(folder, edit)?)),
        Url::Sqlite(file) => Ok(Box::new(sqlite::Store::open(file)?)),
        Url::Postgres(address) => Ok(Box::new(postgres::Store::open(address)?)),
    }
}

/// A store at rest, opened to be looked at.
#[derive(Debug)]
pub struct Inspection {
    /// For reading; it takes nothing.
    pub store: Box<dyn Store>,
    /// Its id, its last entry, and the books as the store notes them.
    pub noted: Loaded,
    /// The entry after which the books are noted so; later entries are in the ledger only.
    pub at: Seq,
    /// What is no fault, but good to know.
    pub remarks: Vec<String>,
    /// Where somebody edited the catalog file by hand.
    pub edits: Vec<Difference>,
}

impl Inspection {
    /// Of a store whose books are noted with every batch.
    fn of(store: Box<dyn Store>) -> Result<Self, Error> {
        let noted = store.load()?;
        Ok(Self {
            at: noted.head,
            noted,
            store,
            remarks: Vec::new(),
            edits: Vec::new(),
        })
    }
}

/// Opens the store at a URL to look at it: makes none where there is none, and mends nothing. Unless it is a shared one,
/// it is locked meanwhile.
///
/// # Errors
/// [`Error::Missing`]; see [`Error`] for the rest.
pub fn inspect(url: &Url) -> Result<Inspection, Error> {
    match url {
        Url::Csv(folder) => csv::Store::inspect(folder),
        Url::Sqlite(file) => sqlite::Store::inspect(file),
        Url::Postgres(address) => Inspection::of(Box::new(postgres::Store::open_existing(address)?)),
    }
}

/// One book whose catalog file and ledger disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which book and column, as in `book 2, stock`.
    pub place: String,
    /// What the file says.
    pub file: String,
    /// What the ledger says.
    pub ledger: String,
}

/// What a store was doing when what it holds made no sense.
pub const MAKE_SENSE: &str = "make sense of";

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else appended: the ledger's last entry is another one.
    #[error("the ledger has moved on")]
    Conflict,
    /// There is no room; nothing was changed. Reads go on, and room is looked for again at most once a second.
    #[error("no room left for {}: {source}", path.display())]
    Full {
        /// What could not grow.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is none.
    #[error("there is no store at {0}")]
    Missing(String),
    /// Parts of a store are there without its ledger. A fresh ledger would forget every order.
    #[error(
        "{} is missing, but {found} shows that a store was here; restore it from a backup, or move what is left to another folder to begin a new store", ledger.display()
    )]
    LedgerMissing {
        /// The file that is missing.
        ledger: PathBuf,
        /// The names of the files that are left.
        found: String,
    },
    /// Another store was being moved here, and that has not come to its end.
    #[error(
        "{store} holds a part of another store only, up to the entry {head}, as a move broke off; run the same `bookstored export --to` again, or remove what is there"
    )]
    Unfinished {
        /// The store.
        store: String,
        /// The last entry that has arrived.
        head: Seq,
    },
    /// Another process has it open.
    #[error("the store {} is in use by another program{}; stop that one, or use another --store", path.display(), holder.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The store.
        path: PathBuf,
        /// The process that holds the lock, where it left its number.
        holder: Option<u32>,
    },
    /// A file says something that no healthy store says.
    #[error("{}:{line}: {why}; {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// The catalog file was changed by somebody else than the store.
    #[error("{} was edited by hand:{}\nTo take the edit, run `bookstored import`; to drop it (a copy is kept), start with --discard-edit", path.display(), list(differences))]
    Edited {
        /// The file.
        path: PathBuf,
        /// Where it differs from the ledger.
        differences: Vec<Difference>,
    },
    /// The catalog file is none.
    #[error(transparent)]
    CatalogFile(#[from] catalog_file::Error),
    /// The disk failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done, as in `sync`.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database failed, or holds what no healthy store holds. No secret is in the text.
    #[error("cannot {doing} {store}: {why}")]
    Database {
        /// What was being done, as in `append to`.
        doing: &'static str,
        /// The store's URL without its password.
        store: String,
        /// What the database said.
        why: String,
    },
    /// The database cannot be reached, or is busy; nothing was changed, and it may be better the next time.
    #[error("{store} is not available: {why}; nothing was changed")]
    Unavailable {
        /// The store's URL without its password.
        store: String,
        /// What the system or the database said.
        why: String,
    },
    /// An earlier failure closed the store for good.
    #[error("the store is closed after a failure")]
    Closed,
}

impl Error {
    /// For `map_err` around one operation on one file.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether the store goes on after it.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Conflict | Self::Full { .. } | Self::CatalogFile(_) | Self::Unavailable { .. }
        )
    }
}

fn list(differences: &[Difference]) -> String {
    use std::fmt::Write as _;
    const SHOWN_MAX: usize = 20;
    let mut lines = String::new();
    for Difference { place, file, ledger } in differences.iter().take(SHOWN_MAX) {
        let _ = write!(lines, "\n  {place}: the file says {file}, the ledger {ledger}");
    }
    if differences.len() > SHOWN_MAX {
        let _ = write!(lines, "\n  and {} more", differences.len() - SHOWN_MAX);
    }
    lines
}
