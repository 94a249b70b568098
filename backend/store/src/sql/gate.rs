//! Who may write, and when.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::Error;

/// How long after there was no room nobody asks again.
const FULL_PAUSE: Duration = Duration::from_secs(1);

/// Lets one writer in at a time, and nobody any more after an error that leaves the store's state unknown.
#[derive(Debug)]
pub(crate) struct Gate<W>(Mutex<Slot<W>>);

#[derive(Debug)]
struct Slot<W> {
    writer: W,
    is_closed: bool,
}

impl<W> Gate<W> {
    /// An open one.
    pub(crate) fn new(writer: W) -> Self {
        Self(Mutex::new(Slot {
            writer,
            is_closed: false,
        }))
    }

    /// Runs a change. An error after which nobody knows what is stored closes the gate for good.
    pub(crate) fn change(&self, change: impl FnOnce(&mut W) -> Result<(), Error>) -> Result<(), Error> {
        let mut slot = self.0.lock().map_err(|_| Error::Closed)?;
        if slot.is_closed {
            return Err(Error::Closed);
        }
        let done = change(&mut slot.writer);
        if let Err(error) = &done
            && !error.is_transient()
        {
            tracing::error!(%error, "the store is closed for good");
            slot.is_closed = true;
        }
        done
    }

    /// The writer, for the end.
    pub(crate) fn writer_mut(&mut self) -> Option<&mut W> {
        self.0.get_mut().ok().map(|slot| &mut slot.writer)
    }
}

/// Remembers that there was no room.
#[derive(Debug, Default)]
pub(crate) struct Room {
    full_at: Option<Instant>,
}

impl Room {
    /// Refuses work right after there was no room for it; `path` stands in the message.
    pub(crate) fn check(&self, path: impl Into<PathBuf>) -> Result<(), Error> {
        match self.full_at {
            Some(full_at) if full_at.elapsed() < FULL_PAUSE => Err(Error::Full {
                path: path.into(),
                source: io::ErrorKind::StorageFull.into(),
            }),
            _ => Ok(()),
        }
    }

    /// Notes how work ended.
    pub(crate) fn note(&mut self, done: &Result<(), Error>) {
        self.full_at = matches!(done, Err(Error::Full { .. })).then(Instant::now);
    }

    /// Forgets it, as after a second.
    #[cfg(test)]
    pub(crate) fn forget(&mut self) {
        self.full_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shuts_for_good_after_an_error_that_leaves_the_state_unknown() {
        let gate = Gate::new(0);
        assert!(matches!(gate.change(|_| Err(Error::Conflict)), Err(Error::Conflict)));
        gate.change(|count| {
            *count += 1;
            Ok(())
        })
        .unwrap();
        let failed = || Error::Database {
            operation: "append to",
            store: "x".to_owned(),
            why: "y".to_owned(),
        };
        assert!(matches!(gate.change(|_| Err(failed())), Err(Error::Database { .. })));
        assert!(matches!(gate.change(|_| Ok(())), Err(Error::Closed)));
    }

    #[test]
    fn room_is_not_asked_for_again_at_once() {
        let mut room = Room::default();
        room.check("x").unwrap();
        room.note(&room.check("x"));
        room.check("x").unwrap();
        room.note(&Err(Error::Full {
            path: "x".into(),
            source: io::ErrorKind::StorageFull.into(),
        }));
        assert!(matches!(room.check("x"), Err(Error::Full { .. })));
        room.forget();
        room.check("x").unwrap();
    }
}
