//! Repeated losses of power at random moments lose nothing that was acknowledged.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use common::Stock;
use common::entry::groups;

const SEGMENT_BYTES_MAX: u64 = 1_500;

/// What one process acknowledged, and what it was writing when it stopped.
pub(super) struct Life {
    pub(super) acknowledged: ReferenceShop,
    pub(super) attempted: ReferenceShop,
    pub(super) is_import: bool,
}

/// Runs a random operation; returns whether it succeeded.
fn act(store: &CsvStore, life: &mut Life, chance: &mut StdRng) -> bool {
    let head = life.acknowledged.head;
    let mut next = life.acknowledged.clone();
    let choice = if next.books.is_empty() {
        0
    } else {
        chance.random_range(0..12)
    };
    life.is_import = choice < 2;
    let done = match choice {
        0 | 1 => {
            let mut wanted = if next.books.is_empty() {
                four_books()
            } else {
                next.books.clone()
            };
            match chance.random_range(0..4) {
                0 => wanted.push(book(chance.random_range(10..1_000_000), "New", 9)),
                1 => drop(wanted.remove(0)),
                2 => wanted[0].title = format!("{}!", wanted[0].title).into(),
                _ => wanted[0].stock = Stock::try_from(chance.random_range(0..9)).unwrap(),
            }
            wanted.sort_by_key(|book| book.item);
            let entries = next.plan_import(&wanted);
            next.apply(&entries);
            life.attempted = next;
            store.append(head, &entries)
        }
        2 => {
            life.attempted = next;
            store.checkpoint(&life.acknowledged.books, head)
        }
        3 => {
            // A shopkeeper's change, which has an order id and so needs no marker.
            let mut entries = next.plan_import(&[book(1, "Changed", 7), book(2, "Changed", 8)]);
            for entry in &mut entries {
                entry.order = Some(common::OrderId::generate());
            }
            next.apply(&entries);
            life.attempted = next;
            store.append(head, &entries)
        }
        _ => {
            let sizes: Vec<usize> = (0..chance.random_range(1..8))
                .map(|_| chance.random_range(1..=next.books.len().min(3)))
                .collect();
            let entries = next.sell_baskets(&sizes);
            life.attempted = next;
            store.append(head, &entries)
        }
    };
    match &done {
        Ok(()) => life.acknowledged = life.attempted.clone(),
        // A transient error has changed nothing, so nothing may appear later.
        Err(error) if error.is_transient() => life.attempted = life.acknowledged.clone(),
        Err(_) => {}
    }
    done.is_ok()
}

/// Asserts that a reopened store has everything acknowledged and any whole orders of the rest; returns its content.
pub(super) fn recover(store: &CsvStore, life: &Life) -> ReferenceShop {
    let loaded = store.load().unwrap();
    let entries = store.read(Seq::ZERO, usize::MAX).unwrap();
    let (least, most) = (life.acknowledged.entries.len(), life.attempted.entries.len());
    assert_eq!(loaded.head.0, entries.len() as u64);
    assert!(
        (least..=most).contains(&entries.len()),
        "{} entries, of {least} to {most}",
        entries.len()
    );
    assert_eq!(entries, life.attempted.entries[..entries.len()]);
    assert!(
        entries.last().is_none_or(|last| last.line.is_last()),
        "half an order is there"
    );
    let rest = &entries[least..];
    assert!(
        !life.is_import || rest.is_empty() || entries.len() == most,
        "half an import is there"
    );
    let mut shop = life.acknowledged.clone();
    groups(rest).for_each(|group| shop.apply(group));
    assert_eq!(loaded.books, shop.books);
    shop
}

fn run_seed(seed: u64) {
    let mut chance = StdRng::seed_from_u64(seed);
    let disk = Simulated::new(seed);
    let mut life = Life {
        acknowledged: ReferenceShop::empty(),
        attempted: ReferenceShop::empty(),
        is_import: false,
    };
    let mut id = None;
    for _ in 0..12 {
        if chance.random_bool(0.8) {
            disk.stop_after(chance.random_range(0..60));
        }
        if let Ok(store) = open_on(&disk, SEGMENT_BYTES_MAX) {
            let shop = recover(&store, &life);
            assert_eq!(*id.get_or_insert(store.id), store.id);
            life = Life {
                acknowledged: shop.clone(),
                attempted: shop,
                is_import: false,
            };
            for _ in 0..chance.random_range(1..20) {
                match chance.random_range(0..20) {
                    0 => disk.fail_next_sync(),
                    1 => disk.leave_room(Some(chance.random_range(0..2_000))),
                    2 => disk.leave_room(None),
                    3 => disk.pass(FULL_DISK_DELAY),
                    _ => {}
                }
                if !act(&store, &mut life, &mut chance) && store.writer.is_closed() {
                    break;
                }
            }
        }
        if chance.random_bool(0.7) {
            disk.restart_machine();
        } else {
            disk.restart_process();
        }
    }
    let store = open_on(&disk, SEGMENT_BYTES_MAX).unwrap();
    recover(&store, &life);
}

#[test]
fn nothing_acknowledged_is_lost_by_a_loss_of_power() {
    let seeds = std::env::var("BOOKSTORE_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(150);
    for seed in 0..seeds {
        if let Err(panic) = std::panic::catch_unwind(|| run_seed(seed)) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
