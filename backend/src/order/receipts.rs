//! Receipts, read from the ledger. A ledger entry has no title: receipts carry the book's present one.

use std::collections::HashMap;

use common::client::{Error, Freshness};
use common::wire::{Book, Receipt, ReceiptPage};
use common::{Entry, ItemNumber, OrderId, Problem, Seq, limits};
use futures::StreamExt;

use super::{Orders, read_problem};

/// Ledger pages read for one page of receipts; then the page ends early, with a cursor.
const LEDGER_PAGES_MAX: usize = 10;
/// Titles looked up at the same time.
const LOOKUPS_MAX: usize = 8;

impl Orders {
    /// The receipt of one order.
    pub(super) async fn find(&self, order: OrderId, fresh: Freshness) -> Result<Receipt, Problem> {
        let response = self.catalog.find_order(order, fresh).await.map_err(read_problem)?;
        self.observe_seq(response.seq);
        let entry: Entry = response.parse().map_err(read_problem)?;
        let title = self.title(entry.item).await?;
        Receipt::from_entry(&entry, title).ok_or_else(|| {
            Problem::new(common::Code::UnknownOrder, "That id is a stock change, not an order.").with_order(Some(order))
        })
    }

    /// At most `limit` receipts after that entry of the ledger, oldest first.
    pub(super) async fn list(&self, after: Seq, limit: usize) -> Result<ReceiptPage, Problem> {
        let mut found: Vec<Entry> = Vec::new();
        let (mut after, mut more) = (after, true);
        for _ in 0..LEDGER_PAGES_MAX {
            let page = self.catalog.ledger(after, limits::LEDGER_PAGE_MAX).await;
            let page = page.map_err(read_problem)?;
            self.observe_seq(Some(page.head));
            for entry in page.entries {
                if found.len() == limit {
                    break;
                }
                after = entry.seq;
                if Receipt::from_entry(&entry, None).is_some() {
                    found.push(entry);
                }
            }
            more = after < page.head;
            if !more || found.len() == limit {
                break;
            }
        }
        let titles = self.titles(&found).await?;
        let receipt = |entry: &Entry| Receipt::from_entry(entry, titles.get(&entry.item).cloned());
        Ok(ReceiptPage {
            orders: found.iter().filter_map(receipt).collect(),
            next: more.then(|| after.to_string()),
        })
    }

    async fn titles(&self, entries: &[Entry]) -> Result<HashMap<ItemNumber, String>, Problem> {
        let mut items: Vec<ItemNumber> = entries.iter().map(|entry| entry.item).collect();
        items.sort_unstable();
        items.dedup();
        let lookups = futures::stream::iter(items).map(|item| async move { (item, self.title(item).await) });
        let mut lookups = lookups.buffer_unordered(LOOKUPS_MAX);
        let mut titles = HashMap::new();
        while let Some((item, title)) = lookups.next().await {
            titles.extend(title?.map(|title| (item, title)));
        }
        Ok(titles)
    }

    async fn title(&self, item: ItemNumber) -> Result<Option<String>, Problem> {
        let response = self.catalog.lookup(item, Freshness::default()).await;
        match response.map_err(read_problem)?.parse::<Book>() {
            Ok(book) => Ok(Some(book.title)),
            Err(Error::Problem(problem)) if problem.code == common::Code::UnknownItem => Ok(None),
            Err(error) => Err(read_problem(error)),
        }
    }
}
