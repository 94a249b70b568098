//! The stock of each book of a run: copies at the start, sold by this run, and left.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{ItemNumber, Seq, Stock};

use super::sample::BookSample;

/// The stock of one book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookStock {
    /// Its number.
    pub item: ItemNumber,
    /// Its title as the store sent it, not sanitized.
    pub title: Arc<str>,
    /// Copies at the start.
    pub start: Stock,
    /// Copies sold by this run.
    pub sold: u64,
    /// Copies left.
    pub left: Stock,
    /// The entry as of which `left` is the stock; older answers do not replace it.
    pub seq: Seq,
}

/// The books of the run by item number.
#[derive(Debug, Clone, Default)]
pub(super) struct Stocks(pub(super) BTreeMap<ItemNumber, BookStock>);

impl Stocks {
    pub(super) fn new(sample: &BookSample) -> Self {
        let stocks = sample.books.iter().map(|book| {
            let stock = BookStock {
                item: book.item,
                title: book.title.as_str().into(),
                start: book.stock,
                sold: 0,
                left: book.stock,
                seq: book.seq,
            };
            (book.item, stock)
        });
        Self(stocks.collect())
    }

    pub(super) fn observe(&mut self, item: ItemNumber, stock: Stock, seq: Seq) {
        if let Some(book) = self.0.get_mut(&item).filter(|book| book.seq < seq) {
            (book.left, book.seq) = (stock, seq);
        }
    }

    pub(super) fn sold(&mut self, item: ItemNumber, copies: u32) {
        if let Some(book) = self.0.get_mut(&item) {
            book.sold = book.sold.saturating_add(u64::from(copies));
        }
    }

    /// The books with fewer copies left than `copies`.
    pub(super) fn below(&self, copies: u32) -> Vec<ItemNumber> {
        let low = self.0.values().filter(|book| book.left.get() < copies);
        low.map(|book| book.item).collect()
    }

    /// The sum over all books of a number of copies.
    pub(super) fn sum(&self, copies: impl Fn(&BookStock) -> u64) -> u64 {
        self.0.values().map(copies).sum()
    }
}
