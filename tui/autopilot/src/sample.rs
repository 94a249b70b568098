//! A bounded sample of the store's books and topics, read before a run begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::client::{Error, ShopClient};
use common::limits::PAGE_BOOKS_MAX;
use common::wire::{Book, BookPage, Topics};
use common::{ItemNumber, Position};

/// The most topics in a sample.
const TOPICS_MAX: usize = 1_000;
/// The most books in a sample.
const BOOKS_MAX: usize = 10_000;

/// A sample of the store, the same at each read of an unchanged store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BookSample {
    /// Topics in the store's order.
    pub(super) topics: Vec<Arc<str>>,
    /// Books by item number.
    pub(super) books: Vec<Book>,
    /// The ledger's head at the start of the read, or shortly before.
    pub(super) head: Position,
}

impl BookSample {
    /// Reads the sample, with the same maximum number of books for each topic.
    pub(super) async fn read(shop: &ShopClient) -> Result<Self, Error> {
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
    books: &mut BTreeMap<ItemNumber, Book>,
) -> Result<(), Error> {
    let mut after: Option<String> = None;
    let mut taken = 0;
    loop {
        let limit = PAGE_BOOKS_MAX.min(share - taken);
        let page: BookPage = shop.search_topic(topic, after.as_deref(), limit).await?.parse()?;
        taken += page.books.len();
        let is_last = page.books.is_empty() || page.next.is_none() || taken >= share;
        books.extend(page.books.into_iter().map(|book| (book.item, book)));
        if is_last {
            return Ok(());
        }
        after = page.next;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use common::{Cost, Description, Seq, Stock};

    use super::*;

    pub(crate) fn four_books() -> BookSample {
        let book = |(item, title, stock): (u64, &str, u64)| {
            let description = Description::new("graduate school");
            let (number, stock) = (ItemNumber::try_from(item).unwrap(), Stock::try_from(stock).unwrap());
            Book::new(number, title.into(), description, Cost::default(), stock, Seq(item))
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
            head: Seq(4).into(),
        }
    }
}
