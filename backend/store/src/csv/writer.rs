//! Writing to the ledger: encoding, committing, starting new segments, replacing the catalog file.

use std::sync::PoisonError;

use common::wire::Book;
use common::{Entry, Seq, Timestamp};

use super::checkpoint::write_error;
use super::line::{self, Digest, Marker};
use super::segment::Segment;
use super::{Store, last_seq_index, open};
use crate::{Error, FullDiskBackoff};

/// How much of the encoding buffer is kept between batches.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// What only the writing thread changes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) head: Seq,
    pub(super) active: Segment,
    /// The newest marker in the ledger.
    pub(super) marker: Marker,
    /// The encoded lines of the next write.
    pub(super) buffer: Vec<u8>,
}

impl Writer {
    /// Returns the last of the entries, if there are any.
    ///
    /// # Errors
    /// [`Error::Conflict`] if `head` is not the last entry or the entries are not consecutive after it.
    pub(super) fn check_consecutive(&self, head: Seq, entries: &[Entry]) -> Result<Option<Seq>, Error> {
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

    /// Encodes entries into the buffer and returns their batch.
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
    /// Runs work that needs room on the disk.
    pub(super) fn with_room(
        &self,
        writer: &mut Writer,
        full_disk: &mut FullDiskBackoff,
        work: impl FnOnce(&mut Writer) -> Result<(), Error>,
    ) -> Result<(), Error> {
        full_disk.attempt(self.disk.now(), &self.folder, || work(writer))
    }

    /// Appends entries. Those of a restore may only go to a store without a catalog file.
    pub(super) fn append_batch(&self, head: Seq, entries: &[Entry], is_restore: bool) -> Result<(), Error> {
        self.writer.write(|writer, full_disk| {
            if is_restore && writer.marker.seq > Seq::ZERO {
                return Err(Error::Conflict);
            }
            let Some(last) = writer.check_consecutive(head, entries)? else {
                return Ok(());
            };
            self.with_room(writer, full_disk, |writer| {
                let batch = writer.encode(entries);
                if is_restore || entries.iter().any(line::needs_marker) {
                    line::push_marker(&mut writer.buffer, &writer.marker, batch);
                }
                self.commit(writer, last)
            })
        })?;
        if !entries.is_empty() {
            self.seal_if_grown();
        }
        Ok(())
    }

    /// Makes the lines in the buffer durable; `head` is the last entry after them.
    fn commit(&self, writer: &mut Writer, head: Seq) -> Result<(), Error> {
        let Segment { path, length, file, .. } = &mut writer.active;
        let file = file.as_ref().ok_or(Error::Closed)?;
        if let Err(source) = file.write_at(&writer.buffer, *length) {
            let error = write_error(path.clone(), source);
            if error.is_transient() {
                file.truncate(*length)
                    .and_then(|()| file.sync())
                    .map_err(Error::io("truncate", path))?;
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

    /// Starts a new segment if the active one is large enough. The last batch is durable either way, so an error is not
    /// returned; on a full disk the active segment grows on.
    fn seal_if_grown(&self) {
        let sealing = self.writer.write(|writer, _| {
            if writer.active.length <= self.segment_bytes_max {
                return Ok(());
            }
            let (sealed, active) = open::seal(&*self.disk, &self.folder, &writer.active, &writer.marker, writer.head)?;
            writer.active = active.clone();
            let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
            durable.segments.pop();
            durable.segments.extend([sealed, active]);
            Ok(())
        });
        if let Err(error) = sealing {
            tracing::error!(%error, "no new file of the ledger could be started");
        }
    }

    /// Commits the lines in the buffer with a marker for a new catalog file, then publishes the file. `replaced` is the current
    /// catalog file.
    pub(super) fn replace_catalog(
        &self,
        writer: &mut Writer,
        books: &[Book],
        content: &[u8],
        replaced: Option<&[u8]>,
        head: Seq,
    ) -> Result<(), Error> {
        let batch = writer.head.next();
        let marker = Marker {
            seq: head,
            at: Timestamp::now(),
            store: self.id,
            replaced: Digest::of(replaced),
            new: Digest::of(Some(content)),
        };
        self.catalog_files().prepare(content)?;
        line::push_marker(&mut writer.buffer, &marker, batch);
        if let Err(error) = self.commit(writer, head) {
            if error.is_transient() {
                self.catalog_files().discard_prepared()?;
            }
            return Err(error);
        }
        writer.marker = marker;
        self.opened_state.lock().map_err(|_| Error::Closed)?.take();
        self.catalog_files().publish()?;
        last_seq_index::put(&self.catalog_files(), &marker, books);
        Ok(())
    }
}
