//! The files beside the ledger: `catalog.csv` for the shopkeeper to read and edit, and blobs. All of them can be rebuilt from
//! the ledger.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::Timestamp;

use super::disk::{self, Disk, File};
use super::line::Digest;
use super::segment::Segment;
use crate::Error;

/// The active segment.
pub(super) const ACTIVE: &str = "ledger.csv";
/// The temporary name of the next active segment.
pub(super) const ACTIVE_NEW: &str = "ledger.csv.new";
/// The catalog file for people.
pub(super) const CATALOG: &str = "catalog.csv";
/// The temporary name of the next catalog file.
pub(super) const CATALOG_NEW: &str = "catalog.csv.new";
/// The copy of the catalog file in a store of format 1.
pub(super) const FORMAT_1_COPY: &str = ".catalog.csv";
/// The prefix and the suffix of a blob's file name.
const BLOB_NAME: (&str, &str) = (".", ".note");

/// The files of a store's folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) folder: &'a Path,
}

impl Files<'_> {
    /// The path of the catalog file.
    pub(super) fn catalog_path(&self) -> PathBuf {
        self.folder.join(CATALOG)
    }

    /// The content of the catalog file.
    pub(super) fn catalog(&self) -> Result<Option<Vec<u8>>, Error> {
        self.read(CATALOG)
    }

    /// The digest of the catalog file.
    pub(super) fn catalog_digest(&self) -> Result<Digest, Error> {
        let path = self.catalog_path();
        let digest = match self.disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Digest(None)),
            file => file.and_then(|file| Digest::of_file(&*file)),
        };
        digest.map_err(Error::io("read", &path))
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.folder.join(name);
        disk::read_file(self.disk, &path).map_err(Error::io("read", &path))
    }

    /// Replaces the catalog file durably. On a full disk no file remains.
    pub(super) fn publish(&self, content: &[u8]) -> Result<(), Error> {
        let new = self.folder.join(CATALOG_NEW);
        self.write_new(&new, content)?;
        self.rename(&new, &self.catalog_path())?;
        self.sync_folder()
    }

    /// Saves a copy of an edited catalog file before it is replaced.
    pub(super) fn save_edit(&self, edited: &[u8]) -> Result<(), Error> {
        let at = Timestamp::now().to_string().replace(':', "-");
        let copy = self.folder.join(format!("{CATALOG}.edited-{at}"));
        self.write_new(&copy, edited)?;
        tracing::warn!(copy = %copy.display(), "the catalog file was edited by hand; the edit is replaced, and a copy is kept");
        self.sync_folder()
    }

    /// Writes a new file and makes its content durable. After an error no file remains.
    pub(super) fn write_new(&self, path: &Path, content: &[u8]) -> Result<Arc<dyn File>, Error> {
        match disk::write_file(self.disk, path, content) {
            Ok(file) => Ok(file),
            Err(source) => {
                self.remove(path)?;
                Err(Error::of_write(path, source))
            }
        }
    }

    /// Saves a blob with a checksum instead of a sync: a torn blob reads as missing.
    pub(super) fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.blob_path(name);
        let new = path.with_added_extension("new");
        let written = self.disk.create(&new).and_then(|file| {
            file.write_at(content, 0)?;
            file.write_at(&crc32c::crc32c(content).to_le_bytes(), content.len() as u64)?;
            self.disk.rename(&new, &path)
        });
        written.map_err(|source| {
            // The next blob replaces a file that cannot be removed.
            let _ = disk::remove_if_exists(self.disk, &new);
            Error::of_write(&new, source)
        })
    }

    /// Reads a blob; `None` if it is missing or torn.
    pub(super) fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.blob_path(name);
        let mut content = disk::read_file(self.disk, &path).map_err(Error::io("read", &path))?;
        let sum = content.as_mut().and_then(|content| {
            let sum = *content.last_chunk()?;
            content.truncate(content.len() - sum.len());
            Some(u32::from_le_bytes(sum))
        });
        Ok(content.filter(|content| sum == Some(crc32c::crc32c(content))))
    }

    fn blob_path(&self, name: &str) -> PathBuf {
        let (start, end) = BLOB_NAME;
        self.folder.join(format!("{start}{name}{end}"))
    }

    /// Whether a file name is that of a blob.
    pub(super) fn is_blob(name: &str) -> bool {
        let (start, end) = BLOB_NAME;
        name.starts_with(start) && name.ends_with(end)
    }

    /// Whether a file name is that of a file of a store.
    pub(super) fn is_own(name: &str) -> bool {
        let of_ledger = name == ACTIVE || name == ACTIVE_NEW || Segment::first_of(name).is_some();
        let of_catalog = name.strip_prefix('.').unwrap_or(name).starts_with(CATALOG);
        of_ledger || of_catalog || Self::is_blob(name.strip_suffix(".new").unwrap_or(name))
    }

    /// The existing files that only a store with a ledger contains.
    pub(super) fn leftovers(&self) -> Result<Vec<String>, Error> {
        let mut names = self.names()?;
        names.retain(|name| name == FORMAT_1_COPY || Self::is_blob(name) || Segment::first_of(name).is_some());
        Ok(names)
    }

    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        self.disk.names(self.folder).map_err(Error::io("list", self.folder))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.disk.rename(from, to).map_err(Error::io("rename", from))
    }

    /// Removes a file if it exists.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        disk::remove_if_exists(self.disk, path).map_err(Error::io("remove", path))
    }

    /// Makes the names in the folder durable.
    pub(super) fn sync_folder(&self) -> Result<(), Error> {
        self.disk.sync_folder().map_err(Error::io("sync", self.folder))
    }
}
