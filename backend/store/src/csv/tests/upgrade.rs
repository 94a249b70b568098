//! The upgrade of a store of format 1.

use super::*;
use crate::format_1::tests::{UNTIL, assert_upgraded, assert_usable, fixture};

const FILES: [&str; 4] = ["ledger.csv", "catalog.csv", ".catalog.csv", ".tags.note"];

fn old_file(name: &str) -> Vec<u8> {
    fs::read(fixture("csv").join(name)).unwrap()
}

/// A folder with the fixture's files.
fn old_folder() -> Folder {
    let folder = Folder::new();
    for name in FILES {
        fs::write(folder.path(name), old_file(name)).unwrap();
    }
    folder
}

/// A simulated disk with the fixture's files.
fn old_disk(seed: u64) -> Simulated {
    let files = FILES.map(|name| (Path::new(FOLDER).join(name), old_file(name)));
    Simulated::with_files(seed, files.iter().map(|(path, bytes)| (path.as_path(), bytes)))
}

fn names(folder: &Folder) -> Vec<String> {
    let mut names = folder.names();
    names.retain(|name| name != "lock");
    names.sort_unstable();
    names
}

#[test]
fn a_store_of_format_1_is_upgraded_and_its_entries_stay_as_they_are() {
    let folder = old_folder();
    assert!(matches!(CsvStore::inspect(folder.0.path()), Err(Error::OldFormat(_))));
    assert_usable("csv", || folder.open().unwrap());
    let sealed = folder.path(&Segment::sealed_name(Seq(1)));
    assert_eq!(fs::read(sealed).unwrap(), old_file("ledger.csv"));
    let expected = [
        ".books.note",
        "catalog.csv",
        "ledger-00000000000000000001.csv",
        "ledger.csv",
    ];
    assert_eq!(names(&folder), expected);
    let found = CsvStore::inspect(folder.0.path()).unwrap();
    assert_eq!((found.edits, found.remarks), (Vec::new(), Vec::new()));
}

#[test]
fn an_upgrade_stopped_at_any_step_is_made_by_the_next_start() {
    let (mut steps, mut images) = (0, 0);
    loop {
        for power in [false, true] {
            let disk = old_disk(steps);
            disk.stop_after(steps);
            let stopped = open_on(&disk, SEGMENT_BYTES_MAX).is_err();
            disk.each_image(|image| {
                images += 1;
                assert_upgraded(&open_on(&image, SEGMENT_BYTES_MAX).unwrap(), "csv");
            });
            if power {
                disk.restart_machine();
            } else {
                disk.restart_process();
            }
            // The second start stops at some step too.
            disk.stop_after(steps % 7);
            let _ = open_on(&disk, SEGMENT_BYTES_MAX);
            disk.restart_machine();
            assert_upgraded(&open_on(&disk, SEGMENT_BYTES_MAX).unwrap(), "csv");
            if !stopped {
                eprintln!("{steps} steps, {images} images");
                assert!(steps > 10);
                return;
            }
        }
        steps += 1;
    }
}

#[test]
fn an_upgrade_without_room_changes_nothing() {
    for room in [0, 1_000, 3_600, 4_000] {
        let disk = old_disk(1);
        disk.leave_room(Some(room));
        assert!(
            matches!(open_on(&disk, SEGMENT_BYTES_MAX), Err(Error::UpgradeNeedsRoom { .. })),
            "{room}"
        );
        assert_eq!(content(&disk, "ledger.csv"), Some(old_file("ledger.csv")));
        disk.leave_room(None);
        assert_upgraded(&open_on(&disk, SEGMENT_BYTES_MAX).unwrap(), "csv");
    }
}

#[test]
fn what_a_crash_of_format_1_left_is_upgraded_too() {
    // Both new files exist; none or one has its final name.
    for moved in [
        &["catalog.csv", ".catalog.csv"][..],
        &["catalog.csv"],
        &[".catalog.csv"],
    ] {
        let folder = old_folder();
        for name in moved {
            fs::rename(folder.path(name), folder.path(&format!("{name}.new"))).unwrap();
        }
        assert_usable("csv", || folder.open().unwrap());
    }
    for lost in ["catalog.csv", ".catalog.csv", ".tags.note"] {
        let folder = old_folder();
        fs::remove_file(folder.path(lost)).unwrap();
        assert_usable("csv", || folder.open().unwrap());
    }
    let folder = old_folder();
    for lost in ["catalog.csv", ".catalog.csv"] {
        fs::remove_file(folder.path(lost)).unwrap();
    }
    assert!(matches!(folder.store(), Err(Error::Damaged { .. })));
    // Between the two renames that seal a segment.
    let folder = old_folder();
    fs::rename(folder.path("ledger.csv"), folder.path(&Segment::sealed_name(Seq(1)))).unwrap();
    fs::write(folder.path("ledger.csv.new"), "seq").unwrap();
    assert_usable("csv", || folder.open().unwrap());
}

#[test]
fn a_torn_tail_of_format_1_is_cut_before_the_upgrade() {
    let folder = old_folder();
    let whole = old_file("ledger.csv");
    fs::write(folder.path("ledger.csv"), &whole[..whole.len() - 3]).unwrap();
    let store = folder.store().unwrap();
    assert_eq!(store.load().unwrap().books[4].stock.get(), 6);
    let kind = store.read(Seq(UNTIL.0 - 1), 1).unwrap()[0].kind;
    assert_eq!(kind, common::Kind::Set, "its last sale was not acknowledged");
}

#[test]
fn an_edit_of_format_1_is_refused_dropped_or_kept_for_an_import() {
    let folder = old_folder();
    let edited = String::from_utf8(old_file("catalog.csv"))
        .unwrap()
        .replace("45.00", "46.00");
    fs::write(folder.path("catalog.csv"), &edited).unwrap();
    let before = names(&folder);
    match folder.store().unwrap_err() {
        Error::Edited { differences, .. } => {
            assert_eq!(differences.len(), 1, "{differences:?}");
            assert_eq!(differences[0].location, "book 2, cost");
        }
        other => panic!("{other}"),
    }
    assert_eq!(
        (names(&folder), fs::read(folder.path("ledger.csv")).unwrap()),
        (before, old_file("ledger.csv"))
    );
    let store = CsvStore::open(folder.0.path(), EditPolicy::KeepForImport).unwrap();
    let rows = store.manual_edit().unwrap();
    let shop = assert_upgraded(&store, "csv");
    assert!(rows.iter().zip(&shop.books).all(|(row, book)| row.stock == book.stock));
    assert_eq!(rows[1].cost.to_string(), "46.00");
    drop(store);
    assert!(matches!(folder.store(), Err(Error::Edited { .. })));
    let store = CsvStore::open(folder.0.path(), EditPolicy::Discard).unwrap();
    assert_upgraded(&store, "csv");
    drop(store);
    shop.assert_matches(&folder.store().unwrap());
}

#[test]
fn stores_of_format_1_without_books_are_upgraded() {
    let whole = old_file("ledger.csv");
    let lines: Vec<&[u8]> = whole.split_inclusive(|&byte| byte == b'\n').collect();
    let folder = Folder::new();
    fs::write(folder.path("ledger.csv"), lines[..2].concat()).unwrap();
    ReferenceShop::empty().assert_matches(&folder.store().unwrap());
    let store = folder.store().unwrap();
    let shop = ReferenceShop::filled(&store);
    drop(store);
    shop.assert_matches(&folder.store().unwrap());
    assert_eq!(shop.books.len(), four_books().len());

    // An incomplete restore continues.
    let folder = Folder::new();
    let mut marker = line::Line::parse(lines[1].strip_suffix(b"\n").unwrap())
        .unwrap()
        .marker()
        .unwrap();
    marker.seq = Seq::ZERO;
    let checked = format!(
        "{},{},checkpoint,,,,,{},,none-none,1",
        marker.seq, marker.at, marker.store
    );
    let text = format!("{checked},{:08x}\n", crc32c::crc32c(checked.as_bytes()));
    let restored = [&lines[..7].concat(), text.as_bytes()].concat();
    fs::write(folder.path("ledger.csv"), restored).unwrap();
    let store = folder.store().unwrap();
    assert!(matches!(
        store.load(),
        Err(Error::RestoreIncomplete { head: Seq(5), .. })
    ));
}

/// Rewrites a ledger as an older version without the last column of a description. The texts have no comma.
fn without_last_column(ledger: &str) -> String {
    let lines = ledger.lines().map(|line| {
        let mut columns: Vec<&str> = line.split(',').collect();
        let last = columns.len() - 3;
        columns.remove(last);
        if line.starts_with("seq,") {
            return columns.join(",") + "\n";
        }
        columns.pop();
        let checked = columns.join(",");
        format!("{checked},{:08x}\n", crc32c::crc32c(checked.as_bytes()))
    });
    lines.collect()
}

#[test]
fn a_segment_without_the_last_column_is_read_and_sealed() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 4);
    drop(store);
    let ledger = folder.path("ledger.csv");
    let older = without_last_column(&fs::read_to_string(&ledger).unwrap());
    fs::write(&ledger, &older).unwrap();
    let found = CsvStore::inspect(folder.0.path()).unwrap();
    assert_eq!((&found.state.books, found.remarks), (&shop.books, Vec::new()));
    drop(found.store);
    let store = folder.store().unwrap();
    shop.assert_matches(&store);
    assert_eq!(
        fs::read_to_string(folder.path(&Segment::sealed_name(Seq(1)))).unwrap(),
        older
    );
    let mut wanted = shop.books.clone();
    wanted[0].author = Some("An author".into());
    shop.import_through(&store, &wanted);
    drop(store);
    shop.assert_matches(&folder.store().unwrap());
}

#[test]
fn a_segment_without_the_last_column_and_without_entries_is_replaced() {
    let folder = Folder::new();
    drop(folder.store().unwrap());
    let ledger = folder.path("ledger.csv");
    let current = fs::read_to_string(&ledger).unwrap();
    fs::write(&ledger, without_last_column(&current)).unwrap();
    let store = folder.store().unwrap();
    assert_eq!(fs::read_to_string(&ledger).unwrap(), current);
    assert_eq!(names(&folder), ["ledger.csv"]);
    let shop = ReferenceShop::filled(&store);
    drop(store);
    shop.assert_matches(&folder.store().unwrap());
}
