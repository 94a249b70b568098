//! How other programs of the same user find a running shop: a file with its address beside the store's lock. Only the owner can
//! read it, and it is valid only while the lock is held.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A shop that has its store open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningShop {
    /// The front-end's base address.
    pub url: String,
    /// The shopkeeper's token, if the shop shares it with the user's programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The process that holds the lock.
    pub pid: u32,
}

impl RunningShop {
    /// The shop of this process.
    pub fn new(url: String, token: Option<&str>) -> Self {
        Self {
            url,
            token: token.map(str::to_owned),
            pid: std::process::id(),
        }
    }

    /// The file for the store with this lock. Its name begins with the lock's name, because several stores may share a folder.
    fn path(lock: &Path) -> PathBuf {
        lock.with_added_extension("json")
    }

    /// Writes the file beside the lock and returns its path.
    ///
    /// # Errors
    /// The system's error.
    pub fn publish(&self, lock: &Path) -> io::Result<PathBuf> {
        let path = Self::path(lock);
        let fresh = path.with_added_extension("new");
        // Remove a leftover: the mode applies only to a new file.
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

    /// Reads the file beside a lock; `None` if there is none.
    ///
    /// # Errors
    /// The system's error, or invalid JSON.
    pub fn read(lock: &Path) -> io::Result<Option<Self>> {
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
    fn a_published_shop_is_read_back_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        assert_eq!(RunningShop::read(&lock).unwrap(), None);
        let shop = RunningShop::new("http://127.0.0.1:1".into(), Some("secret"));
        let path = shop.publish(&lock).unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(RunningShop::read(&lock).unwrap(), Some(shop));
    }

    #[test]
    fn stores_in_one_folder_have_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let stores = ["lock", "a.db.lock", "b.db.lock"].map(|lock| {
            let (lock, shop) = (
                folder.path().join(lock),
                RunningShop::new(format!("http://{lock}"), None),
            );
            shop.publish(&lock).unwrap();
            (lock, shop)
        });
        for (lock, shop) in stores {
            assert_eq!(RunningShop::read(&lock).unwrap(), Some(shop));
        }
    }
}
