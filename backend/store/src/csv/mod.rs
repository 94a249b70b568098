//! A store in a folder of plain files: the append-only `ledger.csv`, which is authoritative, and `catalog.csv`, a checkpoint
//! for people to read and edit. A batch is one write and one sync.
//!
//! It must never retry a failed sync, never truncate durable lines, and never overwrite a manual edit without permission.

mod checkpoint;
mod disk;
mod last_seq_index;
mod line;
mod open;
mod recovery;
mod segment;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
mod writer;

use std::fs;
use std::ops::{ControlFlow, RangeInclusive};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use common::wire::Book;
use common::{Entry, OrderId, Seq, StoreId};

use self::checkpoint::CatalogFiles;
use self::disk::{Disk, Real};
use self::line::Digest;
use self::open::Opened;
use self::segment::Segment;
use self::writer::Writer;
use super::catalog_file::{self, CatalogRow};
use super::lock::Lock;
use super::{EditPolicy, Error, Inspection, StoreState, WriterGuard};

/// A segment that is larger than this is sealed, and a new one is started.
const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A store of CSV files.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    id: StoreId,
    segment_bytes_max: u64,
    writer: WriterGuard<Writer>,
    durable: RwLock<Durable>,
    /// The state that opening replayed, for the first `load`.
    opened_state: Mutex<Option<StoreState>>,
    manual_edit: Option<Vec<CatalogRow>>,
    _lock: Option<Lock>,
}

/// What is durable and visible to readers.
#[derive(Debug, Clone)]
struct Durable {
    head: Seq,
    /// In order; the last one is active.
    segments: Vec<Segment>,
}

impl Store {
    /// Opens and locks the store in a folder, or creates it.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Damaged`], [`Error::Edited`], [`Error::Full`], [`Error::Io`].
    pub fn open(folder: &Path, edit: EditPolicy) -> Result<Self, Error> {
        let is_new = !folder.exists();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(Error::io("make", folder))?;
        if let Some(parent) = folder.parent().filter(|_| is_new) {
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            Real.sync_folder(parent).map_err(Error::io("sync", parent))?;
        }
        let lock = Lock::acquire(&folder.join("lock"), folder)?;
        Self::open_on(Arc::new(Real), folder, edit, SEGMENT_BYTES_MAX, Some(lock))
    }

    /// Opens a store with segments of 2,000 bytes, without a lock.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    #[cfg(any(test, feature = "conformance"))]
    pub fn open_with_small_segments(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
        Self::open_on(Arc::new(Real), folder, EditPolicy::Refuse, 2_000, None)
    }

    /// Opens and locks the store in a folder for inspection; changes no file of it.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Locked`], [`Error::Damaged`], [`Error::RestoreIncomplete`], [`Error::Io`].
    pub fn inspect(folder: &Path) -> Result<Inspection, Error> {
        if !folder.is_dir() {
            return Err(Error::Missing(shown(folder)));
        }
        let lock = Lock::acquire(&folder.join("lock"), folder)?;
        let Some(inspection) = open::inspect_folder(&Real, folder)? else {
            open::refuse_leftovers(&CatalogFiles { disk: &Real, folder })?;
            return Err(Error::Missing(shown(folder)));
        };
        let (checkpoint, checkpoint_seq) = (inspection.checkpoint(), inspection.scan.marker.seq);
        let (remarks, edits) = (inspection.remarks(), inspection.edits());
        let store = Self::new(
            Arc::new(Real),
            folder,
            SEGMENT_BYTES_MAX,
            Some(lock),
            inspection.into_opened(),
            WriterGuard::closed,
        );
        store.refuse_incomplete()?;
        Ok(Inspection {
            store: Box::new(store),
            checkpoint,
            checkpoint_seq,
            remarks,
            edits,
        })
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        edit: EditPolicy,
        segment_bytes_max: u64,
        lock: Option<Lock>,
    ) -> Result<Self, Error> {
        let opened = open::open(&*disk, folder, edit)?;
        Ok(Self::new(
            disk,
            folder,
            segment_bytes_max,
            lock,
            opened,
            WriterGuard::new,
        ))
    }

    fn new(
        disk: Arc<dyn Disk>,
        folder: &Path,
        segment_bytes_max: u64,
        lock: Option<Lock>,
        opened: Opened,
        guard: impl FnOnce(Writer) -> WriterGuard<Writer>,
    ) -> Self {
        let head = opened.head;
        let mut segments = opened.sealed;
        segments.push(opened.active.clone());
        Self {
            disk,
            folder: folder.to_owned(),
            id: opened.marker.store,
            segment_bytes_max,
            writer: guard(Writer {
                head,
                active: opened.active,
                marker: opened.marker,
                buffer: Vec::new(),
            }),
            durable: RwLock::new(Durable { head, segments }),
            opened_state: Mutex::new(opened.state),
            manual_edit: opened.manual_edit,
            _lock: lock,
        }
    }

    /// A ledger with entries and without a catalog file is an incomplete restore.
    fn refuse_incomplete(&self) -> Result<(), Error> {
        self.writer.read(|writer| match (writer.marker.seq, writer.head) {
            (Seq::ZERO, head) if head > Seq::ZERO => Err(Error::RestoreIncomplete {
                store: shown(&self.folder),
                head,
            }),
            _ => Ok(()),
        })
    }

    fn catalog_files(&self) -> CatalogFiles<'_> {
        CatalogFiles {
            disk: &*self.disk,
            folder: &self.folder,
        }
    }

    fn durable(&self) -> Durable {
        self.durable.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn encode(&self, books: &[Book]) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        catalog_file::write(&mut content, books, &self.catalog_files().path())?;
        Ok(content)
    }
}

fn shown(folder: &Path) -> String {
    super::Url::Csv(folder.to_owned()).to_string()
}

impl super::Store for Store {
    fn load(&self) -> Result<StoreState, Error> {
        self.refuse_incomplete()?;
        // Without a write in between, the catalog files and the ledger are as of the same moment.
        self.writer.read(|writer| {
            let opened = self.opened_state.lock().map_err(|_| Error::Closed)?.take();
            if let Some(opened) = opened.filter(|opened| opened.head == writer.head) {
                return Ok(opened);
            }
            let Durable { head, segments } = self.durable();
            let files = self.catalog_files();
            let rows = match writer.marker.seq {
                Seq::ZERO => Vec::new(),
                _ => files.parse(&files.find_content(writer.marker.new)?)?,
            };
            let books = recovery::replay(&files, &segments, &writer.marker, rows, head)?;
            Ok(StoreState {
                store: self.id,
                head,
                books,
            })
        })
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        let Durable { head, segments } = self.durable();
        let mut entries = Vec::new();
        if limit == 0 {
            return Ok(entries);
        }
        segment::each_entry(&*self.disk, &segments, after, head, |line| {
            entries.push(line.entry().map_err(|why| why.to_string())?);
            Ok(if entries.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok(entries)
    }

    fn find(&self, order: OrderId, among: RangeInclusive<Seq>) -> Result<Option<Entry>, Error> {
        segment::find(&*self.disk, &self.durable().segments, order, &among)
    }

    fn append(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.append_batch(head, entries, false)
    }

    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.append_batch(head, entries, true)
    }

    fn import(&self, head: Seq, entries: &[Entry], books: &[Book]) -> Result<(), Error> {
        let content = self.encode(books)?;
        self.writer.write(|writer, full_disk| {
            let last = writer.check_consecutive(head, entries)?.unwrap_or(head);
            self.with_room(writer, full_disk, |writer| {
                let current = self.catalog_files().user_file()?;
                let is_edited = Digest::of(current.as_deref()) != writer.marker.new || writer.marker.seq == Seq::ZERO;
                if let Some(edited) = current.as_deref().filter(|_| is_edited)
                    && catalog_file::parse(edited, &self.catalog_files().path()).ok()
                        != Some(self.catalog_files().parse(&content)?)
                {
                    self.catalog_files().save_edit(edited)?;
                }
                writer.encode(entries);
                self.replace_catalog(writer, books, &content, current.as_deref(), last)
            })
        })
    }

    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        let content = self.encode(books)?;
        self.writer.write(|writer, full_disk| {
            if at != writer.head || writer.marker.seq >= at {
                return Ok(());
            }
            let current = self.catalog_files().user_file()?;
            if current.is_some() && Digest::of(current.as_deref()) != writer.marker.new {
                tracing::warn!(
                    "the catalog file was edited by hand; no checkpoint is written, and the next start reports the edit"
                );
                return Ok(());
            }
            writer.buffer.clear();
            self.with_room(writer, full_disk, |writer| {
                self.replace_catalog(writer, books, &content, current.as_deref(), at)
            })
        })
    }

    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.catalog_files().put_blob(name, content)
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.catalog_files().get_blob(name)
    }

    fn seed_rows(&self) -> Result<Option<Vec<CatalogRow>>, Error> {
        let is_empty = self.durable().head == Seq::ZERO;
        let files = self.catalog_files();
        let current = if is_empty { files.user_file()? } else { None };
        Ok(current
            .map(|current| catalog_file::parse(&current, &files.path()))
            .transpose()?)
    }

    fn manual_edit(&self) -> Option<Vec<CatalogRow>> {
        self.manual_edit.clone()
    }
}
