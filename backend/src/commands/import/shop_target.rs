//! Changes a running shop through its front-end, in batches. Each batch is done completely or not at all.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use common::backoff::Backoff;
use common::client::{Resolution, ShopClient, send_until_decided};
use common::wire::{BookFields, BookPage, BooksBody, ChangedBooks, LedgerPage, NumberedBook, Topics};
use common::{Code, Deadline, Entry, OrderId, Seq, StoreId, limits};
use tokio::runtime::Runtime;

use super::summary::after;
use crate::catalog::CatalogDiff;
use crate::commands::progress::Progress;
use crate::commands::source::endpoint;
use crate::settings::{self, AdminToken};
use crate::store::StoreState;

/// The time for which a batch is retried until the shop decides it: long enough for a restart.
const DECISION_TIMEOUT: Duration = Duration::from_secs(30);
/// The size of the body of an empty batch, in bytes.
const EMPTY_BODY_BYTES: usize = br#"{"set":[],"withdraw":[]}"#.len();

/// A running shop as the target of an import, and the runtime that its client needs.
pub(super) struct ShopTarget {
    shop: ShopClient,
    runtime: Runtime,
}

impl ShopTarget {
    /// The shop at an address.
    pub(super) fn new(url: &str, ca: Option<&Path>, token: &AdminToken) -> Result<Self> {
        let Some(token) = token.read()?.get() else {
            let why = "changing a running shop needs the shopkeeper's token: give it with --admin-token-file or \
                       BOOKSTORE_ADMIN_TOKEN";
            return Err(settings::Error(why.to_owned()).into());
        };
        let endpoint = endpoint(url, ca)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            shop: ShopClient::new(endpoint, Some(&token)),
            runtime,
        })
    }

    /// Reads the shop's books topic by topic, and sorts them by item number. They may change meanwhile.
    pub(super) fn load(&self) -> Result<StoreState> {
        let _progress = Progress::waiting(format!("reading the books of {self}"));
        let read = async {
            // A shop answers this request only to its shopkeeper.
            let _: LedgerPage = self.shop.ledger(Seq::ZERO, 1).await?.parse()?;
            let topics: Topics = self.shop.topics().await?.parse()?;
            let mut books = Vec::new();
            for topic in topics.topics {
                let mut next = None;
                loop {
                    let page = self
                        .shop
                        .search_topic(&topic.topic, next.as_deref(), limits::PAGE_BOOKS_MAX);
                    let page: BookPage = page.await?.parse()?;
                    books.extend(page.books);
                    next = page.next;
                    if next.is_none() {
                        break;
                    }
                }
            }
            Ok::<_, common::client::Error>(books)
        };
        let mut books = self.runtime.block_on(read).context("the shop cannot be read")?;
        books.sort_unstable_by_key(|book| book.item);
        // A book that moved to another topic meanwhile may have been read twice.
        books.dedup_by_key(|book| book.item);
        let position = self.shop.last_position();
        Ok(StoreState {
            store: StoreId::generate(),
            epoch: position.epoch,
            head: position.seq,
            books,
        })
    }

    /// Makes the changes in batches; returns the last entry. With `keep_stock` no stock is sent, so that sales meanwhile are
    /// not undone.
    pub(super) fn write(&self, before: &StoreState, changes: &CatalogDiff, keep_stock: bool) -> Result<Seq> {
        let batches = batches(before, &changes.entries, keep_stock);
        let total = changes.entries.len();
        let progress = Progress::counting("changing books", total as u64);
        let (mut done, mut head) = (0, before.head);
        for (number, batch) in batches.iter().enumerate() {
            let changed = self.runtime.block_on(self.send(batch)).with_context(|| {
                let count = batches.len();
                format!(
                    "{self}: {number} of {count} batches, {done} of {total} changes, are done; run the same command \
                     again to do the rest"
                )
            })?;
            head = changed.seq;
            let changes = batch.set.len() + batch.withdraw.len();
            done += changes;
            progress.add(changes);
        }
        Ok(head)
    }

    /// Sends a batch under one key until it is decided, for at most [`DECISION_TIMEOUT`].
    async fn send(&self, batch: &BooksBody) -> Result<ChangedBooks> {
        let (key, deadline) = (OrderId::generate(), Deadline::after(DECISION_TIMEOUT));
        let (begun, mut backoff) = (Instant::now(), Backoff::RECONNECT);
        loop {
            let failed = match send_until_decided(deadline, || self.shop.change_books(batch, key)).await {
                Resolution::Decided(response) => return Ok(response.parse()?),
                Resolution::Unknown(last) => {
                    let why = why(last);
                    bail!("whether the next batch was done is unknown: {why}");
                }
                Resolution::NotApplied(last) => last,
            };
            let is_permanent = failed.as_ref().is_ok_and(|response| {
                !matches!(
                    response.error().code(),
                    Some(Code::Unavailable | Code::TooManyRequests | Code::StorageFull)
                )
            });
            let delay = backoff.next_delay();
            if is_permanent || begun.elapsed() + delay > DECISION_TIMEOUT {
                return Err(why(failed));
            }
            tokio::time::sleep(delay).await;
        }
    }
}

impl fmt::Display for ShopTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shop.url())
    }
}

fn why(last: common::client::Result) -> anyhow::Error {
    match last {
        Ok(response) => anyhow!(response.error()),
        Err(error) => anyhow!(error),
    }
}

/// Splits the changes into bodies of at most 1,000 books and 1 MiB.
fn batches(before: &StoreState, entries: &[Entry], keep_stock: bool) -> Vec<BooksBody> {
    let mut batches: Vec<BooksBody> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let book = after(before.book(entry.item), entry).map(|book| NumberedBook {
            item: book.item,
            fields: BookFields {
                stock: (!keep_stock).then_some(book.stock),
                ..book.into()
            },
        });
        let size = match &book {
            // The wire types are plain structs with string keys: serializing them cannot fail.
            Some(book) => serde_json::to_vec(book).map_or(0, |json| json.len()),
            None => entry.item.to_string().len(),
        };
        let separated = size + 1;
        let has_capacity = batches.last().is_some_and(|batch| {
            let count = batch.set.len() + batch.withdraw.len();
            count < limits::GROUP_LINES_MAX.into() && bytes + separated <= limits::BATCH_BODY_BYTES_MAX
        });
        if !has_capacity {
            batches.push(BooksBody::default());
            bytes = EMPTY_BODY_BYTES;
        }
        bytes += separated;
        if let Some(batch) = batches.last_mut() {
            match book {
                Some(book) => batch.set.push(book),
                None => batch.withdraw.push(entry.item),
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use common::Timestamp;

    use super::*;
    use crate::store::catalog_file;

    #[test]
    fn batches_are_limited_in_books_and_bytes() {
        let before = StoreState {
            store: StoreId::generate(),
            epoch: common::Epoch::FIRST,
            head: Seq::ZERO,
            books: Vec::new(),
        };
        for (title, books, expected) in [("x", 2_500_usize, 3), (&*"\"".repeat(1_000), 1_000, 2), ("x", 1_000, 1)] {
            let title = title.replace('"', "\"\"");
            let text: String = (1..=books).map(|item| format!("{item},\"{title}\",5,10,t\n")).collect();
            let rows = catalog_file::parse(text.as_bytes(), "books.csv".as_ref()).unwrap();
            let diff = CatalogDiff::between(Seq::ZERO, &[], rows, false, Timestamp::now());
            let batches = batches(&before, &diff.entries, false);
            assert_eq!(batches.len(), expected, "{books}");
            let bodies = batches.iter().map(|batch| serde_json::to_vec(batch).unwrap().len());
            assert!(
                bodies.clone().all(|bytes| bytes <= limits::BATCH_BODY_BYTES_MAX),
                "{bodies:?}"
            );
            assert_eq!(batches.iter().map(|batch| batch.set.len()).sum::<usize>(), books);
        }
    }
}
