//! Appends to the ledger, starts new segments and replaces the catalog file.

use std::sync::PoisonError;

use common::wire::Book;
use common::{Entry, Seq, Timestamp};

use super::line::{self, Digest, Marker};
use super::segment::Segment;
use super::{CsvStore, active, books_blob, encode};
use crate::batch::check_batch;
use crate::{Error, FullDiskBackoff, catalog_file};

/// The capacity of the encoding buffer between batches.
const BUFFER_BYTES_KEPT: usize = 1024 * 1024;

/// The end of the ledger and the state of the catalog file, for the writing thread.
#[derive(Debug)]
pub(super) struct AppendState {
    pub(super) head: Seq,
    pub(super) active: Segment,
    /// The last marker in the ledger.
    pub(super) marker: Marker,
    /// Whether the catalog file that the marker names was written.
    pub(super) is_published: bool,
    /// The edited catalog file that the next checkpoint may replace, because the import has read it.
    pub(super) kept_edit: Option<Digest>,
    /// The encoded lines of the next write.
    pub(super) buffer: Vec<u8>,
}

impl AppendState {
    /// Whether a checkpoint may replace this catalog file.
    fn may_replace(&self, current: Digest) -> bool {
        let Marker { seq, replaced, new, .. } = self.marker;
        // Before the first checkpoint any catalog file may be replaced (a different one is saved first).
        let is_own = seq == Seq::ZERO || current == new || (current == replaced && !self.is_published);
        is_own || current == Digest(None) || self.kept_edit == Some(current)
    }

    /// Encodes entries into the buffer and returns the batch, their first `seq`.
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
    /// Runs work that needs room on the disk, unless the disk was full less than a second ago.
    fn with_room(
        &self,
        state: &mut AppendState,
        full_disk: &mut FullDiskBackoff,
        work: impl FnOnce(&mut AppendState) -> Result<(), Error>,
    ) -> Result<(), Error> {
        full_disk.attempt(self.disk.now(), &self.folder, || work(state))
    }

    /// Appends entries. A restore requires a store without entries of its own.
    pub(super) fn append_batch(&self, expected_head: Seq, entries: &[Entry], is_restore: bool) -> Result<(), Error> {
        check_batch(expected_head, entries)?;
        self.append_state.write(|state, full_disk| {
            let has_own_entries = state.head > Seq::ZERO && !state.marker.is_restore;
            if expected_head != state.head || (is_restore && has_own_entries) {
                return Err(Error::Conflict);
            }
            let Some(last) = entries.last() else {
                return self.check_name(&state.active);
            };
            self.with_room(state, full_disk, |state| {
                let batch = state.encode(entries);
                let mut marker = state.marker;
                marker.is_restore |= is_restore;
                if is_restore || entries.iter().any(line::needs_marker) {
                    line::push_marker(&mut state.buffer, &marker, batch);
                }
                self.commit(state, last.seq)?;
                state.marker = marker;
                Ok(())
            })
        })?;
        if !entries.is_empty() {
            self.seal_if_grown();
        }
        Ok(())
    }

    /// Makes the lines in the buffer durable; `last` is the last entry afterwards.
    fn commit(&self, state: &mut AppendState, last: Seq) -> Result<(), Error> {
        let Segment { path, length, file, .. } = &mut state.active;
        let file = file.as_ref().ok_or(Error::Closed)?;
        if let Err(source) = file.write_at(&state.buffer, *length) {
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
        self.check_name(&state.active)?;
        let Segment { length, .. } = &mut state.active;
        *length = length.saturating_add(state.buffer.len() as u64);
        state.head = last;
        state.buffer.shrink_to(BUFFER_BYTES_KEPT);
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        view.head = last;
        if let Some(active) = view.segments.last_mut() {
            active.length = *length;
        }
        Ok(())
    }

    /// Checks that the path of the active segment still leads to the open file.
    fn check_name(&self, active: &Segment) -> Result<(), Error> {
        let Segment { path, file, .. } = active;
        let id = file.as_ref().ok_or(Error::Closed)?.id();
        let id = id.map_err(Error::io("find", path))?;
        match self.disk.id_at(path).map_err(Error::io("find", path))? {
            Some(found) if found == id => Ok(()),
            _ => Err(Error::NameLost(path.clone())),
        }
    }

    /// Starts a new segment if the active one is too large. An error is logged, not returned, because the last batch is
    /// durable; on a full disk the active segment keeps growing, and writes are not refused.
    fn seal_if_grown(&self) {
        let sealing = self.append_state.write(|state, _| {
            if state.active.length <= self.segment_bytes_max {
                return Ok(());
            }
            let (sealed, next) = active::seal(&self.files(), &state.active, &state.marker, state.head)?;
            state.active = next.clone();
            let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
            view.segments.pop();
            view.segments.extend(sealed.into_iter().chain([next]));
            Ok(())
        });
        self.sealing.observe(&sealing);
    }

    /// Appends a marker with the digest of a new catalog file, then replaces the file.
    pub(super) fn replace_catalog(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        let files = self.files();
        self.append_state.write(|state, full_disk| {
            self.check_name(&state.active)?;
            let replaced = files.catalog_digest()?;
            let is_old = state.marker.seq >= at && state.is_published && state.kept_edit.is_none();
            if at != state.head || (is_old && !state.marker.is_restore) {
                return Ok(());
            }
            if !state.may_replace(replaced) {
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
            self.with_room(state, full_disk, |state| {
                let path = files.catalog_path();
                if (state.marker.seq == Seq::ZERO || state.kept_edit.is_some())
                    && let Some(current) = files.catalog()?
                    && catalog_file::parse(&current, &path).ok() != Some(catalog_file::parse(&content, &path)?)
                {
                    files.save_edit(&current)?;
                }
                state.buffer.clear();
                line::push_marker(&mut state.buffer, &marker, at.next());
                self.commit(state, at)?;
                (state.marker, state.is_published) = (marker, false);
                files.publish(&content)?;
                (state.is_published, state.kept_edit) = (true, None);
                books_blob::put(&files, &marker, books);
                Ok(())
            })
        })
    }
}
