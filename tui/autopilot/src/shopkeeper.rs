//! The shopkeeper: restocks books during a run.

use std::sync::Arc;
use std::time::Duration;

use common::wire::{Book, StockChange};
use common::{Deadline, ItemNumber, Quantity, limits};

use super::audit::{Asked, Key, OperationKind, OperationRecord, SHOPKEEPER, StockObservation};
use super::run_state::Shared;
use common::client::{Resolution, send_until_decided};

/// The interval between two rounds of restocking.
const ROUND: Duration = Duration::from_millis(50);

/// Adds copies to every book with fewer than half as many left, until the workload has finished.
pub(super) async fn keep(shared: Arc<Shared>, copies: u32) {
    let mut number = 0;
    loop {
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
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
            fill(&shared, key, item, copies).await;
        }
    }
}

async fn fill(shared: &Shared, key: Key, item: ItemNumber, copies: u32) {
    shared.watermark.begin(SHOPKEEPER, shared.shop.last_seq());
    shared.history().asks(key);
    let invoked_us = shared.now_us();
    let order = shared.run.order(key);
    let change = StockChange::By(i64::from(copies));
    let deadline = Deadline::after(limits::DEADLINE_DEFAULT);
    let settled = send_until_decided(deadline, || shared.shop.restock(item, change, order)).await;
    let unknown = Asked {
        item,
        quantity: Quantity::ONE,
    };
    let mut history = shared.history();
    match settled {
        Resolution::Decided(answer) => match answer.parse::<Book>() {
            Ok(book) => {
                history.acknowledged(&OperationRecord {
                    seq: book.seq,
                    invoked_us,
                    answered_us: shared.now_us(),
                    key,
                    item: book.item,
                    kind: OperationKind::Restocked(copies),
                    stock: Some(book.stock),
                });
                drop(history);
                shared.observe(&[StockObservation {
                    item: book.item,
                    seq: book.seq,
                    stock: book.stock,
                }]);
            }
            Err(_) if answer.is_success() => history.unsettled(key, unknown),
            Err(_) => history.refused(key),
        },
        Resolution::NotApplied(_) => history.refused(key),
        Resolution::Unknown(_) => history.unsettled(key, unknown),
    }
    shared.watermark.end(SHOPKEEPER);
}
