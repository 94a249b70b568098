//! `audit` and `export FILE` while a catalog runs, on read-only media, and with a reader that ends early.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::thread;

use backend::store::Store as _;
use backend::store::conformance::ReferenceShop;
use backend::store::csv::CsvStore;
use serde_json::Value;
use testing::ReadOnlyMount;

use super::FOUR;
use crate::bookstored::{assert_contains, command, run};
use crate::client::Client;
use crate::fixture::StoreFixture;

#[tokio::test]
async fn a_running_catalog_excludes_other_writers_but_not_readers() {
    for fixture in [StoreFixture::csv(), StoreFixture::sqlite()] {
        let shop = fixture.start_all();
        let client = Client::of(&shop, "frontend");
        for _ in 0..10 {
            assert_eq!(client.buy(2, 1, None).await.status, 200);
        }
        let file = fixture.file("books.csv", FOUR);
        let copy = format!("csv:{}", fixture.path("copy").display());
        for command in [&["import", &file][..], &["export", "--to", &copy]] {
            assert_contains(&fixture.fail(command), &["in use by another program (process"]);
        }
        let report: Value = serde_json::from_str(&fixture.succeed(&["audit", "--json"])).unwrap();
        assert_eq!((&report["verdict"], &report["sold"]), (&"clean".into(), &10.into()));
        assert_contains(&fixture.succeed(&["export"]), &["RPCs for Dummies,490,40.00"]);
        assert!(shop.stop().success());
    }
}

#[test]
fn an_audit_and_an_export_read_a_consistent_store_while_segments_and_checkpoints_are_written() {
    const ROUNDS: usize = 150;
    let fixture = StoreFixture::csv();
    let folder = fixture.path("store");
    let store = CsvStore::open_with_small_segments(&folder).unwrap();
    let mut shop = ReferenceShop::filled(&store);
    let audits = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..ROUNDS {
                shop.sell_baskets_through(&store, &[3, 1, 2, 4]);
                store.checkpoint(&shop.books, shop.head).unwrap();
            }
        });
        let mut audits = 0;
        while audits == 0 || !writer.is_finished() {
            assert!(fixture.succeed(&["audit"]).starts_with("clean"));
            assert_eq!(fixture.succeed(&["export"]).lines().count(), 1 + shop_size());
            audits += 1;
        }
        audits
    });
    let segments = fs::read_dir(&folder).unwrap().count();
    println!("{audits} audits and exports during {ROUNDS} checkpoints, {segments} files");
    assert!(audits > 2 && segments > ROUNDS / 3);
}

/// The number of books of a [`ReferenceShop`].
fn shop_size() -> usize {
    FOUR.lines().count() - 1
}

#[tokio::test]
async fn an_audit_and_an_export_work_on_read_only_media() {
    for fixture in [StoreFixture::csv(), StoreFixture::sqlite()] {
        let fixture = fixture.with_four_books();
        let Some(mount) = ReadOnlyMount::of(fixture.path("").as_path()) else {
            return;
        };
        let mounted = fixture.url.replace(
            &fixture.path("").display().to_string(),
            &format!("{}/", mount.path().display()),
        );
        let assert_sold = |sold: i64| {
            let (code, stdout, stderr) = run(&["audit", "--json", "--store", &mounted]);
            assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
            let report: Value = serde_json::from_str(&stdout).unwrap();
            assert_eq!((&report["verdict"], &report["sold"]), (&"clean".into(), &sold.into()));
            let (code, books, stderr) = run(&["export", "--store", &mounted]);
            assert_eq!((code, stderr.as_str()), (0, ""));
            assert_contains(&books, &[&format!("RPCs for Dummies,{},40.00", 500 - sold)]);
        };
        let fails = |command: &[&str]| run(&[command, &["--store", &mounted]].concat()).0;
        assert_sold(0);
        let mut shop = fixture.start_all();
        let client = Client::of(&shop, "frontend");
        for _ in 0..5 {
            assert_eq!(client.buy(2, 1, None).await.status, 200);
        }
        assert_sold(5);
        shop.send_kill();
        drop(shop);
        assert_sold(5);
        assert_eq!(fails(&["import", &fixture.file("books.csv", FOUR)]), 1);
        drop(fixture.open());
        assert_sold(5);
    }
}

#[test]
fn a_reader_that_ends_early_is_no_error() {
    let fixture = StoreFixture::csv();
    let many = run(&["generate", "20000"]).1;
    let file = fixture.file("books.csv", &many);
    let closed = |arguments: &[&str]| {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = command(arguments);
        command.args(["--store", &fixture.url]);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let copy = format!("sqlite:{}", fixture.path("copy.db").display());
    let quiet = (Some(0), String::new());
    for arguments in [
        &["import", &file][..],
        &["export"],
        &["audit"],
        &["audit", "--json"],
        &["export", "--to", &copy, "--json"],
    ] {
        assert_eq!(closed(arguments), quiet, "{arguments:?}");
    }
    // The command does its work whether or not its output is read.
    assert_eq!(run(&["export", "--store", &copy]).1, many);
    damage(&fixture.path("store"));
    assert_eq!(closed(&["audit"]), (Some(4), String::new()));
    let mut generate = command(&["generate", "100000"]);
    let mut child = generate.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// Changes a byte of the ledger of a CSV store.
fn damage(folder: &Path) {
    let path = folder.join("ledger.csv");
    let mut ledger = fs::read(&path).unwrap();
    let middle = ledger.len() / 2;
    ledger[middle] ^= 1;
    fs::write(path, ledger).unwrap();
}

#[test]
fn with_json_a_command_that_cannot_run_prints_one_object_with_the_reason() {
    let fixture = StoreFixture::csv();
    let copy = format!("csv:{}", fixture.path("copy").display());
    for command in [
        &["audit", "--json", "--store", &fixture.url][..],
        &["export", "--to", &copy, "--json", "--store", &fixture.url],
        &["backup", "--url", "http://127.0.0.1:9", "--to", &copy, "--json"],
    ] {
        let (code, json, stderr) = run(command);
        let report: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((code, &report["verdict"]), (1, &"incomplete".into()), "{stderr}");
        assert_contains(&stderr, &[report["why"].as_str().unwrap()]);
    }
}
