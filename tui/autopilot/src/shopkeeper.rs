//! The shopkeeper: restocks books during a run.

use std::sync::Arc;
use std::time::Duration;

use common::client::{Resolution, send_until_decided};
use common::wire::{Book, StockChange};
use common::{Deadline, ItemNumber, Quantity, limits};

use super::audit::{Key, OperationKind, OperationOutcome, OperationRecord, Requested, SHOPKEEPER, StockObservation};
use super::run_state::Shared;

/// Between two rounds of restocking.
const ROUND_INTERVAL: Duration = Duration::from_millis(50);

/// Adds copies to every book with fewer than half as many left, until the workload has finished.
pub(super) async fn run(shared: Arc<Shared>, copies: u32) {
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
            let key = Key {
                shopper: SHOPKEEPER,
                number,
            };
            number += 1;
            restock(&shared, key, item, copies).await;
        }
    }
}

async fn restock(shared: &Shared, key: Key, item: ItemNumber, copies: u32) {
    let invoked_us = shared.begin_operation(key);
    let order = shared.run.order(key);
    let change = StockChange::By(i64::from(copies));
    let deadline = Deadline::after(limits::DEADLINE_DEFAULT);
    let resolution = send_until_decided(deadline, || shared.shop.restock(item, change, order)).await;
    let unknown = OperationOutcome::Unknown(Requested {
        item,
        quantity: Quantity::ONE,
    });
    let outcome = match resolution {
        Resolution::Decided(answer) => match answer.parse::<Book>() {
            Ok(Book { item, seq, stock, .. }) => {
                shared.observe(&[StockObservation { item, seq, stock }]);
                OperationOutcome::Acknowledged(OperationRecord {
                    seq,
                    invoked_us,
                    answered_us: shared.now_us(),
                    key,
                    item,
                    kind: OperationKind::Restocked(copies),
                    stock: Some(stock),
                })
            }
            Err(_) if answer.is_success() => unknown,
            Err(_) => OperationOutcome::Refused,
        },
        Resolution::NotApplied(_) => OperationOutcome::Refused,
        Resolution::Unknown(_) => unknown,
    };
    shared.end_operation(key, outcome);
}
