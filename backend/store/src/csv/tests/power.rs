//! Repeated losses of power at random moments lose no acknowledged entry.

use common::Stock;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::life::Life;
use super::*;

const SEGMENT_BYTES_MAX: u64 = 1_500;

/// Runs a random operation; returns whether it succeeded.
fn act(store: &CsvStore, life: &mut Life, chance: &mut StdRng) -> bool {
    let mut shop = life.acknowledged.clone();
    let choice = if shop.books.is_empty() {
        0
    } else {
        chance.random_range(0..12)
    };
    let entries = match choice {
        0 | 1 => {
            let mut wanted = if shop.books.is_empty() {
                four_books()
            } else {
                shop.books.clone()
            };
            match chance.random_range(0..4) {
                0 => wanted.push(book(chance.random_range(10..1_000_000), "New", 9)),
                1 => drop(wanted.remove(0)),
                2 => wanted[0].title = format!("{}!", wanted[0].title).into(),
                _ => wanted[0].stock = Stock::try_from(chance.random_range(0..9)).unwrap(),
            }
            wanted.sort_by_key(|book| book.item);
            shop.plan_import(&wanted)
        }
        2 => return life.checkpoint(store),
        3 => {
            // A shopkeeper's changes have order ids and so need no marker.
            let mut entries = shop.plan_import(&[book(1, "Changed", 7), book(2, "Changed", 8)]);
            for entry in &mut entries {
                entry.order = Some(OrderId::generate());
            }
            entries
        }
        _ => {
            let sizes: Vec<usize> = (0..chance.random_range(1..8))
                .map(|_| chance.random_range(1..=shop.books.len().min(3)))
                .collect();
            shop.sell_baskets(&sizes)
        }
    };
    life.append(store, &entries)
}

fn run_seed(seed: u64) {
    let mut chance = StdRng::seed_from_u64(seed);
    let disk = Simulated::new(seed);
    let mut life = Life::of(ReferenceShop::empty());
    let mut id = None;
    for _ in 0..12 {
        if chance.random_bool(0.8) {
            disk.stop_after(chance.random_range(0..60));
        }
        if chance.random_bool(0.3) {
            disk.leave_room(Some(chance.random_range(0..500)));
        }
        if let Ok(store) = open_on(&disk, SEGMENT_BYTES_MAX) {
            life = life.recover(&store);
            assert_eq!(*id.get_or_insert(store.id), store.id);
            for _ in 0..chance.random_range(1..20) {
                match chance.random_range(0..20) {
                    0 => disk.fail_next_sync(),
                    1 => disk.leave_room(Some(chance.random_range(0..2_000))),
                    2 => disk.leave_room(None),
                    3 => disk.pass(FULL_DISK_DELAY),
                    _ => {}
                }
                if !act(&store, &mut life, &mut chance) && store.append_state.is_closed() {
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
    life.recover(&store);
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
