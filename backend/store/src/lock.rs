//! The lock that prevents a second process from opening a store. The system releases it (flock) when the process ends.
//!
//! The file has two lines: the id of the process that holds the lock, and the id of the store once its ledger is durable. From
//! the store's id a later start concludes that a ledger existed.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use common::StoreId;
use rustix::io::Errno;

use crate::{Error, private_file};

/// A held lock, released on drop and at the end of the process.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    store: Option<StoreId>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough while a forked child shares it.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Locks the lock file of a store and writes this process's id to it.
    pub(super) fn acquire(path: &Path, store: &Path) -> Result<Self, Error> {
        let file = match private_file::options().open(path) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
                return Err(Error::NotRegularFile(path.to_owned()));
            }
            file => file.map_err(Error::io("open", path))?,
        };
        if !file.metadata().map_err(Error::io("open", path))?.is_file() {
            return Err(Error::NotRegularFile(path.to_owned()));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked {
                    path: store.to_owned(),
                    holder: read(&file).0,
                });
            }
            Err(TryLockError::Error(source)) => return Err(Error::io("lock", path)(source)),
        }
        let lock = Self {
            store: read(&file).1,
            file,
            path: path.to_owned(),
        };
        // The process id is only informative: a full disk must not prevent opening.
        let _ = lock.write();
        Ok(lock)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the store's id to the file. Call it after the ledger is durable.
    pub(super) fn record_store(&mut self, store: StoreId) {
        if self.store == Some(store) {
            return;
        }
        self.store = Some(store);
        if let Err(error) = self.write() {
            tracing::warn!(%error, path = %self.path.display(), "the lock file does not name the store");
        }
    }

    /// Removes the store's id from the file.
    pub(super) fn forget_store(&mut self) -> Result<(), Error> {
        self.store = None;
        self.write().map_err(Error::io("write", &self.path))
    }

    /// Writes both lines. The first one has a fixed width, so that rewriting an existing file needs no room.
    fn write(&self) -> io::Result<()> {
        let mut content = format!("{:<10}\n", std::process::id());
        if let Some(store) = self.store {
            content.push_str(&format!("{store}\n"));
        }
        self.file.write_all_at(content.as_bytes(), 0)?;
        self.file.set_len(content.len() as u64)
    }
}

/// The lock file at a path as evidence that a ledger existed; `None` if it names no store. Reads it without locking it.
pub(super) fn trace(path: &Path) -> Option<String> {
    let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    let store = read(&is_file.then(|| File::open(path).ok())??).1?;
    let name = path.file_name().unwrap_or_default().display();
    Some(format!("{name} (of the store {store})"))
}

/// The process id and the store id in a lock file.
fn read(file: &File) -> (Option<u32>, Option<StoreId>) {
    const BYTES_MAX: u64 = 64;
    let mut text = String::new();
    if file.take(BYTES_MAX).read_to_string(&mut text).is_err() {
        return (None, None);
    }
    let mut lines = text.lines();
    let holder = lines.next().and_then(|line| line.trim().parse().ok());
    (holder, lines.next().and_then(|line| line.parse().ok()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_lock_names_its_process_and_then_the_store_whatever_it_held_before() {
        let folder = tempfile::tempdir().unwrap();
        let (path, id) = (folder.path().join("lock"), StoreId::generate());
        for before in ["", "7\n", "1234567890\n", &"x".repeat(500)] {
            fs::write(&path, before).unwrap();
            let mut lock = Lock::acquire(&path, folder.path()).unwrap();
            assert_eq!(trace(&path), None);
            lock.record_store(id);
            drop(lock);
            let content = fs::read_to_string(&path).unwrap();
            assert_eq!(content, format!("{:<10}\n{id}\n", std::process::id()));
            let mut lock = Lock::acquire(&path, folder.path()).unwrap();
            assert!(trace(&path).is_some_and(|trace| trace.contains(&id.to_string())));
            lock.forget_store().unwrap();
            assert_eq!(trace(&path), None);
        }
    }

    #[test]
    fn a_lock_that_is_no_regular_file_is_refused_and_its_target_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("lock"), folder.path().join("target"));
        fs::write(&target, "another program's").unwrap();
        for target in [&target, Path::new("/dev/null"), &folder.path().join("none")] {
            symlink(target, &path).unwrap();
            let refused = Lock::acquire(&path, folder.path());
            assert!(matches!(refused, Err(Error::NotRegularFile(_))), "{refused:?}");
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "another program's");
        assert!(!folder.path().join("none").exists());
    }
}
