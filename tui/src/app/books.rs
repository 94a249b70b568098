//! The books this shop has seen, live: a sale anywhere moves their stock here.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use common::wire::{Book, StockMoved};
use common::{ItemNumber, text};

/// How long a number that moved stands out.
pub(super) const FLASH: Duration = Duration::from_millis(700);
/// The most moments kept of one book's stock.
const POINTS_MAX: usize = 256;
/// The most moves kept that are newer than a page still on its way, and while the screen is held still.
const MOVES_MAX: usize = 10_000;

/// Every book that stands in a list, by number.
#[derive(Debug, Clone, Default)]
pub struct Books {
    known: HashMap<ItemNumber, Book>,
    tracks: HashMap<ItemNumber, Track>,
    /// Moves of books that are not known, which a page on its way may show older than they are.
    early: HashMap<ItemNumber, StockMoved>,
    /// Moves that wait while the screen is held still.
    held: Option<BTreeMap<ItemNumber, StockMoved>>,
}

/// What a book's stock did since it was first seen.
#[derive(Debug, Clone, Default)]
pub struct Track {
    /// The most copies seen; a full gauge.
    pub peak: u32,
    /// When it moved, and to how many copies.
    pub points: VecDeque<(Duration, u32)>,
    /// Until when it stands out, and whether it rose.
    pub flash: Option<(Duration, bool)>,
}

/// What became of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// The book stands in no list.
    Elsewhere,
    /// It was known already, or waits until the screen moves again.
    Unseen,
    /// The number moved. `ask` when more than the number may have changed.
    Shown {
        /// Whether the book must be read again.
        ask: bool,
    },
}

impl Books {
    /// The book of that number.
    pub fn get(&self, item: ItemNumber) -> Option<&Book> {
        self.known.get(&item)
    }

    /// What its stock did.
    pub fn track(&self, item: ItemNumber) -> Option<&Track> {
        self.tracks.get(&item)
    }

    /// The newest stock, even while the screen is held still.
    pub fn stock(&self, item: ItemNumber) -> Option<u32> {
        let held = self.held.as_ref().and_then(|held| held.get(&item));
        held.map(|moved| moved.stock.get())
            .or_else(|| self.get(item).map(|book| book.stock.get()))
    }

    /// Takes in a book that was read. What is known of its stock from a later moment is kept.
    pub fn take_in(&mut self, book: Book, now: Duration) {
        let mut book = cleaned(book);
        let item = book.item;
        if let Some(early) = self.early.get(&item).filter(|early| early.seq > book.seq) {
            (book.stock, book.seq) = (early.stock, early.seq);
        }
        if let Some(known) = self.known.get(&item).filter(|known| known.seq > book.seq) {
            (book.stock, book.seq) = (known.stock, known.seq);
        }
        let stock = book.stock.get();
        let before = self.known.insert(item, book).map(|known| known.stock.get());
        self.note(item, before, stock, now);
    }

    /// Forgets a book that is gone.
    pub fn remove(&mut self, item: ItemNumber) {
        self.known.remove(&item);
        self.tracks.remove(&item);
    }

    /// Keeps only the books that still stand somewhere.
    pub fn keep(&mut self, items: &HashSet<ItemNumber>) {
        self.known.retain(|item, _| items.contains(item));
        self.tracks.retain(|item, _| items.contains(item));
    }

    /// No page is on its way any more: what is read from now on is newer than every move so far.
    pub fn forget_early(&mut self) {
        self.early.clear();
    }

    /// Everything is another store's now.
    pub fn clear(&mut self) {
        *self = Self {
            held: self.held.as_ref().map(|_| BTreeMap::new()),
            ..Self::default()
        };
    }

    /// Takes in a move.
    pub fn moved(&mut self, moved: StockMoved, now: Duration) -> Moved {
        let Some(book) = self.known.get_mut(&moved.item) else {
            if self.early.len() < MOVES_MAX {
                self.early.insert(moved.item, moved);
            }
            return Moved::Elsewhere;
        };
        if moved.seq <= book.seq {
            return Moved::Unseen;
        }
        if let Some(held) = &mut self.held {
            held.insert(moved.item, moved);
            return Moved::Unseen;
        }
        let before = book.stock.get();
        (book.stock, book.seq) = (moved.stock, moved.seq);
        self.note(moved.item, Some(before), moved.stock.get(), now);
        // Title or cost changed, or the book may have been withdrawn.
        Moved::Shown {
            ask: moved.change == 0 || moved.stock.get() == 0,
        }
    }

    /// Holds the screen still, or lets it move again and shows what happened meanwhile.
    pub fn hold(&mut self, still: bool, now: Duration) {
        if still {
            self.held.get_or_insert_with(BTreeMap::new);
        } else if let Some(held) = self.held.take() {
            for moved in held.into_values() {
                self.moved(moved, now);
            }
        }
    }

    /// Whether the screen is held still.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Ends what stood out long enough.
    pub fn fade(&mut self, now: Duration) {
        for track in self.tracks.values_mut() {
            if track.flash.is_some_and(|(until, _)| until <= now) {
                track.flash = None;
            }
        }
    }

    /// When the next number stops standing out.
    pub fn wake_at(&self) -> Option<Duration> {
        self.tracks
            .values()
            .filter_map(|track| track.flash)
            .map(|(until, _)| until)
            .min()
    }

    fn note(&mut self, item: ItemNumber, before: Option<u32>, stock: u32, now: Duration) {
        let track = self.tracks.entry(item).or_default();
        track.peak = track.peak.max(stock);
        if before == Some(stock) && !track.points.is_empty() {
            return;
        }
        track.push(now, stock);
        if let Some(before) = before {
            track.flash = Some((now + FLASH, stock > before));
        }
    }
}

impl Track {
    fn push(&mut self, now: Duration, stock: u32) {
        if self.points.len() >= POINTS_MAX {
            // Every second moment is enough for what is long ago.
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.points.push_back((now, stock));
    }

    /// The stock in `columns` steps up to now; nothing for the time before the book was first seen. A `window` of
    /// nothing means: since it was first seen.
    pub fn history(&self, window: Option<Duration>, columns: usize, now: Duration) -> Vec<Option<u32>> {
        let first = self.points.front().map_or(now, |(at, _)| *at);
        let window = window
            .unwrap_or_else(|| now.saturating_sub(first))
            .max(Duration::from_secs(1));
        let start = now.checked_sub(window);
        let mut points = self.points.iter().peekable();
        let mut stock = None;
        (1..=columns)
            .map(|column| {
                let share = u32::try_from(column).unwrap_or(u32::MAX);
                let all = u32::try_from(columns).unwrap_or(u32::MAX).max(1);
                let passed = window.saturating_mul(share) / all;
                // A window that begins before the program did has nothing to show there.
                let until = match start {
                    Some(start) => start + passed,
                    None => match (now + passed).checked_sub(window) {
                        Some(until) => until,
                        None => return None,
                    },
                };
                while let Some((_, copies)) = points.next_if(|(at, _)| *at <= until) {
                    stock = Some(*copies);
                }
                stock
            })
            .collect()
    }
}

fn cleaned(mut book: Book) -> Book {
    book.title = text::clean(&book.title).into_owned();
    book.topic = text::clean(&book.topic).into_owned();
    book.author = book.author.map(|author| text::clean(&author).into_owned());
    book
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{Seq, Stock, Timestamp};

    fn book(stock: u64, seq: u64) -> Book {
        Book {
            item: ItemNumber::try_from(1).unwrap(),
            title: "A\u{1b}[2J".into(),
            author: None,
            topic: "t".into(),
            cost: "1".parse().unwrap(),
            stock: Stock::try_from(stock).unwrap(),
            seq: Seq(seq),
        }
    }

    fn moved(stock: u64, seq: u64) -> StockMoved {
        StockMoved {
            seq: Seq(seq),
            item: ItemNumber::try_from(1).unwrap(),
            stock: Stock::try_from(stock).unwrap(),
            change: -1,
            at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn a_page_that_was_on_its_way_never_takes_a_stock_back() {
        let mut books = Books::default();
        let item = book(0, 0).item;
        assert_eq!(books.moved(moved(9, 7), Duration::ZERO), Moved::Elsewhere);
        books.take_in(book(10, 5), Duration::ZERO);
        assert_eq!(books.stock(item), Some(9));
        books.moved(moved(8, 8), Duration::ZERO);
        books.take_in(book(10, 5), Duration::ZERO);
        assert_eq!(books.stock(item), Some(8));
        assert_eq!(books.moved(moved(9, 7), Duration::ZERO), Moved::Unseen);
        assert_eq!(books.get(item).unwrap().title, "A\u{fffd}[2J");
    }

    #[test]
    fn a_screen_held_still_catches_up_when_it_is_let_go() {
        let mut books = Books::default();
        let item = book(0, 0).item;
        books.take_in(book(10, 5), Duration::ZERO);
        books.hold(true, Duration::ZERO);
        books.moved(moved(9, 6), Duration::ZERO);
        assert_eq!(books.get(item).map(|book| book.stock.get()), Some(10));
        assert_eq!(books.stock(item), Some(9));
        books.hold(false, Duration::ZERO);
        assert_eq!(books.get(item).map(|book| book.stock.get()), Some(9));
    }

    #[test]
    fn history_ends_now_and_is_empty_before_the_book_was_seen() {
        let mut track = Track::default();
        track.push(Duration::from_secs(10), 5);
        track.push(Duration::from_secs(18), 3);
        let window = Some(Duration::from_secs(20));
        assert_eq!(
            track.history(window, 4, Duration::from_secs(20)),
            [None, Some(5), Some(5), Some(3)]
        );
        assert_eq!(track.history(window, 2, Duration::from_secs(10)), [None, Some(5)]);
    }

    #[test]
    fn the_history_of_a_busy_book_stays_bounded() {
        let mut track = Track::default();
        for second in 0..10_000 {
            track.push(Duration::from_secs(second), 1);
        }
        assert!(track.points.len() <= POINTS_MAX);
    }
}
