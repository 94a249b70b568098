//! The books this shop has seen, live: a sale anywhere moves their stock here.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use common::wire::{Book, StockEvent};
use common::{ItemNumber, text};

use super::stock_history::StockHistory;

/// How long a number that moved stands out.
pub(super) const HIGHLIGHT_TIME: Duration = Duration::from_millis(700);
/// The most moves kept that are newer than a page still on its way, and while the screen is held still.
const MOVES_MAX: usize = 10_000;

/// Every book that stands in a list, by number.
#[derive(Debug, Clone, Default)]
pub struct Books {
    known: HashMap<ItemNumber, Book>,
    histories: HashMap<ItemNumber, StockHistory>,
    /// Moves of books that are not known, which a page on its way may show older than they are.
    early: HashMap<ItemNumber, StockEvent>,
    /// What stands out, and until when.
    highlights: VecDeque<(Duration, ItemNumber)>,
    /// Moves that wait while the screen is held still.
    held: Option<BTreeMap<ItemNumber, StockEvent>>,
}

/// What became of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockChange {
    /// The book stands in no list.
    Unlisted,
    /// It was known already, or waits until the screen moves again.
    Hidden,
    /// The number moved. `ask` when more than the number may have changed.
    Visible {
        /// Whether the book must be read again.
        reload: bool,
    },
}

impl Books {
    /// The book of that number.
    pub fn get(&self, item: ItemNumber) -> Option<&Book> {
        self.known.get(&item)
    }

    /// What its stock did.
    pub fn history(&self, item: ItemNumber) -> Option<&StockHistory> {
        self.histories.get(&item)
    }

    /// The newest stock, even while the screen is held still.
    pub fn stock(&self, item: ItemNumber) -> Option<u32> {
        let held = self.held.as_ref().and_then(|held| held.get(&item));
        held.map(|moved| moved.stock.get())
            .or_else(|| self.get(item).map(|book| book.stock.get()))
    }

    /// Takes in a book that was read. Event is known of its stock from a later moment is kept.
    pub fn upsert(&mut self, book: Book, now: Duration) {
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
        self.histories.remove(&item);
    }

    /// Keeps only the books that still stand somewhere.
    pub fn retain(&mut self, items: &HashSet<ItemNumber>) {
        self.known.retain(|item, _| items.contains(item));
        self.histories.retain(|item, _| items.contains(item));
    }

    /// No page is on its way any more: what is read from now on is newer than every move so far.
    pub fn clear_early_events(&mut self) {
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
    pub fn apply(&mut self, moved: StockEvent, now: Duration) -> StockChange {
        let Some(book) = self.known.get_mut(&moved.item) else {
            if self.early.len() < MOVES_MAX {
                self.early.insert(moved.item, moved);
            }
            return StockChange::Unlisted;
        };
        if moved.seq <= book.seq {
            return StockChange::Hidden;
        }
        if let Some(held) = &mut self.held {
            held.insert(moved.item, moved);
            return StockChange::Hidden;
        }
        let before = book.stock.get();
        (book.stock, book.seq) = (moved.stock, moved.seq);
        self.note(moved.item, Some(before), moved.stock.get(), now);
        // Title or cost changed, or the book may have been withdrawn.
        StockChange::Visible {
            reload: moved.change == 0 || moved.stock.get() == 0,
        }
    }

    /// Holds the screen still, or lets it move again and shows what happened meanwhile.
    pub fn set_frozen(&mut self, frozen: bool, now: Duration) {
        if frozen {
            self.held.get_or_insert_with(BTreeMap::new);
        } else if let Some(held) = self.held.take() {
            for moved in held.into_values() {
                self.apply(moved, now);
            }
        }
    }

    /// Whether the screen is held still.
    pub fn is_frozen(&self) -> bool {
        self.held.is_some()
    }

    /// Ends what stood out long enough.
    pub fn fade(&mut self, now: Duration) {
        while let Some((_, item)) = self.highlights.pop_front_if(|(until, _)| *until <= now) {
            if let Some(track) = self.histories.get_mut(&item)
                && track.highlight.is_some_and(|(until, _)| until <= now)
            {
                track.highlight = None;
            }
        }
    }

    /// When the next number stops standing out.
    pub fn wake_at(&self) -> Option<Duration> {
        self.highlights.front().map(|(until, _)| *until)
    }

    fn note(&mut self, item: ItemNumber, before: Option<u32>, stock: u32, now: Duration) {
        let track = self.histories.entry(item).or_default();
        track.peak = track.peak.max(stock);
        if before == Some(stock) && !track.points.is_empty() {
            return;
        }
        track.push(now, stock);
        if let Some(before) = before {
            track.highlight = Some((now + HIGHLIGHT_TIME, stock > before));
            self.highlights.push_back((now + HIGHLIGHT_TIME, item));
        }
    }
}

fn cleaned(mut book: Book) -> Book {
    book.title = text::sanitize(&book.title).into_owned();
    book.topic = text::sanitize(&book.topic).into_owned();
    book.author = book.author.map(|author| text::sanitize(&author).into_owned());
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

    fn moved(stock: u64, seq: u64) -> StockEvent {
        StockEvent {
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
        assert_eq!(books.apply(moved(9, 7), Duration::ZERO), StockChange::Unlisted);
        books.upsert(book(10, 5), Duration::ZERO);
        assert_eq!(books.stock(item), Some(9));
        books.apply(moved(8, 8), Duration::ZERO);
        books.upsert(book(10, 5), Duration::ZERO);
        assert_eq!(books.stock(item), Some(8));
        assert_eq!(books.apply(moved(9, 7), Duration::ZERO), StockChange::Hidden);
        assert_eq!(books.get(item).unwrap().title, "A\u{fffd}[2J");
    }

    #[test]
    fn a_screen_held_still_catches_up_when_it_is_let_go() {
        let mut books = Books::default();
        let item = book(0, 0).item;
        books.upsert(book(10, 5), Duration::ZERO);
        books.set_frozen(true, Duration::ZERO);
        books.apply(moved(9, 6), Duration::ZERO);
        assert_eq!(books.get(item).map(|book| book.stock.get()), Some(10));
        assert_eq!(books.stock(item), Some(9));
        books.set_frozen(false, Duration::ZERO);
        assert_eq!(books.get(item).map(|book| book.stock.get()), Some(9));
    }
}
