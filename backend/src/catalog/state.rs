//! The state machine over the ledger: books, stock, decided orders. What it holds is durable.

use std::sync::Arc;

use common::wire::Book;
use common::{Entry, ItemNumber, Seq, Stock, StoreId};

use super::decide::OnShelf;
use super::recent::Recent;
use super::shelves::{Place, Shelves, Title};
use crate::store::StoreState;

/// The catalog as of one entry.
#[derive(Debug)]
pub struct State {
    /// Whose ledger it follows.
    pub store: StoreId,
    /// The last entry it has seen.
    pub head: Seq,
    /// The books without their stocks.
    pub shelves: Arc<Shelves>,
    /// The newest entries and the decided orders.
    pub recent: Recent,
    /// By place on the shelves: the stock, and the entry that changed the book last.
    stocks: Vec<(Stock, Seq)>,
}

impl State {
    /// The state that a store holds; `recent` are the entries up to its head.
    pub fn new(loaded: StoreState, recent: Recent) -> Self {
        let StoreState { store, head, mut books } = loaded;
        books.sort_unstable_by_key(|book| book.item);
        let stocks = books.iter().map(|book| (book.stock, book.seq)).collect();
        let titles = books.into_iter().map(|book| Title {
            item: book.item,
            title: book.title,
            author: book.author,
            topic: book.topic,
            cost: book.cost,
        });
        Self {
            store,
            head,
            shelves: Arc::new(Shelves::new(titles.collect())),
            recent,
            stocks,
        }
    }

    /// Follows the ledger by one entry that changes a stock or nothing.
    pub fn apply(&mut self, entry: Entry) {
        if let Some(place) = self.shelves.place(entry.item)
            && let Some(on_shelf) = self.stocks.get_mut(place)
            && let Some(stock) = entry.stock_after
            && entry.kind.changes_book()
        {
            *on_shelf = (stock, entry.seq);
        }
        self.head = entry.seq;
        self.recent.push(entry);
    }

    /// A book.
    pub fn book(&self, item: ItemNumber) -> Option<Book> {
        self.book_at(self.shelves.place(item)?)
    }

    /// The book at a place.
    pub fn book_at(&self, place: Place) -> Option<Book> {
        let (stock, seq) = *self.stocks.get(place)?;
        Some(self.shelves.title(place)?.book(stock, seq))
    }

    /// All books.
    pub fn books(&self) -> Vec<Book> {
        (0..self.shelves.count())
            .filter_map(|place| self.book_at(place))
            .collect()
    }

    /// As far as a decision needs it.
    pub fn on_shelf(&self, item: ItemNumber) -> Option<OnShelf> {
        let place = self.shelves.place(item)?;
        let (stock, _) = *self.stocks.get(place)?;
        Some(OnShelf {
            stock,
            cost: self.shelves.title(place)?.cost,
        })
    }
}
