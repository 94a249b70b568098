//! The identity of a client, and the location of its orders.

use std::fs::{self, DirBuilder};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::{HashAlg, PublicKey};
use tempfile::TempDir;
use tokio::sync::watch;

use super::keyed_limiter::{KeyedLimiter, KeyedPermit};
use crate::journal::JournalLocation;

/// Longest part of a file of shopkeepers' keys that is read, in bytes.
const SHOPKEEPERS_BYTES_MAX: u64 = 1_024 * 1_024;

/// The authenticated identity of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// A client without a key.
    Guest,
    Key(Box<PublicKey>),
}

impl Identity {
    /// The name in the log: the fingerprint as OpenSSH prints it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Guest => "a guest".to_owned(),
            Self::Key(key) => key.fingerprint(HashAlg::Sha256).to_string(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot create the folder {}: {source}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot read the shopkeepers' keys in {}: {source}", path.display())]
    Shopkeepers { path: PathBuf, source: io::Error },
    #[error(
        "{}, line {line}: expected a public key without options, like `ssh-ed25519 AAAA… name`",
        path.display()
    )]
    NoKey { path: PathBuf, line: usize },
    #[error("this key has reached its limit of concurrent sessions; close one of them")]
    TooMany,
}

/// The customers, with the folder of their orders.
#[derive(Debug)]
pub(super) struct Customers {
    folder: PathBuf,
    sessions: Arc<KeyedLimiter<String, watch::Sender<()>>>,
}

/// A customer while a session is open.
#[derive(Debug)]
pub(super) struct Customer {
    pub(super) orders: JournalLocation,
    _permit: Option<KeyedPermit<String, watch::Sender<()>>>,
    /// The folder of a guest's orders; removed with the session.
    _temporary: Option<TempDir>,
}

impl Customers {
    /// Keeps orders below `folder`. Each key has at most `max_per_key` sessions at the same time.
    pub(super) fn open(folder: &Path, max_per_key: usize) -> Result<Self, Error> {
        let folder = folder.join("customers");
        create(&folder)?;
        let sessions = KeyedLimiter::new(max_per_key);
        Ok(Self { folder, sessions })
    }

    /// Begins a session. The name of a customer's folder is the SHA-256 of the key, in hexadecimal.
    pub(super) fn begin(&self, identity: &Identity) -> Result<Customer, Error> {
        let Identity::Key(key) = identity else {
            let temporary = tempfile::Builder::new().prefix("bookstore-guest-").tempdir();
            let temporary = temporary.map_err(|source| Error::Folder {
                path: std::env::temp_dir(),
                source,
            })?;
            let orders = JournalLocation {
                folder: temporary.path().to_owned(),
                changes: Some(watch::Sender::default()),
            };
            return Ok(Customer {
                orders,
                _permit: None,
                _temporary: Some(temporary),
            });
        };
        let fingerprint = key.fingerprint(HashAlg::Sha256);
        let name: String = fingerprint
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let permit = self.sessions.try_acquire(name.clone()).ok_or(Error::TooMany)?;
        let orders = JournalLocation {
            folder: self.folder.join(name),
            changes: Some(permit.shared.clone()),
        };
        Ok(Customer {
            orders,
            _permit: Some(permit),
            _temporary: None,
        })
    }
}

/// Creates a folder that only its owner can read.
pub(super) fn create(folder: &Path) -> Result<(), Error> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.map_err(|source| Error::Folder {
        path: folder.to_owned(),
        source,
    })
}

/// Reads the shopkeepers' keys: lines in the form of `authorized_keys`, without options, which this server could not enforce.
pub(super) fn read_shopkeepers(path: &Path) -> Result<Vec<PublicKey>, Error> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(SHOPKEEPERS_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|source| Error::Shopkeepers {
        path: path.to_owned(),
        source,
    })?;
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line_text = line.trim();
        if line_text.is_empty() || line_text.starts_with('#') {
            continue;
        }
        let key = PublicKey::from_openssh(line_text).map_err(|_| Error::NoKey {
            path: path.to_owned(),
            line: number,
        })?;
        keys.push(key);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user@example.com";

    #[test]
    fn shopkeepers_are_lines_without_options() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, format!("# comment\n\n{KEY}\n")).unwrap();
        let keys = read_shopkeepers(&path).unwrap();
        assert_eq!(keys.len(), 1);
        fs::write(&path, format!("{KEY}\nfrom=\"10.0.0.1\" {KEY}\n")).unwrap();
        assert!(matches!(read_shopkeepers(&path), Err(Error::NoKey { line: 2, .. })));
    }

    #[test]
    fn a_key_has_one_folder_that_its_first_order_creates_and_a_guest_has_one_for_a_session() {
        let folder = tempfile::tempdir().unwrap();
        let customers = Customers::open(folder.path(), 2).unwrap();
        let key = Identity::Key(Box::new(PublicKey::from_openssh(KEY).unwrap()));
        let first = customers.begin(&key).unwrap();
        let second = customers.begin(&key).unwrap();
        assert_eq!(first.orders.folder, second.orders.folder);
        assert!(!first.orders.folder.exists());
        assert!(matches!(customers.begin(&key), Err(Error::TooMany)));
        let guest = customers.begin(&Identity::Guest).unwrap();
        let kept = guest.orders.folder.clone();
        assert!(kept.exists() && !kept.starts_with(folder.path()));
        drop(guest);
        assert!(!kept.exists());
    }
}
