//! Writing to the ledger: encoding, committing, starting new segments, replacing the catalog file.

use std::sync::PoisonError;

use common::wire::Book;
use common::{Entry, Seq, Timestamp};

use super::line::{self, Digest, Marker};
use super::segment::Segment;
use super::{CsvStore, active, books_blob, encode};
use crate::batch::check_batch;
use crate::{Error, FullDiskBackoff, catalog_file};

/// How much of the encoding buffer is kept between batches.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// What only the writing thread changes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) head: Seq,
    pub(super) active: Segment,
    /// The newest marker in the ledger.
    pub(super) marker: Marker,
    /// Whether the catalog file that the marker names was written.
    pub(super) is_published: bool,
    /// An edited catalog file that an import has read and may replace.
    pub(super) kept_edit: Option<Digest>,
    /// The encoded lines of the next write.
    pub(super) buffer: Vec<u8>,
}

impl Writer {
    /// Whether a checkpoint may replace this catalog file.
    fn may_replace(&self, current: Digest) -> bool {
        let Marker { seq, replaced, new, .. } = self.marker;
        // Before the first checkpoint it is a file that the store was, or was not, filled from.
        let is_own = seq == Seq::ZERO || current == new || (current == replaced && !self.is_published);
        is_own || current == Digest(None) || self.kept_edit == Some(current)
    }

    /// Encodes entries into the buffer and returns their batch.
    fn encode(&mut self, entries: &[Entry]) -> Seq {
        let batch = self.head.next();
        self.buffer.clear();
        for entry in entries {
            line::push_entry(&mut self.buffer, entry, batch);
        }
        batch
    }
}

impl CsvStore {
    /// Runs work that needs room on the disk.
    fn with_room(
        &self,
        writer: &mut Writer,
        full_disk: &mut FullDiskBackoff,
        work: impl FnOnce(&mut Writer) -> Result<(), Error>,
    ) -> Result<(), Error> {
        full_disk.attempt(self.disk.now(), &self.folder, || work(writer))
    }

    /// Appends entries. Those of a restore may only go to a store without entries of its own.
    pub(super) fn append_batch(&self, head: Seq, entries: &[Entry], is_restore: bool) -> Result<(), Error> {
        check_batch(head, entries)?;
        self.writer.write(|writer, full_disk| {
            let has_own_entries = writer.head > Seq::ZERO && !writer.marker.is_restore;
            if head != writer.head || (is_restore && has_own_entries) {
                return Err(Error::Conflict);
            }
            let Some(last) = entries.last() else {
                return self.check_name(&writer.active);
            };
            self.with_room(writer, full_disk, |writer| {
                let batch = writer.encode(entries);
                let mut marker = writer.marker;
                marker.is_restore |= is_restore;
                if is_restore || entries.iter().any(line::needs_marker) {
                    line::push_marker(&mut writer.buffer, &marker, batch);
                }
                self.commit(writer, last.seq)?;
                writer.marker = marker;
                Ok(())
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
            let error = Error::of_write(path, source);
            if error.is_transient() {
                file.truncate(*length)
                    .and_then(|()| file.sync())
                    .map_err(Error::io("truncate", path))?;
            }
            return Err(error);
        }
        let begun = self.disk.now();
        file.sync().map_err(Error::io("sync", path))?;
        self.syncs
            .record_duration(self.disk.now().saturating_duration_since(begun));
        self.check_name(&writer.active)?;
        let Segment { length, .. } = &mut writer.active;
        *length = length.saturating_add(writer.buffer.len() as u64);
        writer.head = head;
        writer.buffer.shrink_to(BUFFER_BYTES_KEPT);
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        view.head = head;
        if let Some(last) = view.segments.last_mut() {
            last.length = *length;
        }
        Ok(())
    }

    /// Checks that the active segment still has its name.
    fn check_name(&self, active: &Segment) -> Result<(), Error> {
        let Segment { path, file, .. } = active;
        let id = file.as_ref().ok_or(Error::Closed)?.id();
        let id = id.map_err(Error::io("find", path))?;
        match self.disk.id_at(path).map_err(Error::io("find", path))? {
            Some(found) if found == id => Ok(()),
            _ => Err(Error::NameLost(path.clone())),
        }
    }

    /// Starts a new segment if the active one is large enough. The last batch is durable either way, so an error is not
    /// returned; on a full disk the active segment grows on, and writes are not refused.
    fn seal_if_grown(&self) {
        let sealing = self.writer.write(|writer, _| {
            if writer.active.length <= self.segment_bytes_max {
                return Ok(());
            }
            let (sealed, next) = active::seal(&self.files(), &writer.active, &writer.marker, writer.head)?;
            writer.active = next.clone();
            let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
            view.segments.pop();
            view.segments.extend(sealed.into_iter().chain([next]));
            Ok(())
        });
        self.sealing.observe(&sealing);
    }

    /// Names a new catalog file in the ledger, then writes it.
    pub(super) fn replace_catalog(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        let files = self.files();
        self.writer.write(|writer, full_disk| {
            self.check_name(&writer.active)?;
            let replaced = files.catalog_digest()?;
            let is_old = writer.marker.seq >= at && writer.is_published && writer.kept_edit.is_none();
            if at != writer.head || (is_old && !writer.marker.is_restore) {
                return Ok(());
            }
            if !writer.may_replace(replaced) {
                tracing::warn!(
                    "the catalog file was edited by hand; no checkpoint is written, and the next start reports the edit"
                );
                return Ok(());
            }
            let content = encode(&files, books)?;
            let marker = Marker {
                is_restore: false,
                seq: at,
                at: Timestamp::now(),
                store: self.id,
                replaced,
                new: Digest::of(Some(&content)),
            };
            self.with_room(writer, full_disk, |writer| {
                let path = files.catalog_path();
                if (writer.marker.seq == Seq::ZERO || writer.kept_edit.is_some())
                    && let Some(current) = files.catalog()?
                    && catalog_file::parse(&current, &path).ok() != Some(catalog_file::parse(&content, &path)?)
                {
                    files.save_edit(&current)?;
                }
                writer.buffer.clear();
                line::push_marker(&mut writer.buffer, &marker, at.next());
                self.commit(writer, at)?;
                (writer.marker, writer.is_published) = (marker, false);
                files.publish(&content)?;
                (writer.is_published, writer.kept_edit) = (true, None);
                books_blob::put(&files, &marker, books);
                Ok(())
            })
        })
    }
}
