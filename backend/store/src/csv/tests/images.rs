//! Loss of power at every moment of a history, with every possible state of the disk.

use std::collections::BTreeSet;

use super::life::Life;
use super::*;

/// The segment size in bytes; the history fills a segment.
const SEGMENT_BYTES_MAX: u64 = 30_000;

/// One operation of the history.
#[derive(Debug, Clone, Copy)]
enum Act {
    Open,
    /// Imports the four books; the second import changes a title and removes a book.
    Import,
    Sell(usize),
    /// Orders with the given numbers of lines.
    SellBaskets(&'static [usize]),
    Checkpoint,
    /// A batch whose sync fails.
    Fail(usize),
    /// The process restarts.
    Reopen,
    /// The process restarts on a full disk.
    ReopenFull,
}

/// The largest batch has six pages, and the last sales fill the segment.
const HISTORY: [Act; 17] = [
    Act::Open,
    Act::Import,
    Act::Checkpoint,
    Act::Sell(1),
    Act::SellBaskets(&[1, 3]),
    Act::Checkpoint,
    Act::SellBaskets(&[2, 2]),
    Act::Sell(2),
    Act::Fail(3),
    Act::Reopen,
    Act::Fail(1),
    Act::ReopenFull,
    Act::Sell(150),
    Act::Import,
    Act::Sell(70),
    Act::Sell(2),
    Act::Checkpoint,
];

struct Run {
    disk: Simulated,
    store: Option<CsvStore>,
    life: Life,
}

impl Run {
    fn new() -> Self {
        Self {
            disk: Simulated::new(1),
            store: None,
            life: Life::of(ReferenceShop::empty()),
        }
    }

    fn open(disk: &Simulated) -> Result<CsvStore, Error> {
        open_on(disk, SEGMENT_BYTES_MAX)
    }

    fn open_again(&mut self) -> bool {
        self.store = Self::open(&self.disk).ok();
        // After a failed sync, opening the store again makes its batch durable.
        if let Some(store) = &self.store {
            self.life = self.life.recover(store);
        }
        self.store.is_some()
    }

    /// Returns whether the operation succeeded.
    fn act(&mut self, act: Act) -> bool {
        if matches!(act, Act::Open | Act::Reopen | Act::ReopenFull) {
            self.disk.leave_room(matches!(act, Act::ReopenFull).then_some(0));
            let is_open = self.open_again();
            self.disk.leave_room(None);
            return is_open;
        }
        let (store, mut shop) = (self.store.as_ref().unwrap(), self.life.acknowledged.clone());
        let entries = match act {
            Act::Import if shop.books.is_empty() => shop.plan_import(&four_books()),
            Act::Import => {
                let mut wanted = shop.books.clone();
                wanted[0].title = format!("{}!", wanted[0].title).into();
                wanted.pop();
                shop.plan_import(&wanted)
            }
            Act::SellBaskets(sizes) => shop.sell_baskets(sizes),
            Act::Sell(count) => shop.sell(count),
            Act::Fail(count) => {
                self.disk.fail_next_sync();
                shop.sell(count)
            }
            Act::Checkpoint | Act::Open | Act::Reopen | Act::ReopenFull => return self.life.checkpoint(store),
        };
        self.life.append(store, &entries)
    }
}

/// Opens every disk that a loss of power at a moment can leave; returns the number of disks.
fn check_images(moments: &[Simulated], life: &Life) -> usize {
    // Several moments can leave the same disk.
    let mut checked = BTreeSet::new();
    for moment in moments {
        moment.each_image(|image| {
            if checked.insert(image.hash()) {
                let store = Run::open(&image).unwrap();
                life.recover(&store);
            }
        });
    }
    checked.len()
}

#[test]
fn every_disk_that_a_loss_of_power_can_leave_holds_what_was_acknowledged() {
    let mut run = Run::new();
    let (moments, images) = std::thread::scope(|scope| {
        let (mut count, mut checks) = (0, Vec::new());
        for act in HISTORY {
            let before = run.life.clone();
            run.disk.record_moments();
            assert_eq!(run.act(act), !matches!(act, Act::Fail(_)), "{act:?}");
            let moments = run.disk.take_moments();
            let during = match act {
                Act::Open | Act::Reopen | Act::ReopenFull => before,
                _ => run.life.unacknowledged(before),
            };
            count += moments.len() + 1;
            checks.push(scope.spawn(move || check_images(&moments, &during)));
            let (moment, after) = (run.disk.moment(), run.life.clone());
            checks.push(scope.spawn(move || check_images(&[moment], &after)));
        }
        let images = checks.into_iter().map(|check| check.join().unwrap());
        (count, images.sum::<usize>())
    });
    eprintln!("{moments} moments, {images} images");
    assert!(images > 5_000);
}
