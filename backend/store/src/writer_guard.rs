//! Serializes the writes of a store: none after an error that leaves the durable state unknown, and at most one attempt a
//! second while the disk is full.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::Error;

/// The delay after a full disk. Meanwhile writes are refused without an attempt.
pub(crate) const FULL_DISK_DELAY: Duration = Duration::from_secs(1);

/// Serializes writes, and closes for good after an error that is not transient.
#[derive(Debug)]
pub(crate) struct WriterGuard<W>(Mutex<State<W>>);

#[derive(Debug)]
struct State<W> {
    writer: W,
    full_disk: FullDiskBackoff,
    is_closed: bool,
}

impl<W> WriterGuard<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self(Mutex::new(State {
            writer,
            full_disk: FullDiskBackoff::default(),
            is_closed: false,
        }))
    }

    /// A guard that refuses every write, for an inspection.
    pub(crate) fn closed(writer: W) -> Self {
        let mut guard = Self::new(writer);
        if let Ok(state) = guard.0.get_mut() {
            state.is_closed = true;
        }
        guard
    }

    /// Runs a write; it must run the part that needs room through the [`FullDiskBackoff`].
    pub(crate) fn write(
        &self,
        work: impl FnOnce(&mut W, &mut FullDiskBackoff) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut state = self.lock()?;
        let State {
            writer,
            full_disk,
            is_closed,
        } = &mut *state;
        if *is_closed {
            return Err(Error::Closed);
        }
        work(writer, full_disk).inspect_err(|error| {
            if !error.is_transient() {
                tracing::error!(%error, "the durable state is unknown; the store closes");
                *is_closed = true;
            }
        })
    }

    /// Runs a read that must not overlap a write; works on a closed store too.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&W) -> Result<T, Error>) -> Result<T, Error> {
        work(&self.lock()?.writer)
    }

    /// The writer, for cleaning up when the store is dropped.
    #[cfg(feature = "sql")]
    pub(crate) fn get_mut(&mut self) -> Option<&mut W> {
        self.0.get_mut().ok().map(|state| &mut state.writer)
    }

    #[cfg(test)]
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_ok_and(|state| state.is_closed)
    }

    fn lock(&self) -> Result<MutexGuard<'_, State<W>>, Error> {
        self.0.lock().map_err(|_| Error::Closed)
    }
}

/// Refuses work that needs room for [`FULL_DISK_DELAY`] after the disk was full. Starting a new CSV segment does not use it: if
/// that fails, the old segment keeps growing.
#[derive(Debug, Default)]
pub(crate) struct FullDiskBackoff {
    full_at: Option<Instant>,
}

impl FullDiskBackoff {
    /// Runs work that needs room, unless the disk was full less than [`FULL_DISK_DELAY`] before `now`. `path` appears in the
    /// message.
    pub(crate) fn attempt(
        &mut self,
        now: Instant,
        path: impl Into<PathBuf>,
        work: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let is_recent = |full_at| now.saturating_duration_since(full_at) < FULL_DISK_DELAY;
        if self.full_at.is_some_and(is_recent) {
            return Err(Error::full(path));
        }
        let result = work();
        self.full_at = matches!(result, Err(Error::Full { .. })).then_some(now);
        result
    }

    /// Ends the delay.
    #[cfg(test)]
    pub(crate) fn reset(&mut self) {
        self.full_at = None;
    }
}

impl Error {
    /// A full disk without an I/O error: the database reported it, or the disk was full less than [`FULL_DISK_DELAY`] ago.
    pub(crate) fn full(path: impl Into<PathBuf>) -> Self {
        Self::Full {
            path: path.into(),
            why: "no storage space".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_that_leaves_the_durable_state_unknown_closes_the_store() {
        let guard = WriterGuard::new(0);
        let conflict = guard.write(|_, _| Err(Error::Conflict));
        assert!(matches!(conflict, Err(Error::Conflict)));
        guard
            .write(|count, _| {
                *count += 1;
                Ok(())
            })
            .unwrap();
        let failure = guard.write(|_, _| Err(Error::io("sync", "x".as_ref())(io::ErrorKind::Other.into())));
        assert!(matches!(failure, Err(Error::Io { .. })));
        assert!(matches!(guard.write(|_, _| Ok(())), Err(Error::Closed)));
        assert_eq!(guard.read(|count| Ok(*count)).unwrap(), 1);
    }

    #[test]
    fn a_full_disk_is_tried_again_a_second_later() {
        let mut full_disk = FullDiskBackoff::default();
        let start = Instant::now();
        full_disk.attempt(start, "x", || Ok(())).unwrap();
        full_disk.attempt(start, "x", || Err(Error::full("x"))).unwrap_err();
        let early = start + FULL_DISK_DELAY - Duration::from_millis(1);
        let refused = full_disk.attempt(early, "x", || panic!("the disk was tried too early"));
        assert!(matches!(refused, Err(Error::Full { .. })));
        full_disk.attempt(start + FULL_DISK_DELAY, "x", || Ok(())).unwrap();
        full_disk.attempt(start + FULL_DISK_DELAY, "x", || Ok(())).unwrap();
    }
}
