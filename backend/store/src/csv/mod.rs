//! A store in a folder of plain files: the append-only `ledger.csv`, which is authoritative, and `catalog.csv`, a checkpoint
//! for people to read and edit. A batch is one write and one sync.
//!
//! The store must never retry a failed sync, truncate durable lines, or overwrite a manual edit without permission.

mod active;
mod append;
mod books_blob;
mod disk;
mod edit;
mod files;
mod find;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod inspection;
mod line;
mod open;
mod rebuild;
mod recovery;
mod segment;
mod segments;
#[cfg(test)]
mod simulated;
mod store;
#[cfg(test)]
mod tests;
mod upgrade;

#[cfg(any(test, feature = "conformance"))]
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use common::metrics::Histogram;
use common::wire::Book;
use common::{Entry, Incident, Seq, StoreId};

use self::append::AppendState;
use self::disk::{Disk, Real};
use self::files::Files;
use self::line::Format;
use self::open::Opened;
use self::segment::Segment;
use super::catalog_file::{self, CatalogRow};
use super::format_1::OldTitles;
use super::lock::Lock;
use super::{EditPolicy, Error, Inspection, Store, StoreState, WriterGuard, lost, private_file};

const LOCK: &str = "lock";
/// The size in bytes at which a segment is sealed and the next one is started.
const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A store of CSV files.
#[derive(Debug)]
pub struct CsvStore {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    id: StoreId,
    segment_bytes_max: u64,
    append_state: WriterGuard<AppendState>,
    view: RwLock<ReadView>,
    /// The state that opening rebuilt, for the first `load`.
    opened_state: Mutex<Option<StoreState>>,
    manual_edit: Option<Vec<CatalogRow>>,
    old_titles: OldTitles,
    sealing: Incident,
    syncs: Histogram,
    _lock: Option<Lock>,
}

/// The durable part of the ledger, which readers use.
#[derive(Debug, Clone)]
struct ReadView {
    head: Seq,
    /// All segments in order; the last one is active.
    segments: Vec<Segment>,
}

impl CsvStore {
    /// Opens and locks the store in a folder, or creates it. Upgrades a store of format 1.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Damaged`], [`Error::Edited`], [`Error::Full`], [`Error::Io`].
    pub fn open(folder: &Path, edit: EditPolicy) -> Result<Self, Error> {
        private_file::make_folder(folder)?;
        let lock = Lock::acquire(&folder.join(LOCK), folder)?;
        Self::open_on(real(folder)?, folder, edit, SEGMENT_BYTES_MAX, Some(lock))
    }

    /// If the ledger is missing, moves the store's other files into the folder `lost-TIME` of its folder.
    pub(crate) fn init(folder: &Path) -> Result<(), Error> {
        if !folder.is_dir() {
            return Ok(());
        }
        let mut lock = Lock::acquire(&folder.join(LOCK), folder)?;
        let disk = real(folder)?;
        let files = Files { disk: &*disk, folder };
        let has_ledger = inspection::find_segments(&*disk, folder)?.is_some();
        if has_ledger || lost::refuse(folder, files.leftovers()?, lock.path()).is_ok() {
            return Ok(());
        }
        let names = files.names()?.into_iter().filter(|name| Files::is_own(name));
        let paths: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
        lost::move_aside(&paths, &folder.join("lost"), &mut lock)
    }

    /// Opens a store with segments of 2,000 bytes, without a lock.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    #[cfg(any(test, feature = "conformance"))]
    pub fn open_with_small_segments(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
        Self::open_on(real(folder)?, folder, EditPolicy::Refuse, 2_000, None)
    }

    /// Opens the store in a folder for inspection, as [`inspect`](crate::inspect) says.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::OldFormat`], [`Error::Damaged`], [`Error::RestoreIncomplete`], [`Error::Io`].
    pub fn inspect(folder: &Path) -> Result<Inspection, Error> {
        if !folder.is_dir() {
            return Err(Error::Missing(shown(folder)));
        }
        let disk = real(folder)?;
        let Some(mut found) = inspection::inspect_folder(&*disk, folder)? else {
            let files = Files { disk: &*disk, folder };
            lost::refuse(&folder.join(files::ACTIVE), files.leftovers()?, &folder.join(LOCK))?;
            return Err(Error::Missing(shown(folder)));
        };
        if found.scan.format == Format::One {
            return Err(Error::OldFormat(shown(folder)));
        }
        let rebuilt = found.rebuild(true)?;
        let (remarks, edits) = (found.remarks(), found.edits(&rebuilt)?);
        let opened = Opened::new(found, rebuilt.state);
        let store = Self::new(
            Arc::clone(&disk),
            folder,
            SEGMENT_BYTES_MAX,
            None,
            opened,
            WriterGuard::closed,
        )?;
        Ok(Inspection {
            remarks,
            edits,
            ..Inspection::of(Box::new(store))?
        })
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        edit: EditPolicy,
        segment_bytes_max: u64,
        mut lock: Option<Lock>,
    ) -> Result<Self, Error> {
        let opened = open::open(&*disk, folder, edit)?;
        if let Some(lock) = &mut lock {
            lock.record_store(opened.state.store);
        }
        let wants_checkpoint =
            opened.is_upgraded && opened.manual_edit.is_none() && !opened.append_state.marker.is_restore;
        let upgraded = wants_checkpoint.then(|| opened.state.clone());
        let store = Self::new(disk, folder, segment_bytes_max, lock, opened, WriterGuard::new)?;
        if let Some(StoreState { head, books, .. }) = upgraded {
            match store.checkpoint(&books, head) {
                Err(error) if error.is_transient() => tracing::warn!(%error, "no checkpoint was written"),
                written => written?,
            }
        }
        Ok(store)
    }

    fn new(
        disk: Arc<dyn Disk>,
        folder: &Path,
        segment_bytes_max: u64,
        lock: Option<Lock>,
        opened: Opened,
        guard: impl FnOnce(AppendState) -> WriterGuard<AppendState>,
    ) -> Result<Self, Error> {
        let Opened {
            segments,
            append_state,
            state,
            manual_edit,
            is_upgraded: _,
        } = opened;
        let is_restore = append_state.marker.is_restore;
        Ok(Self {
            old_titles: OldTitles::new(segments::format_1_until(&*disk, &segments)?),
            disk,
            folder: folder.to_owned(),
            id: state.store,
            segment_bytes_max,
            view: RwLock::new(ReadView {
                head: append_state.head,
                segments,
            }),
            append_state: guard(append_state),
            opened_state: Mutex::new(Some(state).filter(|_| !is_restore)),
            manual_edit,
            sealing: Incident::new("no new file of the ledger can be started"),
            syncs: Histogram::of_durations(),
            _lock: lock,
        })
    }

    fn files(&self) -> Files<'_> {
        Files {
            disk: &*self.disk,
            folder: &self.folder,
        }
    }

    fn view(&self) -> ReadView {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds the missing titles to entries of format 1.
    fn with_titles(&self, mut entries: Vec<Entry>, segments: &[Segment]) -> Result<Vec<Entry>, Error> {
        self.old_titles.add_to(&mut entries, || {
            let books = rebuild::upgraded_books(&*self.disk, segments)?;
            Ok(books.into_iter().map(|(item, book)| (item, book.title)).collect())
        })?;
        Ok(entries)
    }
}

fn real(folder: &Path) -> Result<Arc<dyn Disk>, Error> {
    Ok(Arc::new(Real::open(folder).map_err(Error::io("open", folder))?))
}

fn encode(files: &Files<'_>, books: &[Book]) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    catalog_file::write(&mut content, books, &files.catalog_path())?;
    Ok(content)
}

fn shown(folder: &Path) -> String {
    super::Url::Csv(folder.to_owned()).to_string()
}
