//! A folder on read-only media.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::skip_or_fail;

/// A read-only bind mount of a folder.
#[derive(Debug)]
pub struct ReadOnlyMount(tempfile::TempDir);

impl ReadOnlyMount {
    /// Mounts a folder. Returns `None` if that is not permitted and tests may be skipped without it.
    ///
    /// # Panics
    /// If it cannot be mounted and such tests may not be skipped.
    pub fn of(folder: &Path) -> Option<Self> {
        let mount = Self(tempfile::tempdir().unwrap());
        let run = |arguments: &[&str], paths: &[&Path]| {
            let mut command = Command::new("mount");
            let status = command.args(arguments).args(paths).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        if run(&["--bind"], &[folder, mount.path()]) && run(&["-o", "remount,bind,ro"], &[mount.path()]) {
            return Some(mount);
        }
        skip_or_fail("read-only-mount", "run as root where a folder can be mounted");
        None
    }

    /// The mount point.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for ReadOnlyMount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
