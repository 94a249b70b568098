//! The state machine over the ledger: books, stock, decided orders. It holds only what is durable.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use common::wire::Book;
use common::{Entry, Epoch, ItemNumber, Kind, Position, Seq, Stock, StoreId};
use rules::BookState;

use super::decide::CurrentBook;
use super::decision_index::DecisionIndex;
use super::search_index::{BookMeta, SearchIndex};
use crate::store::StoreState;

/// Where a ledger ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LedgerEnd {
    /// The store's id; another one means another history.
    pub(super) store: StoreId,
    /// The last entry.
    pub(super) head: Position,
}

/// The catalog as of one entry.
#[derive(Debug)]
pub struct State {
    /// The id of the store whose ledger this is.
    pub store: StoreId,
    /// Number of replacements of its history.
    epoch: Epoch,
    /// The last entry that was applied.
    pub head: Seq,
    /// The books without their stocks.
    pub search_index: Arc<SearchIndex>,
    /// The newest entries and the decided orders.
    pub decisions: DecisionIndex,
    /// The stock of each book, and the entry that changed it last, by [`BookIdx`](super::search_index::BookIdx).
    stocks: Vec<(Stock, Seq)>,
}

impl State {
    /// The state of a store without its decisions.
    pub fn new(loaded: StoreState) -> Self {
        let mut state = Self::unindexed(loaded);
        state.search_index = Arc::new(state.search_index.with_texts());
        state
    }

    /// The state of a store. `decisions` reads its decisions while another thread indexes the texts.
    pub(super) fn load<E>(
        loaded: StoreState,
        decisions: impl FnOnce(&Self) -> Result<DecisionIndex, E>,
    ) -> Result<Self, E> {
        let mut state = Self::unindexed(loaded);
        let (search_index, decisions) = thread::scope(|scope| {
            let search_index = scope.spawn(|| state.search_index.with_texts());
            let decisions = decisions(&state);
            let search_index = search_index.join();
            (search_index.unwrap_or_else(|panic| resume_unwind(panic)), decisions)
        });
        (state.search_index, state.decisions) = (Arc::new(search_index), decisions?);
        Ok(state)
    }

    /// The books without the index of their texts.
    fn unindexed(loaded: StoreState) -> Self {
        let StoreState {
            store,
            epoch,
            head,
            mut books,
        } = loaded;
        books.sort_unstable_by_key(|book| book.item);
        let stocks = books.iter().map(|book| (book.stock, book.seq)).collect();
        let books = books.into_iter().map(BookMeta::from).collect();
        Self {
            store,
            epoch,
            head,
            search_index: Arc::new(SearchIndex::without_texts(books)),
            decisions: DecisionIndex::default(),
            stocks,
        }
    }

    pub(super) fn end(&self) -> LedgerEnd {
        LedgerEnd {
            store: self.store,
            head: self.position(),
        }
    }

    /// The last entry that was applied, in its history.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.epoch,
            seq: self.head,
        }
    }

    /// Applies the next entries: whole groups.
    pub fn apply(&mut self, entries: Vec<Entry>) {
        // Shops with seeded bugs must continue, so that an auditor finds the violations.
        debug_assert!(
            cfg!(feature = "fault-injection") || self.check(&entries).is_empty(),
            "{:?} by {entries:?}",
            self.check(&entries)
        );
        for mut entry in entries {
            if let Some(book) = entry.described() {
                self.describe(book);
            } else if entry.kind == Kind::Withdrawn {
                Arc::make_mut(&mut self.search_index).withdraw(entry.item);
            } else if entry.kind.changes_book()
                && let Some((idx, _)) = self.search_index.get(entry.item)
                && let Some(book) = self.stocks.get_mut(idx)
                && let Some(stock) = entry.stock_after
            {
                *book = (stock, entry.seq);
            }
            self.share_texts(&mut entry);
            self.head = entry.seq;
            self.decisions.push(entry);
        }
    }

    /// Adds a book, or changes the one with its number.
    fn describe(&mut self, book: Book) {
        let state = (book.stock, book.seq);
        let idx = Arc::make_mut(&mut self.search_index).upsert(book.into());
        match self.stocks.get_mut(idx) {
            Some(known) => *known = state,
            None => self.stocks.push(state),
        }
    }

    /// The violations of the ledger's rules that applying these entries would cause.
    fn check(&self, entries: &[Entry]) -> Vec<rules::Violation> {
        let mut end = rules::SequenceState::at(self.head);
        let mut books = BTreeMap::new();
        let mut violations = Vec::new();
        for entry in entries {
            let known = books.remove(&entry.item);
            let before = known.unwrap_or_else(|| self.book(entry.item).as_ref().map(BookState::from));
            violations.extend(rules::check_sequence(&end, entry));
            violations.extend(rules::check_entry(entry, before.as_ref()));
            end = end.after(entry);
            books.insert(entry.item, BookState::after(before, entry));
        }
        violations.extend(end.check_complete());
        violations
    }

    /// Makes an entry share the memory of its book's texts, if they are equal.
    pub fn share_texts(&self, entry: &mut Entry) {
        let (Some((_, meta)), Some(title)) = (self.search_index.get(entry.item), &mut entry.title) else {
            return;
        };
        share(title, &meta.title);
        if let Some(description) = &mut entry.description {
            share(&mut **description, &meta.description);
        }
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

    /// The part of a book that a decision needs.
    pub fn current_book(&self, item: ItemNumber) -> Option<CurrentBook> {
        let (idx, meta) = self.search_index.get(item)?;
        let (stock, seq) = *self.stocks.get(idx)?;
        Some(CurrentBook {
            title: meta.title.clone(),
            stock,
            cost: meta.cost,
            seq,
        })
    }
}

fn share<T: Clone + PartialEq>(value: &mut T, known: &T) {
    if value == known {
        value.clone_from(known);
    }
}

#[cfg(test)]
mod tests {
    use common::{ArcStr, Timestamp};

    use super::*;
    use crate::catalog::CatalogDiff;
    use crate::store::catalog_file;

    /// Applies an import of a catalog file.
    fn import(state: &mut State, text: &str) {
        let rows = catalog_file::parse(text.as_bytes(), "books.csv".as_ref()).unwrap();
        let at = Timestamp::from_micros(0);
        state.apply(CatalogDiff::between(state.head, &state.books(), rows, true, at).entries);
    }

    #[test]
    fn books_are_added_described_anew_and_withdrawn_by_entries_alone() {
        let mut state = State::new(StoreState {
            store: StoreId::generate(),
            epoch: Epoch::FIRST,
            head: Seq::ZERO,
            books: Vec::new(),
        });
        import(&mut state, "1,One,5,10,t\n3,Three,7,30,t\n");
        import(&mut state, "3,Drei,7,30,t\n2,Two,6,20,u\n");
        let books = state.books();
        let columns: Vec<_> = books
            .iter()
            .map(|book| (&*book.title, book.stock.get(), book.seq.0))
            .collect();
        assert_eq!(columns, [("Two", 6, 5), ("Drei", 7, 4)]);
        assert_eq!((state.head, state.book("1".parse().unwrap())), (Seq(5), None));
        let found = state.search_index.find_topic("t", None, 9).books;
        assert_eq!(found, [books[1].item]);
        // A book that comes back is another one.
        import(&mut state, "1,Eins,1,10,t\n2,Two,6,20,u\n");
        assert_eq!(state.book("1".parse().unwrap()).unwrap().stock.get(), 1);
        assert_eq!(state.book("2".parse().unwrap()).as_ref(), Some(&books[0]));
        let entries = state.decisions.entries_after(Seq::ZERO, 99).unwrap();
        let newest = entries.iter().rev().find_map(|entry| entry.title.as_ref()).unwrap();
        assert!(
            ArcStr::ptr_eq(newest, &state.book("1".parse().unwrap()).unwrap().title),
            "texts are shared"
        );
    }
}
