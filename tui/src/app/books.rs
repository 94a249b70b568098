//! The books that are in a list, with their stock kept up to date by stock events.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use common::wire::{Book, StockEvent};
use common::{Description, ItemNumber};

use super::sanitize::sanitized;
use super::stock_history::StockHistory;
use crate::fuzzy::SearchText;

const HIGHLIGHT_TIME: Duration = Duration::from_millis(700);
/// Most stock events kept for books of pages that are being loaded.
const EARLY_EVENTS_MAX: usize = 10_000;

/// Every book that is in a list, by item number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    known: HashMap<ItemNumber, Book>,
    search_texts: HashMap<ItemNumber, SearchText>,
    histories: HashMap<ItemNumber, StockHistory>,
    /// Stock events of unknown books: a page that is being loaded may be older.
    early: HashMap<ItemNumber, StockEvent>,
    /// The highlighted books, each with the end of its highlight.
    highlights: VecDeque<(Duration, ItemNumber)>,
    /// The newest stock events that arrived while the screen is frozen; `None` if it is not.
    frozen: Option<BTreeMap<ItemNumber, StockEvent>>,
    /// Books of which more than the stock may have changed, so that they must be loaded again.
    outdated: BTreeSet<ItemNumber>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StockVisibility {
    /// The book is in no list.
    Unlisted,
    /// The event is older than the book, or the screen is frozen.
    Hidden,
    /// The stock shown has changed.
    Visible,
}

impl Books {
    pub(crate) fn get(&self, item: ItemNumber) -> Option<&Book> {
        self.known.get(&item)
    }

    pub(crate) fn history(&self, item: ItemNumber) -> Option<&StockHistory> {
        self.histories.get(&item)
    }

    /// The newest stock, even while the screen is frozen.
    pub(crate) fn stock(&self, item: ItemNumber) -> Option<u32> {
        let newest = self.frozen.as_ref().and_then(|frozen| frozen.get(&item));
        newest
            .map(|event| event.stock.get())
            .or_else(|| self.get(item).map(|book| book.stock.get()))
    }

    /// Adds or replaces a book. A stock of a higher `seq` than the book's is kept.
    pub(crate) fn upsert(&mut self, book: &Book, now: Duration) {
        let mut book = sanitized_book(book);
        let item = book.item;
        if let Some(early) = self.early.get(&item).filter(|early| early.seq > book.seq) {
            (book.stock, book.seq) = (early.stock, early.seq);
            if may_change_more(early) {
                self.outdated.insert(item);
            }
        }
        if let Some(known) = self.known.get(&item).filter(|known| known.seq > book.seq) {
            (book.stock, book.seq) = (known.stock, known.seq);
        }
        let stock = book.stock.get();
        self.update_search_text(&book);
        let before = self.known.insert(item, book).map(|known| known.stock.get());
        self.record(item, before, stock, now);
    }

    /// The text that a search matches against.
    pub(super) fn search_text(&self, item: ItemNumber) -> Option<&SearchText> {
        self.search_texts.get(&item)
    }

    fn update_search_text(&mut self, book: &Book) {
        if self
            .known
            .get(&book.item)
            .is_some_and(|known| known.title == book.title && known.description() == book.description())
        {
            return;
        }
        let Description { topic, author } = book.description();
        let (number, author) = (book.item.to_string(), author.as_deref().unwrap_or_default());
        // Fuzzy matching covers the first two fields.
        let text = SearchText::new(&[&*book.title, author, &*topic, number.as_str()], 2);
        self.search_texts.insert(book.item, text);
    }

    pub(crate) fn remove(&mut self, item: ItemNumber) {
        self.known.remove(&item);
        self.search_texts.remove(&item);
        self.histories.remove(&item);
    }

    pub(crate) fn retain(&mut self, items: &HashSet<ItemNumber>) {
        self.known.retain(|item, _| items.contains(item));
        self.search_texts.retain(|item, _| items.contains(item));
        self.histories.retain(|item, _| items.contains(item));
    }

    /// Drops the events of unknown books. Call it while no page is being loaded: every later page is newer than the events.
    pub(crate) fn clear_early_events(&mut self) {
        self.early.clear();
    }

    /// Removes everything, because the store has changed.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            frozen: self.frozen.as_ref().map(|_| BTreeMap::new()),
            ..Self::default()
        };
    }

    pub(crate) fn apply(&mut self, event: StockEvent, now: Duration) -> StockVisibility {
        let Some(book) = self.known.get_mut(&event.item) else {
            if self.early.len() < EARLY_EVENTS_MAX {
                self.early.insert(event.item, event);
            }
            return StockVisibility::Unlisted;
        };
        if event.seq <= book.seq {
            return StockVisibility::Hidden;
        }
        if let Some(frozen) = &mut self.frozen {
            if may_change_more(&event) {
                self.outdated.insert(event.item);
            }
            frozen.insert(event.item, event);
            return StockVisibility::Hidden;
        }
        let before = book.stock.get();
        (book.stock, book.seq) = (event.stock, event.seq);
        self.record(event.item, Some(before), event.stock.get(), now);
        if may_change_more(&event) {
            self.outdated.insert(event.item);
        }
        StockVisibility::Visible
    }

    /// Removes and returns the books that must be loaded again; none while the screen is frozen.
    pub(crate) fn take_outdated(&mut self) -> BTreeSet<ItemNumber> {
        match self.is_frozen() {
            true => BTreeSet::new(),
            false => std::mem::take(&mut self.outdated),
        }
    }

    /// Freezes the screen, or applies the events that arrived while it was frozen.
    pub(crate) fn set_frozen(&mut self, frozen: bool, now: Duration) {
        if frozen {
            self.frozen.get_or_insert_with(BTreeMap::new);
        } else if let Some(events) = self.frozen.take() {
            for event in events.into_values() {
                self.apply(event, now);
            }
        }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    pub(crate) fn expire_highlights(&mut self, now: Duration) {
        while let Some((_, item)) = self.highlights.pop_front_if(|(until, _)| *until <= now) {
            if let Some(history) = self.histories.get_mut(&item)
                && history.highlight.is_some_and(|(until, _)| until <= now)
            {
                history.highlight = None;
            }
        }
    }

    pub(crate) fn next_wake(&self) -> Option<Duration> {
        self.highlights.front().map(|(until, _)| *until)
    }

    fn record(&mut self, item: ItemNumber, before: Option<u32>, stock: u32, now: Duration) {
        let history = self.histories.entry(item).or_default();
        history.peak = history.peak.max(stock);
        if before == Some(stock) && !history.points.is_empty() {
            return;
        }
        history.push(now, stock);
        if let Some(before) = before {
            history.highlight = Some((now + HIGHLIGHT_TIME, stock > before));
            self.highlights.push_back((now + HIGHLIGHT_TIME, item));
        }
    }
}

fn sanitized_book(book: &Book) -> Book {
    book.clone().map_texts(|text| sanitized(&text).into())
}

/// Whether more than the stock may have changed: only a sale, which leaves copies, surely changes nothing else.
fn may_change_more(event: &StockEvent) -> bool {
    event.change >= 0 || event.stock.get() == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{Description, Seq, Stock, Timestamp};

    fn book(stock: u64, seq: u64) -> Book {
        Book::new(
            ItemNumber::try_from(1).unwrap(),
            "A\u{1b}[2J".into(),
            Description::new("t"),
            "1".parse().unwrap(),
            Stock::try_from(stock).unwrap(),
            Seq(seq),
        )
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
    fn a_page_never_replaces_a_newer_stock() {
        let mut books = Books::default();
        let item = book(0, 0).item;
        assert_eq!(books.apply(moved(9, 7), Duration::ZERO), StockVisibility::Unlisted);
        books.upsert(&book(10, 5), Duration::ZERO);
        assert_eq!(books.stock(item), Some(9));
        books.apply(moved(8, 8), Duration::ZERO);
        books.upsert(&book(10, 5), Duration::ZERO);
        assert_eq!(books.stock(item), Some(8));
        assert_eq!(books.apply(moved(9, 7), Duration::ZERO), StockVisibility::Hidden);
        assert_eq!(books.get(item).unwrap().title, "A\u{fffd}[2J");
    }

    #[test]
    fn a_frozen_screen_catches_up_when_it_is_unfrozen() {
        let mut books = Books::default();
        let item = book(0, 0).item;
        books.upsert(&book(10, 5), Duration::ZERO);
        books.set_frozen(true, Duration::ZERO);
        books.apply(moved(9, 6), Duration::ZERO);
        assert_eq!(books.get(item).map(|book| book.stock.get()), Some(10));
        assert_eq!(books.stock(item), Some(9));
        books.set_frozen(false, Duration::ZERO);
        assert_eq!(books.get(item).map(|book| book.stock.get()), Some(9));
    }
}
