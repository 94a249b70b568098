//! How a second shop on this machine finds the store that a first one has open: a file beside the store's lock, which
//! only its owner can read. It counts only while the lock is held.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where a running shop answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// The front-end's base address.
    pub url: String,
    /// The shopkeeper's token, where it is for every program of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The process that holds the store.
    pub pid: u32,
}

impl Beacon {
    /// For this process.
    pub fn new(url: String, token: Option<&str>) -> Self {
        Self {
            url,
            token: token.map(str::to_owned),
            pid: std::process::id(),
        }
    }

    /// Where it stands for a store with that lock.
    fn path(lock: &Path) -> PathBuf {
        lock.with_file_name("shop.json")
    }

    /// Leaves it beside the lock.
    ///
    /// # Errors
    /// The system's.
    pub fn leave(&self, lock: &Path) -> io::Result<PathBuf> {
        let path = Self::path(lock);
        let fresh = path.with_extension("json.new");
        // The mode counts only for a file that is new.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(&fresh, &path)?;
        Ok(path)
    }

    /// What was left beside a lock, if anything.
    ///
    /// # Errors
    /// The system's, or that the file makes no sense.
    pub fn find(lock: &Path) -> io::Result<Option<Self>> {
        match fs::read(Self::path(lock)) {
            Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_found_beside_the_lock_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        assert_eq!(Beacon::find(&lock).unwrap(), None);
        let beacon = Beacon::new("http://127.0.0.1:1".into(), Some("secret"));
        let path = beacon.leave(&lock).unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Beacon::find(&lock).unwrap(), Some(beacon));
    }
}
