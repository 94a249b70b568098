//! Files of a store whose ledger is missing. They are moved aside, never removed.

use std::fs;
use std::path::{Path, PathBuf};

use common::Timestamp;

use crate::lock::{self, Lock};
use crate::url::beside;
use crate::{Error, private_file};

/// Returns [`Error::LedgerMissing`] if `found`, the names of files, or the lock file show that a store existed.
pub(crate) fn refuse(ledger: &Path, mut found: Vec<String>, lock: &Path) -> Result<(), Error> {
    found.extend(lock::trace(lock));
    if found.is_empty() {
        return Ok(());
    }
    found.sort_unstable();
    Err(Error::LedgerMissing {
        ledger: ledger.to_owned(),
        found: found.join(", "),
    })
}

/// Moves files, and a copy of the lock file, into the new folder `PREFIX-TIME`, and then removes the store's id from the lock
/// file. After a crash in between the next start is refused again.
pub(crate) fn move_aside(files: &[PathBuf], prefix: &Path, lock: &mut Lock) -> Result<(), Error> {
    let at = Timestamp::now().to_string().replace(':', "-");
    let folder = beside(prefix, &format!("-{at}"));
    private_file::make_folder(&folder)?;
    let place = |file: &Path| folder.join(file.file_name().unwrap_or_default());
    fs::copy(lock.path(), place(lock.path())).map_err(Error::io("copy", lock.path()))?;
    for file in files {
        fs::rename(file, place(file)).map_err(Error::io("move", file))?;
    }
    private_file::sync_folder(&folder)?;
    private_file::sync_folder(folder.parent().unwrap_or(Path::new("/")))?;
    let folder = folder.display();
    tracing::warn!(%folder, files = files.len(), "the ledger is missing: what is left was moved aside, and a new store begins");
    lock.forget_store()
}
