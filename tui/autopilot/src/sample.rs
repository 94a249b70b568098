//! The books and topics of a run, read once before it begins; a bounded sample of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::client::{Error, ShopClient};
use common::limits::PAGE_BOOKS_MAX;
use common::wire::{BookPage, Topics};
use common::{Cost, ItemNumber, Seq, Stock};

/// The most topics in a sample.
const TOPICS_MAX: usize = 1_000;
/// The most books in a sample.
const BOOKS_MAX: usize = 10_000;

/// One book of the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleBook {
    /// Its number.
    pub item: ItemNumber,
    /// Its title, as the store sent it.
    pub title: Arc<str>,
    /// The cost of one copy.
    pub cost: Cost,
    /// The stock when it was read.
    pub start: Stock,
    /// The entry that changed the book last; `start` is the stock after it.
    pub seq: Seq,
}

/// A sample of the store. The same store gives the same sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookSample {
    /// In the store's order.
    pub topics: Vec<Arc<str>>,
    /// By item number.
    pub books: Vec<SampleBook>,
    /// An entry that was the ledger's head when reading began, or shortly before.
    pub head: Seq,
}

impl BookSample {
    /// Reads the sample: every topic gets an equal share of it.
    ///
    /// # Errors
    /// The error of the first request that failed.
    pub async fn read(shop: &ShopClient) -> Result<Self, Error> {
        let answer = shop.topics().await?;
        let head = answer.seq.unwrap_or_default();
        let topics: Vec<Arc<str>> = answer
            .parse::<Topics>()?
            .topics
            .into_iter()
            .take(TOPICS_MAX)
            .map(|topic| topic.topic.into())
            .collect();
        let share = (BOOKS_MAX / topics.len().max(1)).max(1);
        let mut books = BTreeMap::new();
        for topic in &topics {
            read_topic(shop, topic, share, &mut books).await?;
        }
        Ok(Self {
            topics,
            books: books.into_values().collect(),
            head,
        })
    }
}

async fn read_topic(
    shop: &ShopClient,
    topic: &str,
    share: usize,
    books: &mut BTreeMap<ItemNumber, SampleBook>,
) -> Result<(), Error> {
    let mut after: Option<String> = None;
    let mut taken = 0;
    while taken < share {
        let limit = PAGE_BOOKS_MAX.min(share - taken);
        let page: BookPage = shop.search_topic(topic, after.as_deref(), limit).await?.parse()?;
        if page.books.is_empty() {
            break;
        }
        taken += page.books.len();
        books.extend(page.books.into_iter().map(|book| {
            let kept = SampleBook {
                item: book.item,
                title: book.title.into(),
                cost: book.cost,
                start: book.stock,
                seq: book.seq,
            };
            (book.item, kept)
        }));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn four_books() -> BookSample {
        let book = |(item, title, start): (u64, &str, u64)| SampleBook {
            item: ItemNumber::try_from(item).unwrap(),
            title: title.into(),
            cost: Cost::default(),
            start: Stock::try_from(start).unwrap(),
            seq: Seq(item),
        };
        BookSample {
            topics: vec!["distributed systems".into(), "graduate school".into()],
            books: [
                (1, "How to get a good grade in 677 in 20 minutes a day", 400),
                (2, "RPCs for Dummies", 500),
                (3, "Xen and the Art of Surviving Graduate School", 300),
                (4, "Cooking for the Impatient Graduate Student", 500),
            ]
            .map(book)
            .into(),
            head: Seq(4),
        }
    }
}
