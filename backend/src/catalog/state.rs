//! The state machine over the ledger: books, stock, decided orders. It holds only what is durable.

use std::sync::Arc;

use common::wire::Book;
use common::{Entry, ItemNumber, Seq, Stock, StoreId};
use rules::BookState;

use super::decide::StockAndPrice;
use super::decision_index::DecisionIndex;
use super::search_index::{BookMeta, SearchIndex};
use crate::store::StoreState;

/// A value that was read, with the last entry that it reflects.
#[derive(Debug)]
pub struct AsOf<T> {
    /// What was read.
    pub value: T,
    /// The head of the ledger at that time.
    pub head: Seq,
}

/// The catalog as of one entry.
#[derive(Debug)]
pub struct State {
    /// The id of the store whose ledger this is.
    pub store: StoreId,
    /// The last entry that was applied.
    pub head: Seq,
    /// The books without their stocks.
    pub search_index: Arc<SearchIndex>,
    /// The newest entries and the decided orders.
    pub decisions: DecisionIndex,
    /// By [`BookIdx`](super::search_index::BookIdx): the stock, and the entry that changed the book last.
    stocks: Vec<(Stock, Seq)>,
}

impl State {
    /// The state that a store holds; `decisions` has the entries up to the same head.
    pub fn new(loaded: StoreState, decisions: DecisionIndex) -> Self {
        let StoreState { store, head, mut books } = loaded;
        books.sort_unstable_by_key(|book| book.item);
        let stocks = books.iter().map(|book| (book.stock, book.seq)).collect();
        let books = books.into_iter().map(BookMeta::from).collect();
        Self {
            store,
            head,
            search_index: Arc::new(SearchIndex::new(books)),
            decisions,
            stocks,
        }
    }

    /// Applies the next entry, which may change the stock of a book but neither add, describe nor withdraw one.
    pub fn apply(&mut self, entry: Entry) {
        // The broken shops of the tests must run on, so that an auditor can find what is wrong.
        debug_assert!(
            cfg!(feature = "fault-injection") || self.check(&entry).is_empty(),
            "{:?} by {entry:?}",
            self.check(&entry)
        );
        if let Some((idx, _)) = self.search_index.get(entry.item)
            && let Some(book) = self.stocks.get_mut(idx)
            && let Some(stock) = entry.stock_after
            && entry.kind.changes_book()
        {
            *book = (stock, entry.seq);
        }
        self.head = entry.seq;
        self.decisions.push(entry);
    }

    /// The rules of the ledger that an entry would break if it were applied now.
    fn check(&self, entry: &Entry) -> Vec<rules::Violation> {
        let book = self.book(entry.item);
        let mut violations = rules::check_entry(entry, book.as_ref().map(BookState::from).as_ref());
        violations.extend(rules::check_sequence(self.head, entry));
        violations
    }

    /// A book.
    pub fn book(&self, item: ItemNumber) -> Option<Book> {
        let (idx, meta) = self.search_index.get(item)?;
        let (stock, seq) = *self.stocks.get(idx)?;
        Some(meta.with_stock(stock, seq))
    }

    /// All books, by item number.
    pub fn books(&self) -> Vec<Book> {
        let with_stock = |(idx, meta): (_, &BookMeta)| {
            let (stock, seq) = *self.stocks.get(idx)?;
            Some(meta.with_stock(stock, seq))
        };
        self.search_index.iter().filter_map(with_stock).collect()
    }

    /// The title of a book.
    pub fn title(&self, item: ItemNumber) -> Option<&str> {
        let (_, meta) = self.search_index.get(item)?;
        Some(&meta.title)
    }

    /// The part of a book that a decision needs.
    pub fn stock_and_price(&self, item: ItemNumber) -> Option<StockAndPrice> {
        let (idx, meta) = self.search_index.get(item)?;
        let (stock, _) = *self.stocks.get(idx)?;
        let cost = meta.cost;
        Some(StockAndPrice { stock, cost })
    }
}
