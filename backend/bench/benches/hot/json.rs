//! Writing and parsing the request and response bodies between the services.

use common::wire::{
    BatchReceipt, Decision, Decisions, Order, OrderBatch, OrderResult, OrderResults, Outcome, Receipt, Sale, SaleBatch,
};
use common::{Epoch, InlineVec, Seq, StoreId};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::shop::{BATCH, entries, sales};

/// A body with a batch.
trait Body: Serialize + DeserializeOwned {
    fn new() -> Self;
}

impl Body for OrderBatch {
    fn new() -> Self {
        let order = |sale: Sale| Order {
            id: Some(sale.id),
            lines: sale.lines,
            keyed: Some(true),
            deadline: Some(sale.deadline),
        };
        Self {
            orders: sales().into_iter().map(order).collect(),
        }
    }
}

impl Body for SaleBatch {
    fn new() -> Self {
        Self { sales: sales() }
    }
}

impl Body for Decisions {
    fn new() -> Self {
        let decision = |entry: common::Entry| Decision {
            order: entry.order.unwrap(),
            outcome: Outcome::Sold,
            replayed: false,
            entries: [entry].into(),
            refused: InlineVec::new(),
        };
        Self {
            decisions: entries(Seq(4)).into_iter().map(decision).collect(),
            head: Seq(4 + BATCH),
            epoch: Epoch::FIRST,
            store: StoreId::generate(),
        }
    }
}

impl Body for OrderResults {
    fn new() -> Self {
        let placed = |entry: &common::Entry| {
            let receipt = Receipt::from_entries(std::slice::from_ref(entry)).unwrap();
            let replayed = false;
            OrderResult::Receipt(BatchReceipt { receipt, replayed })
        };
        let entries = entries(Seq(4));
        Self {
            results: entries.iter().map(placed).collect(),
            head: Seq(4 + BATCH),
            epoch: Epoch::FIRST,
            store: Some(StoreId::generate()),
            entries,
        }
    }
}

#[divan::bench(types = [OrderBatch, SaleBatch, Decisions, OrderResults], counters = [ItemsCount::new(BATCH)])]
fn write<T: Body>(bencher: Bencher<'_, '_>) {
    let body = T::new();
    bencher.bench_local(|| serde_json::to_vec(&body).unwrap());
}

/// Parses the whole body. A front-end parses only the start of a receipt and forwards its bytes.
#[divan::bench(types = [OrderBatch, SaleBatch, Decisions, OrderResults], counters = [ItemsCount::new(BATCH)])]
fn read<T: Body>(bencher: Bencher<'_, '_>) {
    let bytes = serde_json::to_vec(&T::new()).unwrap();
    bencher.bench_local(|| serde_json::from_slice::<T>(black_box(&bytes)).unwrap());
}
