//! The shopkeeper: restocks books during a run.

use std::sync::Arc;
use std::time::Duration;

use common::client::{Resolution, send_until_decided};
use common::wire::{Book, OrderLines, StockChange};
use common::{Deadline, InlineVec, ItemNumber, Quantity, limits};

use super::audit::{ChangeKind, ChangeOutcome, ChangeRecord, OrderKey, SHOPKEEPER, StockObservation};
use super::run_state::RunState;

/// Interval between two rounds of restocking.
const ROUND_INTERVAL: Duration = Duration::from_millis(50);

/// Adds `copies` to every book with fewer than `copies / 2` left, until the workload ends.
pub(super) async fn run(shared: Arc<RunState>, copies: u32) {
    let mut number = 0;
    loop {
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            () = tokio::time::sleep(ROUND_INTERVAL) => {}
        }
        let low = shared.stats().stocks.below(copies.div_ceil(2));
        for item in low {
            if shared.stopping.is_cancelled() {
                return;
            }
            let key = OrderKey {
                shopper: SHOPKEEPER,
                number,
            };
            number += 1;
            restock(&shared, key, item, copies).await;
        }
    }
}

async fn restock(shared: &RunState, key: OrderKey, item: ItemNumber, copies: u32) {
    let invoked_us = shared.begin_change(key);
    let order = shared.run_id.order(key);
    let change = StockChange::By(i64::from(copies));
    let deadline = Deadline::after(limits::DEADLINE_DEFAULT);
    let resolution = send_until_decided(deadline, || shared.shop.change_stock(item, change, order)).await;
    let unknown = ChangeOutcome::Unknown(OrderLines::one(item, Quantity::ONE));
    let outcome = match resolution {
        Resolution::Decided(answer) => match answer.parse::<Book>() {
            Ok(Book { item, seq, stock, .. }) => {
                shared.observe(&[StockObservation { item, seq, stock }]);
                ChangeOutcome::Acknowledged(InlineVec::from_buf([ChangeRecord {
                    seq,
                    invoked_us,
                    answered_us: shared.now_us(),
                    key,
                    item,
                    kind: ChangeKind::Restocked(copies),
                    stock: Some(stock),
                }]))
            }
            Err(_) if answer.is_success() => unknown,
            Err(_) => ChangeOutcome::Refused,
        },
        Resolution::NotApplied(_) => ChangeOutcome::Refused,
        Resolution::Unknown(_) => unknown,
    };
    shared.end_change(key, outcome);
}
