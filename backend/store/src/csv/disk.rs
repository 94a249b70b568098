//! The store's file operations, behind a trait that tests implement to simulate a loss of power.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::private_file::{self, FileId};

/// The files of a store's folder. Content is durable only after [`File::sync`], a new or changed name only after
/// [`Disk::sync_folder`].
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens a file for reading and writing.
    fn open_to_write(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Creates or truncates a file and opens it for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Renames a file; replaces an existing file.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, in any order.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// The file at a path; `None` if there is none.
    fn id_at(&self, path: &Path) -> io::Result<Option<FileId>>;
    /// Makes the names in the store's folder durable.
    fn sync_folder(&self) -> io::Result<()>;
    /// A monotonic clock.
    fn now(&self) -> Instant;
}

/// An open file. Renaming does not affect it.
pub(super) trait File: fmt::Debug + Send + Sync {
    fn id(&self) -> io::Result<FileId>;
    /// In bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads at least one byte, or none at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes; an error may leave any part of them written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;
    /// Shortens the file to a length in bytes.
    fn truncate(&self, length: u64) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Debug)]
pub(super) struct Real {
    /// Kept open: syncing changed names must not fail for lack of a file descriptor.
    folder: fs::File,
}

impl Real {
    /// Opens the folder of a store.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let folder = fs::File::open(folder)?;
        Ok(Self { folder })
    }
}

impl Disk for Real {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(fs::File::open(path)?))
    }

    fn open_to_write(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(fs::File::options().read(true).write(true).open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(private_file::options().truncate(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        // All names of the store are UTF-8, so other names are skipped.
        fs::read_dir(folder)?
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn id_at(&self, path: &Path) -> io::Result<Option<FileId>> {
        FileId::at(path)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.folder.sync_all()
    }

    fn now(&self) -> Instant {
        Instant::now()
    }
}

impl File for fs::File {
    fn id(&self) -> io::Result<FileId> {
        Ok(FileId::of(&self.metadata()?))
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match FileExt::read_at(self, buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Reads a whole file, or `None` if it does not exist.
pub(super) fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = vec![0; usize::try_from(file.length()?).map_err(io::Error::other)?];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..)
        && !rest.is_empty()
    {
        match file.read_at(rest, u64::try_from(filled).map_err(io::Error::other)?)? {
            0 => break,
            more => filled += more,
        }
    }
    bytes.truncate(filled);
    Ok(Some(bytes))
}

/// Writes a file and makes its content durable; its name is durable only after the folder is synced.
pub(super) fn write_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<Arc<dyn File>> {
    let file = disk.create(path)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    Ok(file)
}

/// Removes a file if it exists.
pub(super) fn remove_if_exists(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
