//! The journal of commands. An order that cannot be recorded is still sent, because the command prints its id.

use std::sync::Arc;
use std::time::Duration;

use common::OrderId;
use common::client::ShopClient;

use super::output::Output;
use crate::journal::{self, Journal, JournalLocation, Outcome, Record, SentOrder};

/// Longest delay of the answer by the request for the store's id, which only the journal needs.
const STORE_TIMEOUT: Duration = Duration::from_millis(500);

/// The record of one order.
pub(super) struct OrderRecord {
    order: OrderId,
    /// `None` if the journal cannot be written.
    journal: Option<Arc<Journal>>,
}

impl OrderRecord {
    /// Records that the order is about to be sent.
    pub(super) async fn begin(sent: SentOrder, location: Option<JournalLocation>, out: &Output) -> Self {
        let order = sent.order;
        let begun = blocking(move || {
            let location = location.ok_or("no home folder is known")?;
            let journal = Journal::open_to_append(&location).map_err(|error| error.to_string())?;
            journal
                .append(&[Record::Sent(sent)])
                .map_err(|error| error.to_string())?;
            Ok(Arc::new(journal))
        });
        let journal = match begun.await {
            Ok(journal) => Some(journal),
            Err(why) => {
                print_unrecorded(&why, out).await;
                None
            }
        };
        Self { order, journal }
    }

    /// Records the outcome, and the store that decided the order.
    pub(super) async fn end(self, outcome: Record, shop: &ShopClient, out: &Output) {
        let Some(journal) = self.journal else { return };
        let mut records = vec![outcome];
        if let Ok(Ok(Some(store))) = tokio::time::timeout(STORE_TIMEOUT, shop.store()).await {
            let order = self.order;
            records.push(Record::Store { order, store });
        }
        let ended = blocking(move || journal.append(&records).map_err(|error| error.to_string()));
        if let Err(why) = ended.await {
            print_unrecorded(&why, out).await;
        }
    }

    /// Records the outcome of an earlier order that is in the journal without an outcome.
    pub(super) async fn end_earlier(order: OrderId, outcome: Record, location: Option<JournalLocation>, out: &Output) {
        let ended = blocking(move || {
            let Some(location) = location else {
                return Ok(());
            };
            let contents = journal::read(&location.folder).map_err(|error| error.to_string())?;
            let mut orders = journal::recorded_orders(contents.records).into_iter();
            let is_open = orders.any(|known| known.sent.order == order && known.outcome == Outcome::Undecided);
            match is_open {
                true => Journal::open_to_append(&location).and_then(|journal| journal.append(&[outcome])),
                false => Ok(()),
            }
            .map_err(|error| error.to_string())
        });
        if let Err(why) = ended.await {
            print_unrecorded(&why, out).await;
        }
    }
}

async fn print_unrecorded(why: &str, out: &Output) {
    out.print_notice(&format!("`bookstore orders` will not list this order: {why}"))
        .await;
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| error.to_string()).flatten()
}
