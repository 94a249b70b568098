//! The lock that keeps a second process out of a store. The system holds it (flock), so a killed process leaves none behind.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use crate::Error;

/// A held lock, released on drop and at the end of the process.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough while a forked child still shares it.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Locks the lock file of a store and writes this process's id to it.
    pub(super) fn acquire(path: &Path, store: &Path) -> Result<Self, Error> {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(Error::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked {
                    path: store.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(Error::Io {
                    operation: "lock",
                    path: path.to_owned(),
                    source,
                });
            }
        }
        // The id is informative only: a full disk must not prevent opening.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

fn holder(file: &mut File) -> Option<u32> {
    const DIGITS_MAX: u64 = 16;
    let mut text = String::new();
    file.take(DIGITS_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
