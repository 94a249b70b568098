//! The files of a store are private to their owner, and files of other programs are never changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::bookstored::{ANY_PORT, all_arguments, assert_contains, run, start_with_limit};
use crate::client::Client;
use crate::fixture::StoreFixture;

/// Visits every file and folder within a folder.
fn visit(folder: &Path, check: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        check(&path);
        if path.is_dir() {
            visit(&path, check);
        }
    }
}

#[tokio::test]
async fn only_the_owner_can_read_the_files_of_a_store_under_any_umask() {
    for store in StoreFixture::each_of_files() {
        let root = store.path("");
        let shop = start_with_limit("umask 000", &all_arguments(&store.url));
        assert_eq!(Client::of(&shop, "frontend").buy(1, 1, None).await.status, 200);
        let mut count = 0;
        let mut check = |path: &Path| {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
            count += 1;
        };
        visit(&root, &mut check);
        assert!(shop.stop().success());
        visit(&root, &mut check);
        assert!(count >= 6, "{count} files");
    }
}

#[test]
fn a_lock_that_is_a_symbolic_link_is_refused_and_its_target_is_not_changed() {
    for store in StoreFixture::each_of_files() {
        let target = store.file("target", "another program's");
        fs::create_dir(store.path("store")).unwrap();
        let lock = store.path(if store.engine() == "csv" {
            "store/lock"
        } else {
            "store.db.lock"
        });
        symlink(&target, &lock).unwrap();
        let books = store.file("books.csv", "1,Emma,1,1,novels\n");
        for command in [["catalog", "--listen", ANY_PORT], ["import", &books, "--yes"]] {
            let (code, _, stderr) = run(&[&command[..], &["--store", &store.url]].concat());
            assert_eq!(code, 1, "{stderr}");
            assert_contains(&stderr, &["lock is not a regular file"]);
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "another program's");
    }
}
