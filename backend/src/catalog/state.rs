//! The state machine over the ledger: books, stock, decided orders. What it holds is durable.

use std::sync::Arc;

use common::wire::Book;
use common::{Entry, ItemNumber, Seq, Stock, StoreId};

use super::decide::StockAndPrice;
use super::decision_index::DecisionIndex;
use super::search_index::{BookIdx, BookMeta, SearchIndex};
use crate::store::StoreState;

/// The catalog as of one entry.
#[derive(Debug)]
pub struct State {
    /// Whose ledger it follows.
    pub store: StoreId,
    /// The last entry it has seen.
    pub head: Seq,
    /// The books without their stocks.
    pub search_index: Arc<SearchIndex>,
    /// The newest entries and the decided orders.
    pub decisions: DecisionIndex,
    /// By place on the shelves: the stock, and the entry that changed the book last.
    stocks: Vec<(Stock, Seq)>,
}

impl State {
    /// The state that a store holds; `recent` are the entries up to its head.
    pub fn new(loaded: StoreState, decisions: DecisionIndex) -> Self {
        let StoreState { store, head, mut books } = loaded;
        books.sort_unstable_by_key(|book| book.item);
        let stocks = books.iter().map(|book| (book.stock, book.seq)).collect();
        let titles = books.into_iter().map(|book| BookMeta {
            item: book.item,
            title: book.title,
            author: book.author,
            topic: book.topic,
            cost: book.cost,
        });
        Self {
            store,
            head,
            search_index: Arc::new(SearchIndex::new(titles.collect())),
            decisions,
            stocks,
        }
    }

    /// Follows the ledger by one entry that changes a stock or nothing.
    pub fn apply(&mut self, entry: Entry) {
        if let Some(place) = self.search_index.idx(entry.item)
            && let Some(stock_and_price) = self.stocks.get_mut(place)
            && let Some(stock) = entry.stock_after
            && entry.kind.changes_book()
        {
            *stock_and_price = (stock, entry.seq);
        }
        self.head = entry.seq;
        self.decisions.push(entry);
    }

    /// A book.
    pub fn book(&self, item: ItemNumber) -> Option<Book> {
        self.book_at(self.search_index.idx(item)?)
    }

    /// The book at a place.
    pub fn book_at(&self, place: BookIdx) -> Option<Book> {
        let (stock, seq) = *self.stocks.get(place)?;
        Some(self.search_index.meta(place)?.book(stock, seq))
    }

    /// All books.
    pub fn books(&self) -> Vec<Book> {
        (0..self.search_index.count())
            .filter_map(|place| self.book_at(place))
            .collect()
    }

    /// As far as a decision needs it.
    pub fn stock_and_price(&self, item: ItemNumber) -> Option<StockAndPrice> {
        let place = self.search_index.idx(item)?;
        let (stock, _) = *self.stocks.get(place)?;
        Some(StockAndPrice {
            stock,
            cost: self.search_index.meta(place)?.cost,
        })
    }
}
