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
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use common::wire::Book;
use common::{Entry, OrderId, Seq, StoreId, Timestamp};

use self::checkpoint::{Catalog, no_room_or};
use self::disk::{Disk, Real};
use self::line::{Digest, Marker};
use self::segment::Segment;
use super::catalog_file::{self, Listing};
use super::lock::Lock;
use super::{Edit, Error, Loaded};

/// The ledger goes on in a new file once it is larger than this, in bytes.
const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long after the disk was full nobody asks it again.
const FULL_PAUSE: Duration = Duration::from_secs(1);
/// How much memory is kept for encoding between batches, in bytes.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

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
    found: Mutex<Option<Loaded>>,
    edit: Option<Vec<Listing>>,
    _lock: Option<Lock>,
}

/// What readers see.
#[derive(Debug, Clone)]
struct Durable {
    head: Seq,
    /// The ledger's files in order; the last one grows.
    segments: Vec<Segment>,
}

/// What the one who appends needs.
#[derive(Debug)]
struct Writer {
    head: Seq,
    active: Segment,
    marker: Marker,
    buffer: Vec<u8>,
    full_at: Option<Instant>,
    is_closed: bool,
}

impl Store {
    /// Opens and locks the store in a folder; makes folder and store where there are none.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Damaged`], [`Error::Edited`], [`Error::Full`], [`Error::Io`].
    pub fn open(folder: &Path, edit: Edit) -> Result<Self, Error> {
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

    fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        edit: Edit,
        segment_bytes_max: u64,
        lock: Option<Lock>,
    ) -> Result<Self, Error> {
        let opened = open::open(&*disk, folder, edit)?;
        let head = opened.loaded.head;
        let mut segments = opened.sealed;
        segments.push(opened.active.clone());
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            id: opened.loaded.store,
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
            found: Mutex::new(Some(opened.loaded)),
            edit: opened.edit,
            _lock: lock,
        })
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

    /// Runs a change of the files. An error after which nobody knows what is on the disk closes the store.
    fn change(&self, change: impl FnOnce(&mut Writer) -> Result<(), Error>) -> Result<(), Error> {
        let mut writer = self.writer.lock().map_err(|_| Error::Closed)?;
        if writer.is_closed {
            return Err(Error::Closed);
        }
        let done = change(&mut writer);
        match &done {
            Err(error) if !error.is_passing() => {
                tracing::error!(%error, "the store is closed for good");
                writer.is_closed = true;
            }
            _ => {}
        }
        done
    }

    /// Asks the disk for room by doing the work, but not right after it had none.
    fn with_room(&self, writer: &mut Writer, work: impl FnOnce(&mut Writer) -> Result<(), Error>) -> Result<(), Error> {
        let now = self.disk.now();
        if writer
            .full_at
            .is_some_and(|full_at| now.saturating_duration_since(full_at) < FULL_PAUSE)
        {
            let source = io::ErrorKind::StorageFull.into();
            return Err(Error::Full {
                path: writer.active.path.clone(),
                source,
            });
        }
        let done = work(writer);
        writer.full_at = matches!(done, Err(Error::Full { .. })).then_some(now);
        done
    }

    /// Makes the lines in the buffer durable, `head` being the last entry with them.
    fn commit(&self, writer: &mut Writer, head: Seq) -> Result<(), Error> {
        let Segment { path, length, file, .. } = &mut writer.active;
        let file = file.as_ref().ok_or(Error::Closed)?;
        if let Err(source) = file.write_at(&writer.buffer, *length) {
            let error = no_room_or("write", path.clone(), source);
            if error.is_passing() {
                file.truncate(*length)
                    .and_then(|()| file.sync())
                    .map_err(Error::io("cut", path))?;
            }
            return Err(error);
        }
        file.sync().map_err(Error::io("sync", path))?;
        *length = length.saturating_add(writer.buffer.len() as u64);
        writer.head = head;
        writer.buffer.shrink_to(BUFFER_BYTES_KEPT);
        let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
        durable.head = head;
        if let Some(last) = durable.segments.last_mut() {
            last.length = *length;
        }
        Ok(())
    }

    /// Begins a new file of the ledger. The batch before is durable whatever happens here, so nothing is reported; without
    /// room the old file goes on.
    fn seal(&self, writer: &mut Writer) {
        match open::seal(&*self.disk, &self.folder, &writer.active, &writer.marker, writer.head) {
            Ok((sealed, active)) => {
                writer.active = active.clone();
                let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
                durable.segments.pop();
                durable.segments.extend([sealed, active]);
            }
            Err(error) => {
                tracing::error!(%error, "the ledger could not go on in a new file");
                writer.is_closed = !error.is_passing();
            }
        }
    }

    /// Replaces the catalog's files and says so in the ledger, behind the lines in the buffer.
    fn replace(&self, writer: &mut Writer, content: &[u8], there: Option<&[u8]>, head: Seq) -> Result<(), Error> {
        let batch = writer.head.next();
        let marker = Marker {
            seq: head,
            at: Timestamp::now(),
            store: self.id,
            replaced: Digest::of(there),
            new: Digest::of(Some(content)),
        };
        self.catalog().prepare(content)?;
        line::push_marker(&mut writer.buffer, &marker, batch);
        if let Err(error) = self.commit(writer, head) {
            if error.is_passing() {
                self.catalog().forget()?;
            }
            return Err(error);
        }
        writer.marker = marker;
        self.found.lock().map_err(|_| Error::Closed)?.take();
        self.catalog().publish()
    }

    fn encode(&self, books: &[Book]) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        catalog_file::write(&mut content, books, &self.catalog().path())?;
        Ok(content)
    }
}

impl super::Store for Store {
    fn load(&self) -> Result<Loaded, Error> {
        // Whoever holds the writer keeps the catalog's files and the ledger as of the same moment.
        let writer = self.writer.lock().map_err(|_| Error::Closed)?;
        let found = self.found.lock().map_err(|_| Error::Closed)?.take();
        if let Some(found) = found.filter(|found| found.head == writer.head) {
            return Ok(found);
        }
        let Durable { head, segments } = self.durable();
        let at = writer.marker.seq;
        let listings = match at {
            Seq::ZERO => Vec::new(),
            _ => self.catalog().parse(&self.catalog().content(writer.marker.new)?)?,
        };
        let books = recovery::replay(&*self.disk, &segments, listings, at, head)?;
        Ok(Loaded {
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

    fn find(&self, order: OrderId) -> Result<Option<Entry>, Error> {
        segment::find(&*self.disk, &self.durable().segments, order)
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
            if writer.active.length > self.segment_bytes_max {
                self.seal(writer);
            }
            Ok(())
        })
    }

    fn import(&self, head: Seq, entries: &[Entry], books: &[Book]) -> Result<(), Error> {
        let content = self.encode(books)?;
        self.change(|writer| {
            let last = writer.follow(head, entries)?.unwrap_or(head);
            self.with_room(writer, |writer| {
                let there = self.catalog().shown()?;
                let is_foreign = Digest::of(there.as_deref()) != writer.marker.new || head == Seq::ZERO;
                if let Some(foreign) = there.as_deref().filter(|_| is_foreign)
                    && catalog_file::parse(foreign, &self.catalog().path()).ok()
                        != Some(self.catalog().parse(&content)?)
                {
                    self.catalog().keep_copy(foreign)?;
                }
                writer.encode(entries);
                self.replace(writer, &content, there.as_deref(), last)
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
            self.with_room(writer, |writer| self.replace(writer, &content, there.as_deref(), at))
        })
    }

    fn seed(&self) -> Result<Option<Vec<Listing>>, Error> {
        let is_empty = self.durable().head == Seq::ZERO;
        let there = if is_empty { self.catalog().shown()? } else { None };
        Ok(there
            .map(|there| catalog_file::parse(&there, &self.catalog().path()))
            .transpose()?)
    }

    fn edit(&self) -> Option<Vec<Listing>> {
        self.edit.clone()
    }
}

impl Writer {
    /// The last of the entries, if there are any; they must go on from the last entry.
    fn follow(&self, head: Seq, entries: &[Entry]) -> Result<Option<Seq>, Error> {
        let mut last = self.head;
        for entry in entries {
            if entry.seq != last.next() {
                return Err(Error::Conflict);
            }
            last = entry.seq;
        }
        if head == self.head {
            Ok(entries.last().map(|entry| entry.seq))
        } else {
            Err(Error::Conflict)
        }
    }

    /// Fills the buffer with the entries' lines and gives their batch.
    fn encode(&mut self, entries: &[Entry]) -> Seq {
        let batch = self.head.next();
        self.buffer.clear();
        for entry in entries {
            line::push_entry(&mut self.buffer, entry, batch);
        }
        batch
    }
}
