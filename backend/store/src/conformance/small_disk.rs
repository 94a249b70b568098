//! A real disk that is really full.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::ReferenceShop;
use crate::{Error, Store};

/// A file system of two megabytes, half of which can be given back.
#[derive(Debug)]
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Mounts one; nothing where that is not allowed, and a loud word about it.
    pub(crate) fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            let _ = writeln!(std::io::stderr(), "skipped: no small disk can be mounted here");
            return None;
        }
        let disk = Self(folder);
        fs::write(disk.ballast(), vec![1; 1024 * 1024]).unwrap();
        Some(disk)
    }

    /// Where it is.
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
        // Whoever has a file open keeps it until then.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Sells until there is no room, looks that nothing was half done, makes room, and sells on.
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
            // It is not asked again at once.
            Err(Error::Full { .. }) => std::thread::park_timeout(Duration::from_millis(50)),
            done => break done.unwrap(),
        }
    }
    assert_eq!(store.read(shop.head, usize::MAX).unwrap(), refused);
    shop.follow(refused);
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
