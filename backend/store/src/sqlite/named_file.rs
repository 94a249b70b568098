//! Checks that the files of a database still have their names.

use std::path::PathBuf;

use crate::Error;
use crate::private_file::FileId;

/// An open file that must keep its name: data written to a file without a name is lost when the process ends.
#[derive(Debug)]
pub(super) struct NamedFile {
    path: PathBuf,
    id: Option<FileId>,
}

impl NamedFile {
    /// The file at a path now.
    pub(super) fn find(path: PathBuf) -> Result<Self, Error> {
        let id = FileId::at(&path).map_err(Error::io("find", &path))?;
        Ok(Self { path, id })
    }

    /// Checks that the path still leads to the same file.
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
