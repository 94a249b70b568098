//! Loss of power at every moment of a history, with every disk that it can leave.

use super::power::{Life, recover};
use super::*;

/// Small enough that the history fills a segment.
const SEGMENT_BYTES_MAX: u64 = 30_000;

/// One operation of the history.
#[derive(Debug, Clone, Copy)]
enum Act {
    Open,
    /// Imports the four books; the next time one gets another title and one is removed.
    Import,
    Sell(usize),
    /// Orders of so many lines.
    SellBaskets(&'static [usize]),
    Checkpoint,
    /// A batch whose sync fails.
    Fail(usize),
    /// The process restarts, the machine does not.
    Reopen,
}

/// The largest batch has six pages, and the last sales fill the segment.
const HISTORY: [Act; 15] = [
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
            life: Life {
                acknowledged: ReferenceShop::empty(),
                attempted: ReferenceShop::empty(),
                is_import: false,
            },
        }
    }

    fn open(disk: &Simulated) -> Result<CsvStore, Error> {
        open_on(disk, SEGMENT_BYTES_MAX)
    }

    fn open_again(&mut self) -> bool {
        self.store = Self::open(&self.disk).ok();
        // What a failed sync left is durable once the store has opened again.
        if let Some(store) = &self.store {
            let shop = recover(store, &self.life);
            self.life = Life {
                acknowledged: shop.clone(),
                attempted: shop,
                is_import: false,
            };
        }
        self.store.is_some()
    }

    /// Returns whether the operation succeeded.
    fn act(&mut self, act: Act) -> bool {
        if matches!(act, Act::Open | Act::Reopen) {
            return self.open_again();
        }
        let Life {
            acknowledged,
            attempted,
            is_import,
        } = &mut self.life;
        let head = acknowledged.head;
        let (mut next, store) = (acknowledged.clone(), self.store.as_ref());
        *is_import = matches!(act, Act::Import);
        let done = match act {
            Act::Open | Act::Reopen => Ok(()),
            Act::Import => {
                let mut wanted = if next.books.is_empty() {
                    four_books()
                } else {
                    next.books.clone()
                };
                if !next.books.is_empty() {
                    wanted[0].title = format!("{}!", wanted[0].title).into();
                    wanted.pop();
                }
                let entries = next.plan_import(&wanted);
                next.apply(&entries);
                *attempted = next;
                store.unwrap().append(head, &entries)
            }
            Act::Checkpoint => {
                *attempted = next;
                store.unwrap().checkpoint(&acknowledged.books, head)
            }
            Act::Sell(count) | Act::Fail(count) => {
                if matches!(act, Act::Fail(_)) {
                    self.disk.fail_next_sync();
                }
                let entries = next.sell(count);
                *attempted = next;
                store.unwrap().append(head, &entries)
            }
            Act::SellBaskets(sizes) => {
                let entries = next.sell_baskets(sizes);
                *attempted = next;
                store.unwrap().append(head, &entries)
            }
        };
        if done.is_ok() {
            *acknowledged = attempted.clone();
        }
        done.is_ok()
    }
}

#[test]
fn every_disk_that_a_loss_of_power_can_leave_holds_what_was_acknowledged() {
    let (mut moments, mut images) = (0, 0);
    for now in 0..HISTORY.len() {
        for steps in 0.. {
            let mut run = Run::new();
            for &act in &HISTORY[..now] {
                assert_eq!(run.act(act), !matches!(act, Act::Fail(_)), "{act:?}");
            }
            run.disk.stop_after(steps);
            run.act(HISTORY[now]);
            moments += 1;
            run.disk.each_image(|image| {
                images += 1;
                match Run::open(&image) {
                    Ok(store) => drop(recover(&store, &run.life)),
                    Err(error) => panic!("{:?} after {steps} steps: {error}", HISTORY[now]),
                }
            });
            if !run.disk.has_stopped() {
                break;
            }
        }
    }
    eprintln!("{moments} moments, {images} images");
    assert!(images > 5_000);
}
