//! Whether the database file still has its name.

use std::path::PathBuf;

use crate::Error;
use crate::private_file::FileId;

/// A file in use that must keep its name: what is written to a file without one is lost with the process.
#[derive(Debug)]
pub(super) struct NamedFile {
    path: PathBuf,
    id: Option<FileId>,
}

impl NamedFile {
    /// The file that has the name now.
    pub(super) fn find(path: PathBuf) -> Result<Self, Error> {
        let id = FileId::at(&path).map_err(Error::io("find", &path))?;
        Ok(Self { path, id })
    }

    /// Checks that the name still leads to the file.
    ///
    /// # Errors
    /// [`Error::NameLost`], [`Error::Io`].
    pub(super) fn check(&self) -> Result<(), Error> {
        let found = FileId::at(&self.path).map_err(Error::io("find", &self.path))?;
        match found.is_some() && found == self.id {
            true => Ok(()),
            false => Err(Error::NameLost(self.path.clone())),
        }
    }
}
