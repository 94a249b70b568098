//! A small file system that a test fills up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::ReferenceShop;
use crate::{Error, Store};

/// A file system of two megabytes, half of which a ballast file occupies.
#[derive(Debug)]
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Mounts one. Returns `None` if that is not permitted and tests may be skipped without it.
    ///
    /// # Panics
    /// If it cannot be mounted and such tests may not be skipped.
    pub(crate) fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            testing::skip_or_fail("small-disk", "run as root where a tmpfs can be mounted");
            return None;
        }
        let disk = Self(folder);
        fs::write(disk.ballast(), vec![1; 1024 * 1024]).unwrap();
        Some(disk)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A lazy unmount works while files are open.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Sells until the disk is full, checks that the last batch was refused whole, makes room, and continues.
pub(crate) fn a_full_disk_refuses_a_batch_whole_until_there_is_room(
    store: &dyn Store,
    shop: ReferenceShop,
    disk: &SmallDisk,
) {
    let (mut shop, refused) = fill(store, shop);
    shop.assert_matches(store);
    store.append(shop.head, &[]).unwrap();
    disk.make_room();
    loop {
        match store.append(shop.head, &refused) {
            // It is tried again a second later.
            Err(Error::Full { .. }) => std::thread::park_timeout(Duration::from_millis(50)),
            result => break result.unwrap(),
        }
    }
    assert_eq!(store.read(shop.head, usize::MAX).unwrap(), refused);
    shop.apply(&refused);
    shop.sell_through(store, 3);
    shop.assert_matches(store);
}

fn fill(store: &dyn Store, mut shop: ReferenceShop) -> (ReferenceShop, Vec<common::Entry>) {
    loop {
        let mut next = shop.clone();
        let entries = next.sell(500);
        match store.append(shop.head, &entries) {
            Ok(()) => shop = next,
            Err(Error::Full { .. }) => return (shop, entries),
            Err(error) => panic!("{error}"),
        }
    }
}
