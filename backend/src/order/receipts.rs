//! Receipts, read from the ledger.

use common::client::{AsOf, Freshness};
use common::entry::groups;
use common::wire::{Receipt, ReceiptPage};
use common::{OrderId, Problem, Seq, limits};

use super::OrderService;
use crate::client_response::client_problem;

/// Limit on the ledger pages read for one page of receipts. At the limit the page ends early, with a cursor.
const LEDGER_PAGES_MAX: usize = 10;

impl OrderService {
    /// The receipt of one order; `None` if it is not decided, or if the id is that of a shopkeeper's change.
    pub(super) async fn find(&self, order: OrderId, fresh: Freshness) -> Result<AsOf<Option<Receipt>>, Problem> {
        let found = self.catalog.find_order(order, fresh).await;
        let AsOf { value, position } = found.map_err(client_problem)?;
        self.position.observe_position(Some(position));
        let value = Receipt::from_entries(&value);
        Ok(AsOf { value, position })
    }

    /// At most `limit` receipts after that entry of the ledger, oldest first.
    pub(super) async fn list(&self, after: Seq, limit: usize) -> Result<ReceiptPage, Problem> {
        let mut orders = Vec::new();
        let (mut after, mut more) = (after, true);
        for _ in 0..LEDGER_PAGES_MAX {
            let page = self
                .catalog
                .ledger(after, limits::LEDGER_PAGE_MAX, Freshness::default())
                .await;
            let page = page.map_err(client_problem)?;
            self.position.observe_position(Some(page.position()));
            for group in groups(&page.entries) {
                if orders.len() == limit {
                    break;
                }
                after = group.last().map_or(after, |last| last.seq);
                orders.extend(Receipt::from_entries(group));
            }
            more = after < page.head;
            if !more || orders.len() == limit {
                break;
            }
        }
        Ok(ReceiptPage {
            orders,
            next: more.then(|| after.to_string()),
        })
    }
}
