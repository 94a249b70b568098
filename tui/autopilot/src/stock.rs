//! The stock of each book during a run: at the start, sold by this run, left.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{ItemNumber, Seq, Stock};

use super::sample::BookSample;
use super::snapshot::StockRow;

/// The stock of one book.
#[derive(Debug, Clone)]
pub(super) struct Shelved {
    pub(super) title: Arc<str>,
    pub(super) start: Stock,
    /// Copies sold by this run.
    pub(super) sold: u64,
    pub(super) left: Stock,
    /// The entry to which `left` belongs; older answers do not replace it.
    pub(super) seq: Seq,
}

/// The books of the run by item number.
#[derive(Debug, Clone, Default)]
pub(super) struct Stocks(pub(super) BTreeMap<ItemNumber, Shelved>);

impl Stocks {
    pub(super) fn of(sample: &BookSample) -> Self {
        let shelved = sample.books.iter().map(|book| {
            let state = Shelved {
                title: Arc::clone(&book.title),
                start: book.start,
                sold: 0,
                left: book.start,
                seq: book.seq,
            };
            (book.item, state)
        });
        Self(shelved.collect())
    }

    /// Records the stock that an answer showed.
    pub(super) fn observe(&mut self, item: ItemNumber, stock: Stock, seq: Seq) {
        if let Some(book) = self.0.get_mut(&item).filter(|book| book.seq < seq) {
            (book.left, book.seq) = (stock, seq);
        }
    }

    /// Records a sale of this run.
    pub(super) fn sold(&mut self, item: ItemNumber, copies: u32) {
        if let Some(book) = self.0.get_mut(&item) {
            book.sold = book.sold.saturating_add(u64::from(copies));
        }
    }

    /// The books with fewer copies left than `copies`.
    pub(super) fn below(&self, copies: u32) -> Vec<ItemNumber> {
        let low = self.0.iter().filter(|(_, book)| book.left.get() < copies);
        low.map(|(item, _)| *item).collect()
    }

    /// The copies of all books at the start, and those left.
    pub(super) fn sums(&self) -> (u64, u64) {
        self.0.values().fold((0, 0), |(start, left), book| {
            (start + u64::from(book.start.get()), left + u64::from(book.left.get()))
        })
    }

    /// The first books, for the screen.
    pub(super) fn rows(&self, limit: usize) -> Vec<StockRow> {
        let rows = self.0.iter().take(limit).map(|(item, book)| StockRow {
            item: *item,
            title: Arc::clone(&book.title),
            start: book.start.get(),
            sold: book.sold,
            left: book.left.get(),
        });
        rows.collect()
    }
}
