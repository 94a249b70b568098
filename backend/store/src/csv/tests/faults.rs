use super::super::simulated::Simulated;
use super::*;
use crate::conformance::ReferenceShop;

const FOLDER: &str = "/store";

fn open(disk: &Simulated) -> Store {
    Store::open_on(
        Arc::new(disk.clone()),
        Path::new(FOLDER),
        EditPolicy::Refuse,
        SEGMENT_BYTES_MAX,
        None,
    )
    .unwrap()
}

fn names(disk: &Simulated) -> Vec<String> {
    disk.names(Path::new(FOLDER)).unwrap()
}

#[test]
fn a_full_disk_changes_nothing_and_is_tried_again_a_second_later() {
    let disk = Simulated::new(1);
    let store = open(&disk);
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 2);
    let path = Path::new(FOLDER).join("ledger.csv");
    let before = disk.content(&path);
    disk.leave_room(Some(100));
    let refused = |count| {
        let entries = shop.clone().sell(count);
        assert!(matches!(store.append(shop.head, &entries), Err(Error::Full { .. })));
        assert_eq!(disk.content(&path), before);
    };
    refused(5);
    let writes = disk.writes();
    disk.leave_room(None);
    disk.pass(FULL_DISK_DELAY - Duration::from_millis(1));
    refused(1);
    assert!(matches!(
        store.checkpoint(&shop.books, shop.head),
        Err(Error::Full { .. })
    ));
    assert_eq!(disk.writes(), writes, "the disk was tried again too early");
    store.append(shop.head, &[]).unwrap();
    shop.assert_matches(&store);
    disk.pass(Duration::from_millis(1));
    shop.sell_through(&store, 5);
    shop.assert_matches(&store);
    disk.restart_machine();
    shop.assert_matches(&open(&disk));
}

#[test]
fn a_catalog_file_without_room_leaves_nothing_behind() {
    let disk = Simulated::new(2);
    let store = open(&disk);
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 2);
    let before = names(&disk);
    for room in [0, 100, 300, 600] {
        disk.leave_room(Some(room));
        disk.pass(FULL_DISK_DELAY);
        assert!(
            matches!(store.checkpoint(&shop.books, shop.head), Err(Error::Full { .. })),
            "{room}"
        );
        disk.pass(FULL_DISK_DELAY);
        let (entries, books) = shop.plan_import(&shop.books[1..]);
        assert!(
            matches!(store.import(shop.head, &entries, &books), Err(Error::Full { .. })),
            "{room}"
        );
        assert_eq!(names(&disk), before);
    }
    shop.assert_matches(&store);
    disk.restart_machine();
    shop.assert_matches(&open(&disk));
}

#[test]
fn a_failed_sync_closes_the_store_for_good() {
    let disk = Simulated::new(3);
    let store = open(&disk);
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 2);
    let head = shop.head;
    let entries = shop.clone().sell(2);
    disk.fail_next_sync();
    assert!(matches!(
        store.append(head, &entries),
        Err(Error::Io { operation: "sync", .. })
    ));
    let writes = disk.writes();
    assert!(matches!(store.append(head, &entries), Err(Error::Closed)));
    assert!(matches!(store.append(head, &[]), Err(Error::Closed)));
    assert!(matches!(store.import(head, &[], &shop.books), Err(Error::Closed)));
    assert!(matches!(store.checkpoint(&shop.books, head), Err(Error::Closed)));
    assert_eq!(disk.writes(), writes);
    shop.assert_matches(&store);
}

#[test]
fn what_a_failed_sync_left_in_the_cache_is_durable_before_it_is_served() {
    let disk = Simulated::new(4);
    let store = open(&disk);
    let mut shop = ReferenceShop::filled(&store);
    let head = shop.head;
    let entries = shop.sell(3);
    disk.fail_next_sync();
    assert!(store.append(head, &entries).is_err());
    disk.restart_process();
    shop.assert_matches(&open(&disk));
    disk.restart_machine();
    shop.assert_matches(&open(&disk));
}

#[test]
fn an_import_stopped_at_any_step_is_whole_or_absent() {
    for (steps, power) in (0..40).flat_map(|steps| [(steps, false), (steps, true)]) {
        let disk = Simulated::new(steps);
        let store = open(&disk);
        let mut shop = ReferenceShop::filled(&store);
        shop.sell_through(&store, 3);
        let mut wanted = shop.books.clone();
        wanted[0].title = "Another".to_owned();
        wanted.pop();
        let (entries, books) = shop.plan_import(&wanted);
        disk.stop_after(steps);
        let done = store.import(shop.head, &entries, &books);
        if power {
            disk.restart_machine();
        } else {
            disk.restart_process();
        }
        let store = open(&disk);
        if done.is_ok() || store.load().unwrap().head > shop.head {
            shop.apply_import(&entries, books);
        }
        shop.assert_matches(&store);
        shop.sell_through(&store, 1);
        assert!(done.is_ok() || steps < 20, "an import takes a handful of steps");
    }
}

/// A disk whose ledger names a catalog file that is prepared and not published, and the shop.
fn interrupted_checkpoint(seed: u64) -> (Simulated, ReferenceShop) {
    const STEPS_BEFORE_THE_NAMES: u64 = 9;
    let disk = Simulated::new(seed);
    let store = open(&disk);
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 3);
    let published = disk.content(&Path::new(FOLDER).join("catalog.csv"));
    disk.stop_after(STEPS_BEFORE_THE_NAMES);
    assert!(store.checkpoint(&shop.books, shop.head).is_err());
    disk.restart_process();
    assert_eq!(disk.content(&Path::new(FOLDER).join("catalog.csv")), published);
    assert!(names(&disk).contains(&"catalog.csv.new".to_owned()));
    (disk, shop)
}

#[test]
fn a_start_without_room_for_a_catalog_file_keeps_the_prepared_one() {
    for room in [0, 1_000, 1_300, 1_600] {
        let (disk, shop) = interrupted_checkpoint(6);
        disk.leave_room(Some(room));
        let opened = Store::open_on(
            Arc::new(disk.clone()),
            Path::new(FOLDER),
            EditPolicy::Refuse,
            SEGMENT_BYTES_MAX,
            None,
        );
        assert!(matches!(opened, Err(Error::Full { .. })), "{room}: {opened:?}");
        disk.leave_room(None);
        shop.assert_matches(&open(&disk));
    }
}

#[test]
fn a_start_that_publishes_a_catalog_file_may_itself_be_interrupted() {
    for (first, second) in (0..25).flat_map(|first| (0..25).map(move |second| (first, second))) {
        let (disk, shop) = interrupted_checkpoint(first * 25 + second);
        for steps in [first, second] {
            disk.stop_after(steps);
            let opened = Store::open_on(
                Arc::new(disk.clone()),
                Path::new(FOLDER),
                EditPolicy::Refuse,
                SEGMENT_BYTES_MAX,
                None,
            );
            assert!(
                !matches!(opened, Err(Error::Edited { .. } | Error::Damaged { .. })),
                "{opened:?}"
            );
            disk.restart_machine();
        }
        shop.assert_matches(&open(&disk));
    }
}

#[test]
fn a_start_after_a_clean_stop_writes_nothing() {
    let disk = Simulated::new(5);
    let store = open(&disk);
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 3);
    store.checkpoint(&shop.books, shop.head).unwrap();
    drop(store);
    let writes = disk.writes();
    shop.assert_matches(&open(&disk));
    assert_eq!(disk.writes(), writes);
}
