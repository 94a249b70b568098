use super::*;

fn open(disk: &Simulated) -> CsvStore {
    open_on(disk, SEGMENT_BYTES_MAX).unwrap()
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
    let before = content(&disk, "ledger.csv");
    disk.leave_room(Some(100));
    let refused = |count| {
        let entries = shop.clone().sell(count);
        assert!(matches!(store.append(shop.head, &entries), Err(Error::Full { .. })));
        assert_eq!(content(&disk, "ledger.csv"), before);
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
fn a_checkpoint_without_room_is_written_later() {
    let disk = Simulated::new(2);
    let store = open(&disk);
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 2);
    let (before, published) = (names(&disk), content(&disk, "catalog.csv"));
    for room in [0, 100, 300] {
        disk.leave_room(Some(room));
        disk.pass(FULL_DISK_DELAY);
        assert!(
            matches!(store.checkpoint(&shop.books, shop.head), Err(Error::Full { .. })),
            "{room}"
        );
        assert_eq!(
            (names(&disk), content(&disk, "catalog.csv")),
            (before.clone(), published.clone())
        );
    }
    shop.assert_matches(&store);
    // With or without a restart, a file that the ledger names does not count as an edit.
    disk.restart_machine();
    disk.leave_room(Some(0));
    shop.assert_matches(&open(&disk));
    disk.leave_room(None);
    disk.pass(FULL_DISK_DELAY);
    store.checkpoint(&shop.books, shop.head).unwrap();
    assert_ne!(content(&disk, "catalog.csv"), published);
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

/// The shop on a full disk. A failed sync left the last batch only in the system's cache.
fn full_after_a_failed_sync(seed: u64) -> (Simulated, ReferenceShop) {
    let disk = Simulated::new(seed);
    let store = open(&disk);
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 3);
    let (head, entries) = (shop.head, shop.sell_baskets(&[2, 1]));
    disk.fail_next_sync();
    assert!(store.append(head, &entries).is_err());
    disk.restart_process();
    disk.leave_room(Some(0));
    (disk, shop)
}

#[test]
fn a_start_on_a_full_disk_makes_the_last_batch_durable_before_it_is_served() {
    for seed in 0..20 {
        let (disk, mut shop) = full_after_a_failed_sync(seed);
        let store = open(&disk);
        shop.assert_matches(&store);
        store.append(shop.head, &[]).unwrap();
        let refused = store.append(shop.head, &shop.clone().sell(1));
        assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
        disk.restart_machine();
        let store = open(&disk);
        shop.assert_matches(&store);
        shop.sell_through(&store, 1);
    }
}

#[test]
fn a_start_on_a_full_disk_may_be_interrupted_at_any_step() {
    for steps in 0..20 {
        let (disk, shop) = full_after_a_failed_sync(steps);
        disk.stop_after(steps);
        let is_open = open_on(&disk, SEGMENT_BYTES_MAX).is_ok();
        assert!(is_open || steps < 15, "a start takes a handful of steps");
        disk.restart_machine();
        let head = open(&disk).load().unwrap().head;
        assert!(head == shop.head || !is_open, "{steps}");
    }
}

#[test]
fn a_torn_tail_is_cut_on_a_full_disk_too() {
    for seed in 0..40 {
        let disk = Simulated::new(seed);
        let store = open(&disk);
        let mut shop = ReferenceShop::filled(&store);
        shop.sell_through(&store, 3);
        let entries = shop.clone().sell_baskets(&[4, 4]);
        disk.stop_after(0);
        assert!(store.append(shop.head, &entries).is_err());
        disk.restart_process();
        disk.leave_room(Some(0));
        let head = open(&disk).load().unwrap().head;
        entries
            .chunks(4)
            .filter(|order| order[0].seq <= head)
            .for_each(|order| shop.apply(order));
        disk.restart_machine();
        shop.assert_matches(&open(&disk));
    }
}

/// Runs work once for each step at which the process or the machine stops.
fn stop_at_each_step(shop: impl Fn(&CsvStore) -> ReferenceShop, work: impl Fn(&CsvStore, &mut ReferenceShop) -> bool) {
    for (steps, power) in (0..40).flat_map(|steps| [(steps, false), (steps, true)]) {
        let disk = Simulated::new(steps);
        let store = open(&disk);
        let before = shop(&store);
        let mut after = before.clone();
        disk.stop_after(steps);
        let done = work(&store, &mut after);
        if power {
            disk.restart_machine();
        } else {
            disk.restart_process();
        }
        let store = open(&disk);
        let is_done = done || store.load().unwrap().head > before.head;
        let mut shop = if is_done { after } else { before };
        shop.assert_matches(&store);
        shop.sell_through(&store, 1);
        store.checkpoint(&shop.books, shop.head).unwrap();
        drop(store);
        shop.assert_matches(&open(&disk));
        assert!(done || steps < 20, "it takes a handful of steps");
    }
}

#[test]
fn an_import_stopped_at_any_step_is_whole_or_absent() {
    let shop = |store: &CsvStore| {
        let mut shop = ReferenceShop::filled(store);
        shop.sell_through(store, 3);
        shop
    };
    stop_at_each_step(shop, |store, shop| {
        let mut wanted = shop.books.clone();
        wanted[0].title = "Another".into();
        wanted.pop();
        let (head, entries) = (shop.head, shop.plan_import(&wanted));
        shop.apply(&entries);
        store.append(head, &entries).is_ok() && store.checkpoint(&shop.books, shop.head).is_ok()
    });
}

#[test]
fn an_order_stopped_at_any_step_is_whole_or_absent() {
    stop_at_each_step(
        |store| ReferenceShop::filled(store),
        |store, shop| {
            let (head, entries) = (shop.head, shop.sell_baskets(&[4]));
            store.append(head, &entries).is_ok()
        },
    );
}

/// The shop, and a disk whose ledger names a catalog file that was not written.
fn interrupted_checkpoint(seed: u64) -> (Simulated, ReferenceShop) {
    const STEPS_BEFORE_THE_NAME: u64 = 4;
    let disk = Simulated::new(seed);
    let store = open(&disk);
    let mut shop = ReferenceShop::filled(&store);
    shop.sell_through(&store, 3);
    let published = content(&disk, "catalog.csv");
    disk.stop_after(STEPS_BEFORE_THE_NAME);
    assert!(store.checkpoint(&shop.books, shop.head).is_err());
    disk.restart_process();
    assert_eq!(content(&disk, "catalog.csv"), published);
    assert!(names(&disk).contains(&"catalog.csv.new".to_owned()));
    (disk, shop)
}

#[test]
fn a_start_without_room_for_a_catalog_file_serves_and_writes_it_later() {
    for room in [0, 100] {
        let (disk, mut shop) = interrupted_checkpoint(6);
        let published = content(&disk, "catalog.csv");
        let ledger = content(&disk, "ledger.csv").unwrap().len();
        disk.leave_room(Some(ledger + room));
        let store = open(&disk);
        shop.assert_matches(&store);
        assert_eq!(content(&disk, "catalog.csv"), published);
        disk.leave_room(None);
        shop.sell_through(&store, 1);
        store.checkpoint(&shop.books, shop.head).unwrap();
        assert_ne!(content(&disk, "catalog.csv"), published);
        drop(store);
        shop.assert_matches(&open(&disk));
    }
}

#[test]
fn a_start_that_publishes_a_catalog_file_may_itself_be_interrupted() {
    for (first, second) in (0..25).flat_map(|first| (0..25).map(move |second| (first, second))) {
        let (disk, shop) = interrupted_checkpoint(first * 25 + second);
        for steps in [first, second] {
            disk.stop_after(steps);
            let opened = open_on(&disk, SEGMENT_BYTES_MAX);
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
