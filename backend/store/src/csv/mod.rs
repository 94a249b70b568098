//! A store in a folder of plain files: `catalog.csv` for the shopkeeper's eyes, and the append-only `ledger.csv`, which
//! is the truth. A batch is one write and one sync.
//!
//! It must never sync again what failed to sync, never cut what was durable, and never overwrite an edit it was not told
//! to drop.

mod checkpoint;
mod disk;
mod line;
mod open;
mod recovery;
mod segment;
#[cfg(test)]
mod simulated;
mod tags;
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

use self::checkpoint::Catalog;
use self::disk::{Disk, Real};
use self::line::Digest;
use self::open::Opened;
use self::segment::Segment;
use self::writer::Writer;
use super::catalog_file::{self, CatalogRow};
use super::lock::Lock;
use super::{EditPolicy, Error, Inspection, StoreState};

/// The ledger goes on in a new file once it is larger than this, in bytes.
const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A store of CSV files.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    id: StoreId,
    segment_bytes_max: u64,
    writer: Mutex<Writer>,
    durable: RwLock<Durable>,
    /// What opening found, until somebody asks for it.
    found: Mutex<Option<StoreState>>,
    edit: Option<Vec<CatalogRow>>,
    _lock: Option<Lock>,
}

/// What readers see.
#[derive(Debug, Clone)]
struct Durable {
    head: Seq,
    /// The ledger's files in order; the last one grows.
    segments: Vec<Segment>,
}

impl Store {
    /// Opens and locks the store in a folder; makes folder and store where there are none.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Damaged`], [`Error::Edited`], [`Error::Full`], [`Error::Io`].
    pub fn open(folder: &Path, edit: EditPolicy) -> Result<Self, Error> {
        let made = !folder.exists();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(Error::io("make", folder))?;
        if let Some(parent) = folder.parent().filter(|_| made) {
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            Real.sync_folder(parent).map_err(Error::io("sync", parent))?;
        }
        let lock = Lock::take(&folder.join("lock"), folder)?;
        Self::open_on(Arc::new(Real), folder, edit, SEGMENT_BYTES_MAX, Some(lock))
    }

    /// Opens a store whose ledger soon goes on in the next file.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); nothing locks it.
    #[cfg(any(test, feature = "conformance"))]
    pub fn open_with_small_segments(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
        Self::open_on(Arc::new(Real), folder, EditPolicy::Refuse, 2_000, None)
    }

    /// Opens and locks the store in a folder to look at it; changes no file of it.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Locked`], [`Error::Damaged`], [`Error::RestoreIncomplete`], [`Error::Io`].
    pub fn inspect(folder: &Path) -> Result<Inspection, Error> {
        if !folder.is_dir() {
            return Err(Error::Missing(shown(folder)));
        }
        let lock = Lock::take(&folder.join("lock"), folder)?;
        let Some(looked) = open::look(&Real, folder)? else {
            let catalog = Catalog { disk: &Real, folder };
            open::refuse_leftovers(&catalog)?;
            return Err(Error::Missing(shown(folder)));
        };
        let (checkpoint, checkpoint_seq) = (looked.noted(), looked.scan.marker.seq);
        let (remarks, edits) = (looked.remarks(), looked.edits());
        let mut store = Self::new(Arc::new(Real), folder, SEGMENT_BYTES_MAX, Some(lock), looked.opened());
        store.writer.get_mut().map_err(|_| Error::Closed)?.is_closed = true;
        store.refuse_unfinished()?;
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
        Ok(Self::new(disk, folder, segment_bytes_max, lock, opened))
    }

    fn new(disk: Arc<dyn Disk>, folder: &Path, segment_bytes_max: u64, lock: Option<Lock>, opened: Opened) -> Self {
        let head = opened.head;
        let mut segments = opened.sealed;
        segments.push(opened.active.clone());
        Self {
            disk,
            folder: folder.to_owned(),
            id: opened.marker.store,
            segment_bytes_max,
            writer: Mutex::new(Writer {
                head,
                active: opened.active,
                marker: opened.marker,
                buffer: Vec::new(),
                full_at: None,
                is_closed: false,
            }),
            durable: RwLock::new(Durable { head, segments }),
            found: Mutex::new(opened.loaded),
            edit: opened.edit,
            _lock: lock,
        }
    }

    /// A ledger without a catalog file is one that is being taken over.
    fn refuse_unfinished(&self) -> Result<(), Error> {
        let writer = self.writer.lock().map_err(|_| Error::Closed)?;
        match (writer.marker.seq, writer.head) {
            (Seq::ZERO, head) if head > Seq::ZERO => Err(Error::RestoreIncomplete {
                store: shown(&self.folder),
                head,
            }),
            _ => Ok(()),
        }
    }

    fn catalog(&self) -> Catalog<'_> {
        Catalog {
            disk: &*self.disk,
            folder: &self.folder,
        }
    }

    fn durable(&self) -> Durable {
        self.durable.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn encode(&self, books: &[Book]) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        catalog_file::write(&mut content, books, &self.catalog().path())?;
        Ok(content)
    }
}

fn shown(folder: &Path) -> String {
    super::Url::Csv(folder.to_owned()).to_string()
}

impl super::Store for Store {
    fn load(&self) -> Result<StoreState, Error> {
        self.refuse_unfinished()?;
        // Whoever holds the writer keeps the catalog's files and the ledger as of the same moment.
        let writer = self.writer.lock().map_err(|_| Error::Closed)?;
        let found = self.found.lock().map_err(|_| Error::Closed)?.take();
        if let Some(found) = found.filter(|found| found.head == writer.head) {
            return Ok(found);
        }
        let Durable { head, segments } = self.durable();
        let listings = match writer.marker.seq {
            Seq::ZERO => Vec::new(),
            _ => self.catalog().parse(&self.catalog().content(writer.marker.new)?)?,
        };
        let books = recovery::replay(&self.catalog(), &segments, &writer.marker, listings, head)?;
        Ok(StoreState {
            store: self.id,
            head,
            books,
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
        self.change(|writer| {
            let Some(last) = writer.follow(head, entries)? else {
                return Ok(());
            };
            self.with_room(writer, |writer| {
                let batch = writer.encode(entries);
                if entries.iter().any(line::wants_marker) {
                    line::push_marker(&mut writer.buffer, &writer.marker, batch);
                }
                self.commit(writer, last)
            })?;
            self.seal_if_grown(writer);
            Ok(())
        })
    }

    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.change(|writer| {
            if writer.marker.seq > Seq::ZERO {
                return Err(Error::Conflict);
            }
            let Some(last) = writer.follow(head, entries)? else {
                return Ok(());
            };
            self.with_room(writer, |writer| {
                let batch = writer.encode(entries);
                // It says that there is no catalog file yet, and ends a batch that other entries would be.
                line::push_marker(&mut writer.buffer, &writer.marker, batch);
                self.commit(writer, last)
            })?;
            self.seal_if_grown(writer);
            Ok(())
        })
    }

    fn import(&self, head: Seq, entries: &[Entry], books: &[Book]) -> Result<(), Error> {
        let content = self.encode(books)?;
        self.change(|writer| {
            let last = writer.follow(head, entries)?.unwrap_or(head);
            self.with_room(writer, |writer| {
                let there = self.catalog().shown()?;
                let is_foreign = Digest::of(there.as_deref()) != writer.marker.new || writer.marker.seq == Seq::ZERO;
                if let Some(foreign) = there.as_deref().filter(|_| is_foreign)
                    && catalog_file::parse(foreign, &self.catalog().path()).ok()
                        != Some(self.catalog().parse(&content)?)
                {
                    self.catalog().keep_copy(foreign)?;
                }
                writer.encode(entries);
                self.replace(writer, books, &content, there.as_deref(), last)
            })
        })
    }

    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        let content = self.encode(books)?;
        self.change(|writer| {
            if at != writer.head || writer.marker.seq >= at {
                return Ok(());
            }
            let there = self.catalog().shown()?;
            if there.is_some() && Digest::of(there.as_deref()) != writer.marker.new {
                tracing::warn!("the catalog file was edited by hand; it is left alone, and the next start will ask");
                return Ok(());
            }
            writer.buffer.clear();
            self.with_room(writer, |writer| {
                self.replace(writer, books, &content, there.as_deref(), at)
            })
        })
    }

    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.catalog().keep_note(name, content)
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.catalog().kept_note(name)
    }

    fn seed_rows(&self) -> Result<Option<Vec<CatalogRow>>, Error> {
        let is_empty = self.durable().head == Seq::ZERO;
        let there = if is_empty { self.catalog().shown()? } else { None };
        Ok(there
            .map(|there| catalog_file::parse(&there, &self.catalog().path()))
            .transpose()?)
    }

    fn manual_edit(&self) -> Option<Vec<CatalogRow>> {
        self.edit.clone()
    }
}
