//! The server's private key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::{self, LineEnding};
use russh::keys::{Algorithm, PrivateKey};

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot {action} the host key {}: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the host key {} is not a private key in OpenSSH's format: {source}", path.display())]
    Format { path: PathBuf, source: ssh_key::Error },
    #[error("the host key {} is not of the kind ed25519; make one with ssh-keygen -t ed25519", path.display())]
    Algorithm { path: PathBuf },
    #[error("the host key {} has a passphrase; a server needs one without: ssh-keygen -p", path.display())]
    Encrypted { path: PathBuf },
    #[error("other users can read the host key {}; restrict it: chmod 600", path.display())]
    Readable { path: PathBuf },
}

/// Reads the key at `path`.
pub(super) fn read(path: &Path) -> Result<PrivateKey, Error> {
    let mode = fs::metadata(path).map_err(file("read", path))?.permissions().mode();
    let path_buf = || path.to_owned();
    if mode & 0o077 != 0 {
        return Err(Error::Readable { path: path_buf() });
    }
    let text = fs::read_to_string(path).map_err(file("read", path))?;
    let key = PrivateKey::from_openssh(text).map_err(|source| Error::Format {
        path: path_buf(),
        source,
    })?;
    if key.is_encrypted() {
        return Err(Error::Encrypted { path: path_buf() });
    }
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(Error::Algorithm { path: path_buf() });
    }
    Ok(key)
}

/// Reads the key in a folder; the first start creates it.
pub(super) fn open(folder: &Path) -> Result<PrivateKey, Error> {
    let path = folder.join("host_key");
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => create(folder, &path)?,
        Err(error) => return Err(file("read", &path)(error)),
    }
    read(&path)
}

/// Creates the key atomically. If two programs create it at the same time, the first one wins.
fn create(folder: &Path, path: &Path) -> Result<(), Error> {
    let text = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)
        .and_then(|key| key.to_openssh(LineEnding::LF))
        .map_err(|source| Error::Format {
            path: path.to_owned(),
            source,
        })?;
    let temporary = folder.join(format!("host_key.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        })
        .and_then(|()| File::open(folder)?.sync_all());
    // A remaining file does no harm: it has the permissions of the key.
    let _ = fs::remove_file(&temporary);
    written.map_err(file("create", path))
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_creates_a_key_that_only_its_owner_can_read_and_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let key = open(folder.path()).unwrap();
        assert_eq!(open(folder.path()).unwrap().public_key(), key.public_key());
        let path = folder.path().join("host_key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(&path), Err(Error::Readable { .. })));
    }

    #[test]
    fn a_file_that_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read(&path), Err(Error::Format { .. })));
    }
}
