use memchr::memmem;

use super::*;
use crate::conformance::described;

/// A closed store without a checkpoint: four books, then batches of the given sizes.
pub(super) fn shop_of(folder: &Folder, batches: &[usize]) -> ReferenceShop {
    let store = folder.store().unwrap();
    let mut shop = ReferenceShop::empty();
    shop.import_through(&store, &four_books());
    for &count in batches {
        shop.sell_through(&store, count);
    }
    shop
}

pub(super) fn ledger(folder: &Folder) -> Vec<u8> {
    fs::read(folder.path("ledger.csv")).unwrap()
}

pub(super) fn lines(ledger: &[u8]) -> Vec<Vec<u8>> {
    ledger
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

pub(super) fn flip(ledger: &mut [Vec<u8>], line: usize) {
    ledger[line][3] ^= 0x10;
}

/// The line that opening reports as damaged.
pub(super) fn damage(folder: &Folder, ledger: &[u8]) -> u64 {
    fs::write(folder.path("ledger.csv"), ledger).unwrap();
    match folder.store().unwrap_err() {
        Error::Damaged { path, line, remedy, .. } => {
            assert_eq!(path, folder.path("ledger.csv"));
            assert!(!remedy.is_empty());
            assert_eq!(fs::read(path).unwrap(), ledger, "a damaged ledger is left as it is");
            line
        }
        other => panic!("{other}"),
    }
}

/// Asserts which part of a ledger a start keeps. The disk is simulated, because thousands of starts would sync.
pub(super) fn assert_cut_to(ledger: &[u8], whole: &ReferenceShop, entries: usize) {
    let path = Path::new(FOLDER).join("ledger.csv");
    let disk = Simulated::with_files(0, [(path.as_path(), &ledger.to_vec())]);
    let store = open_on(&disk, SEGMENT_BYTES_MAX).unwrap();
    assert_eq!(store.read(Seq::ZERO, usize::MAX).unwrap(), whole.entries[..entries]);
    assert_eq!(store.load().unwrap().head.0, entries as u64);
}

#[test]
fn a_tail_torn_at_any_byte_of_the_last_batch_is_cut_to_whole_lines() {
    let folder = Folder::new();
    let shop = shop_of(&folder, &[2, 3]);
    let whole = ledger(&folder);
    let last_batch: usize = lines(&whole).iter().rev().take(3).map(Vec::len).sum();
    for cut in whole.len() - last_batch..=whole.len() {
        let ends = whole[..cut].iter().filter(|&&byte| byte == b'\n').count();
        // Header, two markers.
        assert_cut_to(&whole[..cut], &shop, ends - 3);
    }
}

#[test]
fn a_truncated_ledger_can_be_appended_to() {
    let folder = Folder::new();
    let shop = shop_of(&folder, &[1]);
    let mut torn = shop.clone();
    torn.sell_through(&folder.store().unwrap(), 3);
    let whole = ledger(&folder);
    fs::write(folder.path("ledger.csv"), &whole[..whole.len() - 1]).unwrap();
    let store = folder.store().unwrap();
    let mut rest = ReferenceShop {
        head: Seq(torn.head.0 - 1),
        entries: torn.entries[..torn.entries.len() - 1].to_vec(),
        ..torn.clone()
    };
    rest.books = store.load().unwrap().books;
    rest.sell_through(&store, 2);
    drop(store);
    rest.assert_matches(&folder.store().unwrap());
}

#[test]
fn a_hole_in_the_last_batch_is_cut_with_what_follows_it() {
    let folder = Folder::new();
    let shop = shop_of(&folder, &[2, 5]);
    let whole = lines(&ledger(&folder));
    let first = whole.len() - 5;
    for line in first..whole.len() {
        let mut torn = whole.clone();
        flip(&mut torn, line);
        assert_cut_to(&torn.concat(), &shop, line - 3);
    }
    let mut holed = whole.concat();
    let start = whole[..=first].concat().len() + 20;
    let end = start + 150;
    holed[start..end].fill(0);
    assert_cut_to(&holed, &shop, first + 1 - 3);
}

#[test]
fn a_torn_import_leaves_nothing() {
    let folder = Folder::new();
    let store = folder.store().unwrap();
    let before = ledger(&folder).len();
    ReferenceShop::empty().import_through(&store, &four_books());
    drop(store);
    let whole = ledger(&folder);
    for cut in before..whole.len() {
        fs::write(folder.path("ledger.csv"), &whole[..cut]).unwrap();
        ReferenceShop::empty().assert_matches(&folder.store().unwrap());
    }
}

#[test]
fn a_bad_line_before_a_later_batch_stops_the_start() {
    let folder = Folder::new();
    shop_of(&folder, &[2, 1, 3, 2]);
    let whole = lines(&ledger(&folder));
    for line in 0..whole.len() - 2 {
        let mut bad = whole.clone();
        flip(&mut bad, line);
        assert_eq!(damage(&folder, &bad.concat()), line as u64 + 1);
    }
}

#[test]
fn a_bad_line_before_a_checkpoint_stops_the_start() {
    let folder = Folder::new();
    let mut shop = shop_of(&folder, &[]);
    let store = folder.store().unwrap();
    shop.sell_through(&store, 1);
    store.checkpoint(&shop.books, shop.head).unwrap();
    drop(store);
    let mut bad = lines(&ledger(&folder));
    let line = bad.len() - 2;
    flip(&mut bad, line);
    assert_eq!(damage(&folder, &bad.concat()), line as u64 + 1);
}

#[test]
fn a_bad_checkpoint_before_a_later_batch_stops_the_start() {
    let folder = Folder::new();
    let mut shop = shop_of(&folder, &[2]);
    let store = folder.store().unwrap();
    store.checkpoint(&shop.books, shop.head).unwrap();
    shop.sell_through(&store, 2);
    drop(store);
    let mut bad = lines(&ledger(&folder));
    let line = bad.len() - 3;
    flip(&mut bad, line);
    assert_eq!(damage(&folder, &bad.concat()), line as u64 + 1);
}

#[test]
fn a_missing_or_duplicate_line_stops_the_start() {
    let folder = Folder::new();
    shop_of(&folder, &[2, 3]);
    let whole = lines(&ledger(&folder));
    for line in 3..whole.len() - 1 {
        let mut bad = whole.clone();
        bad.remove(line);
        // A marker may follow any entry; the next entry may not.
        let is_before_marker = memmem::find(&whole[line + 1], b",checkpoint,").is_some();
        assert_eq!(
            damage(&folder, &bad.concat()),
            line as u64 + 1 + u64::from(is_before_marker),
            "without line {}",
            line + 1
        );
        let mut bad = whole.clone();
        bad.insert(line, whole[line].clone());
        assert_eq!(
            damage(&folder, &bad.concat()),
            line as u64 + 2,
            "with line {} twice",
            line + 1
        );
    }
}

#[test]
fn a_ledger_without_a_description_of_a_book_stops_the_start() {
    let folder = Folder::new();
    let shop = shop_of(&folder, &[1]);
    let store = folder.store().unwrap();
    let new = Book {
        seq: shop.head.next(),
        ..book(9, "New", 3)
    };
    let undescribed = Entry {
        title: None,
        description: None,
        ..described(&new, 3)
    };
    store.append(shop.head, &[undescribed]).unwrap();
    drop(store);
    let error = folder.store().unwrap_err().to_string();
    assert!(error.contains("no entry describes the book 9"), "{error}");
}

#[test]
fn a_file_that_is_not_a_ledger_stops_the_start() {
    let folder = Folder::new();
    shop_of(&folder, &[2]);
    let whole = lines(&ledger(&folder));
    assert_eq!(damage(&folder, b""), 1);
    assert_eq!(damage(&folder, b"seq,at\n"), 1);
    assert_eq!(damage(&folder, &whole[0]), 2);
    let mut newer = whole.clone();
    newer[0] = b"seq,at,kind,item,line,lines,currency\n".to_vec();
    fs::write(folder.path("ledger.csv"), newer.concat()).unwrap();
    assert!(matches!(folder.store(), Err(Error::NewerFormat(_))));
    assert_eq!(damage(&folder, &[0; 200_000]), 1);
}

#[test]
fn a_stock_that_does_not_follow_from_the_entries_stops_the_start() {
    let folder = Folder::new();
    let mut shop = shop_of(&folder, &[1]);
    let store = folder.store().unwrap();
    let head = shop.head;
    let mut wrong = shop.sell(1);
    wrong[0].change = -2;
    store.append(head, &wrong).unwrap();
    drop(store);
    let whole = ledger(&folder);
    assert_eq!(damage(&folder, &whole), lines(&whole).len() as u64);
}

#[test]
fn a_missing_file_of_the_ledger_stops_the_start() {
    let folder = Folder::new();
    let open = || {
        CsvStore::open_on(
            Arc::new(folder.disk()),
            folder.0.path(),
            EditPolicy::Refuse,
            1_000,
            None,
        )
    };
    let store = open().unwrap();
    let mut shop = ReferenceShop::filled(&store);
    for _ in 0..20 {
        shop.sell_through(&store, 7);
    }
    shop.sell_through(&store, 1);
    drop(store);
    let sealed = folder.sealed();
    assert!(sealed.len() > 5);
    for segment in &sealed {
        let aside = folder.path("aside");
        fs::rename(&segment.path, &aside).unwrap();
        assert!(
            matches!(open(), Err(Error::Damaged { .. })),
            "without {}",
            segment.path.display()
        );
        fs::rename(&aside, &segment.path).unwrap();
    }
    shop.assert_matches(&open().unwrap());
    fs::remove_file(folder.path("ledger.csv")).unwrap();
    fs::rename(&sealed.last().unwrap().path, folder.path("ledger.csv")).unwrap();
    assert!(
        open().unwrap().load().unwrap().head < shop.head,
        "an older ledger is whole in itself"
    );
}

#[test]
fn damage_in_an_old_file_is_found_when_it_is_read() {
    let folder = Folder::new();
    let open = || {
        CsvStore::open_on(
            Arc::new(folder.disk()),
            folder.0.path(),
            EditPolicy::Refuse,
            20_000,
            None,
        )
        .unwrap()
    };
    let store = open();
    let mut shop = ReferenceShop::filled(&store);
    for _ in 0..3 {
        shop.sell_through(&store, 200);
    }
    store.checkpoint(&shop.books, shop.head).unwrap();
    drop(store);
    let first = folder.sealed().remove(0).path;
    let mut bad = lines(&fs::read(&first).unwrap());
    flip(&mut bad, 10);
    fs::write(&first, bad.concat()).unwrap();
    let store = open();
    assert_eq!(store.load().unwrap().books, shop.books);
    match store.read(Seq(1), 100).unwrap_err() {
        Error::Damaged { path, line, .. } => assert_eq!((path, line), (first, 11)),
        other => panic!("{other}"),
    }
    assert_eq!(store.read(Seq(300), 3).unwrap(), shop.entries[300..303]);
}

#[test]
fn a_sealed_name_and_its_first_entry_belong_together() {
    assert_eq!(Segment::first_of("ledger-00000000000000000133.csv"), Some(Seq(133)));
    for name in [
        "ledger.csv",
        "ledger-133.csv",
        "ledger-000000000000000000133.csv",
        "ledger-x.csv",
        "catalog.csv",
    ] {
        assert_eq!(Segment::first_of(name), None, "{name}");
    }
}
