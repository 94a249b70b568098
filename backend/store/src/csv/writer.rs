//! Changing the files: room, writes, syncs, and what becomes of the store when one of them fails.

use std::io;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use common::wire::Book;
use common::{Entry, Seq, Timestamp};

use super::checkpoint::no_room_or;
use super::line::{self, Digest, Marker};
use super::segment::Segment;
use super::{Store, open, tags};
use crate::Error;

/// How long after the disk was full nobody asks it again.
pub(super) const FULL_PAUSE: Duration = Duration::from_secs(1);
/// How much memory is kept for encoding between batches, in bytes.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// What the one who appends needs.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) head: Seq,
    pub(super) active: Segment,
    pub(super) marker: Marker,
    pub(super) buffer: Vec<u8>,
    pub(super) full_at: Option<Instant>,
    pub(super) is_closed: bool,
}

impl Writer {
    /// The last of the entries, if there are any; they must go on from the last entry.
    pub(super) fn follow(&self, head: Seq, entries: &[Entry]) -> Result<Option<Seq>, Error> {
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
    pub(super) fn encode(&mut self, entries: &[Entry]) -> Seq {
        let batch = self.head.next();
        self.buffer.clear();
        for entry in entries {
            line::push_entry(&mut self.buffer, entry, batch);
        }
        batch
    }
}

impl Store {
    /// Runs a change of the files. An error after which nobody knows what is on the disk closes the store.
    pub(super) fn change(&self, change: impl FnOnce(&mut Writer) -> Result<(), Error>) -> Result<(), Error> {
        let mut writer = self.writer.lock().map_err(|_| Error::Closed)?;
        if writer.is_closed {
            return Err(Error::Closed);
        }
        let done = change(&mut writer);
        match &done {
            Err(error) if !error.is_transient() => {
                tracing::error!(%error, "the store is closed for good");
                writer.is_closed = true;
            }
            _ => {}
        }
        done
    }

    /// Asks the disk for room by doing the work, but not right after it had none.
    pub(super) fn with_room(
        &self,
        writer: &mut Writer,
        work: impl FnOnce(&mut Writer) -> Result<(), Error>,
    ) -> Result<(), Error> {
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
    pub(super) fn commit(&self, writer: &mut Writer, head: Seq) -> Result<(), Error> {
        let Segment { path, length, file, .. } = &mut writer.active;
        let file = file.as_ref().ok_or(Error::Closed)?;
        if let Err(source) = file.write_at(&writer.buffer, *length) {
            let error = no_room_or("write", path.clone(), source);
            if error.is_transient() {
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

    /// Begins a new file of the ledger where the last one has grown enough. The batch before is durable whatever happens here, so nothing is reported; without
    /// room the old file goes on.
    pub(super) fn seal_if_grown(&self, writer: &mut Writer) {
        if writer.active.length <= self.segment_bytes_max {
            return;
        }
        match open::seal(&*self.disk, &self.folder, &writer.active, &writer.marker, writer.head) {
            Ok((sealed, active)) => {
                writer.active = active.clone();
                let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
                durable.segments.pop();
                durable.segments.extend([sealed, active]);
            }
            Err(error) => {
                tracing::error!(%error, "the ledger could not go on in a new file");
                writer.is_closed = !error.is_transient();
            }
        }
    }

    /// Replaces the catalog's files and says so in the ledger, behind the lines in the buffer.
    pub(super) fn replace(
        &self,
        writer: &mut Writer,
        books: &[Book],
        content: &[u8],
        there: Option<&[u8]>,
        head: Seq,
    ) -> Result<(), Error> {
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
            if error.is_transient() {
                self.catalog().forget()?;
            }
            return Err(error);
        }
        writer.marker = marker;
        self.found.lock().map_err(|_| Error::Closed)?.take();
        self.catalog().publish()?;
        tags::keep(&self.catalog(), &marker, books);
        Ok(())
    }
}
