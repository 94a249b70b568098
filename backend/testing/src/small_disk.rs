//! A small file system that a test fills up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::skip_or_fail;

/// A file system of two megabytes, half of which a ballast file occupies.
#[derive(Debug)]
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Mounts one. Returns `None` if that is not permitted and tests may be skipped without it.
    ///
    /// # Panics
    /// If it cannot be mounted and such tests may not be skipped.
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            skip_or_fail("small-disk", "run as root where a tmpfs can be mounted");
            return None;
        }
        let disk = Self(folder);
        fs::write(disk.ballast(), vec![1; 1024 * 1024]).unwrap();
        Some(disk)
    }

    /// The mount point.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Grows the ballast file until the disk is full.
    ///
    /// # Panics
    /// If that fails for another reason than a full disk.
    pub fn fill(&self) {
        use io::Write as _;
        let mut ballast = fs::File::options().append(true).open(self.ballast()).unwrap();
        let full = loop {
            if let Err(error) = ballast.write_all(&[1; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::StorageFull, "{full}");
    }

    /// Removes the ballast file.
    ///
    /// # Panics
    /// If it was removed before.
    pub fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A lazy unmount works while files are open.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}
